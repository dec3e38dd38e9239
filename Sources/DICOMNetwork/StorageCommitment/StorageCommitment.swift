import DCMTKBridge
import DICOMCore

extension SOPClassUID {
    /// Storage Commitment Push Model (PS3.4 J.3).
    package static let storageCommitmentPushModel = "1.2.840.10008.1.20.1"
}

extension SOPInstanceUID {
    /// The one instance of the Push Model (PS3.4 J.3.5).
    static let storageCommitmentPushModel = "1.2.840.10008.1.20.1.1"
}

/// An instance as one refers to it.
package struct SOPReference: Hashable, Sendable {
    /// (0008,1150)
    package let sopClass: SOPClassUID
    /// (0008,1155)
    package let sopInstance: SOPInstanceUID

    /// A reference.
    package init(sopClass: SOPClassUID, sopInstance: SOPInstanceUID) {
        self.sopClass = sopClass
        self.sopInstance = sopInstance
    }
}

/// What a peer asks by N-ACTION (PS3.4 table J.3-1): whether it may rely on these instances being kept.
package struct StorageCommitmentRequest: Hashable, Sendable {
    /// (0008,1195)
    package let transactionUID: UID
    /// (0008,1199), at least one, each instance once.
    package let references: [SOPReference]

    /// More in one request are refused: a study of 10 000 images fits twice, and the list is held in memory.
    package static let maximumReferences = 20_000

    /// What its data set may cost.
    static let limits = DataSetPreParser.Limits(headerBytes: 4 << 20, depth: 4, elements: 5 * maximumReferences)

    /// A request; tests make their own.
    package init(transactionUID: UID, references: [SOPReference]) {
        self.transactionUID = transactionUID
        self.references = references
    }

    /// Reads the Action Information, which must have passed the pre-parser.
    init(parsing bytes: [UInt8], transferSyntax: TransferSyntax) throws(ActionRefusal) {
        let dataSet: DataSet
        do { dataSet = try DataSet(parsing: bytes, transferSyntax: transferSyntax) } catch { throw .notParsed }
        guard let transaction = dataSet.string(.transactionUID), !transaction.isEmpty else { throw .noTransactionUID }
        guard let transactionUID = UID(transaction) else { throw .notUID }
        self.transactionUID = transactionUID
        self.references = try Self.references(dataSet)
    }

    /// One walk: asking for item after item would take the square of their number.
    private static func references(_ dataSet: borrowing DataSet) throws(ActionRefusal) -> [SOPReference] {
        let count = dataSet.itemCount(.referencedSOPSequence)
        guard count > 0 else { throw .noReference }
        guard count <= maximumReferences else { throw .tooManyReferences }
        var references: [SOPReference] = []
        var isFaulty = false
        do {
            try dataSet.rewrite { item in
                guard item.sequence == .referencedSOPSequence, item.depth == 1 else { return .keep }
                if let reference = Self.reference(item) { references.append(reference) } else { isFaulty = true }
                return .keep
            } _: { _ in
                .keep
            }
        } catch {
            throw .notParsed
        }
        if isFaulty { throw .notUID }
        var seen: Set<SOPInstanceUID> = []
        return references.filter { seen.insert($0.sopInstance).inserted }
    }

    private static func reference(_ item: borrowing DataSetItem) -> SOPReference? {
        func uid(_ tag: Tag) -> UID? { item.value(tag).flatMap { UID(String(decoding: $0, as: UTF8.self)) } }
        guard let sopClass = uid(.referencedSOPClassUID), let instance = uid(.referencedSOPInstanceUID) else {
            return nil
        }
        return SOPReference(sopClass: SOPClassUID(sopClass), sopInstance: SOPInstanceUID(instance))
    }
}

/// Why an N-ACTION is not done, with the status of PS3.7 10.1.4.1.10 that says so. The words are those of the conformance
/// statement's table.
package enum ActionRefusal: String, Error, CaseIterable {
    /// Another action than the one that there is.
    case noSuchAction = "no-such-action"
    /// Another SOP class than the presentation context's.
    case noSuchSOPClass = "no-such-sop-class"
    /// Another SOP instance than the one that there is.
    case noSuchSOPInstance = "no-such-sop-instance"
    /// No data set.
    case noDataSet = "no-data-set"
    /// The data set makes no sense.
    case notParsed = "not-parsed"
    /// No Transaction UID.
    case noTransactionUID = "no-transaction-uid"
    /// An empty list, or none.
    case noReference = "no-reference"
    /// A UID that is none, or is missing in an item.
    case notUID = "not-a-uid"
    /// More references than ``StorageCommitmentRequest/maximumReferences``.
    case tooManyReferences = "too-many-references"
    /// The Transaction UID came before.
    case duplicateTransactionUID = "duplicate-transaction-uid"
    /// The source has no right to ask.
    case notAuthorised = "not-authorised"
    /// So many requests wait already, or the disk is as good as full.
    case resourceLimitation = "resource-limitation"
    /// It could not be stored.
    case processingFailure = "processing-failure"

    /// What is answered.
    package var outcome: ActionOutcome {
        switch self {
        case .noSuchAction: .init(.noSuchAction, "Action Type ID is not 1")
        case .noSuchSOPClass: .init(.noSuchSOPClass, "SOP Class is not that of the presentation context")
        case .noSuchSOPInstance: .init(.noSuchSOPInstance, "SOP Instance is not the well-known one")
        case .noDataSet: .init(.mistypedArgument, "No data set")
        case .notParsed: .init(.invalidArgumentValue, "the data set cannot be parsed")
        case .noTransactionUID: .init(.invalidArgumentValue, "no Transaction UID")
        case .noReference: .init(.invalidArgumentValue, "no Referenced SOP Instance")
        case .notUID: .init(.invalidArgumentValue, "a UID is missing, or is none")
        case .tooManyReferences:
            .init(.resourceLimitation, "more than \(StorageCommitmentRequest.maximumReferences) references")
        case .duplicateTransactionUID: .init(.duplicateTransactionUID, "the Transaction UID was used before")
        case .notAuthorised: .init(.notAuthorised, "storage commitment is off for this source")
        case .resourceLimitation: .init(.resourceLimitation, "too many requests wait, or no room: retry later")
        case .processingFailure: .init(.processingFailure, "the request could not be stored")
        }
    }
}

/// What an N-ACTION-RSP says.
package struct ActionOutcome: Sendable, Equatable {
    /// (0000,0900)
    package let status: DIMSEStatus
    /// (0000,0902): our own words, at most 64 characters of ASCII.
    package let comment: String

    init(_ status: DIMSEStatus, _ comment: String = "") {
        self.status = status
        self.comment = comment
    }

    /// Success.
    package static let success = ActionOutcome(.success)
}

extension Tag {
    static let retrieveAETitle = Tag(0x0008, 0x0054)
    static let referencedSOPClassUID = Tag(0x0008, 0x1150)
    static let referencedSOPInstanceUID = Tag(0x0008, 0x1155)
    static let transactionUID = Tag(0x0008, 0x1195)
    static let failureReason = Tag(0x0008, 0x1197)
    static let failedSOPSequence = Tag(0x0008, 0x1198)
    static let referencedSOPSequence = Tag(0x0008, 0x1199)
}
