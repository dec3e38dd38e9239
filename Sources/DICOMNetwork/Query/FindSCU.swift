import DCMTKBridge
import DICOMCore

extension SOPClassUID {
    /// Study Root Query/Retrieve Information Model – FIND (PS3.4 C.6.2).
    static let studyRootFind = "1.2.840.10008.5.1.4.1.2.2.1"
}

/// Why a query has no answer. Holds nothing that a peer typed.
package enum QueryError: Error, Equatable, CustomStringConvertible {
    /// The association was not to be had, or broke.
    case association(AssociationError)
    /// The peer answered with a failure.
    case refused(DIMSEStatus)
    /// A match cannot be read, or there are more of them than any study has.
    case unreadable
    /// The answers took longer than all of them together may.
    case tooLong

    /// In words.
    package var description: String {
        switch self {
        case .association(let error): "\(error)"
        case .refused(let status): "the query was answered \(status)"
        case .unreadable: "an answer to the query cannot be read"
        case .tooLong: "the answers to the query take too long"
        }
    }
}

/// What an archive says of an instance that it names.
package enum FoundInstance: Hashable, Sendable {
    /// It has it, of this SOP class.
    case ofClass(SOPClassUID)
    /// It has it, and does not tell the SOP class.
    case classNotTold
    /// It tells a SOP class that is no UID.
    case classUnreadable
    /// It knows of it, and cannot give it: Instance Availability (0008,0056) is UNAVAILABLE.
    case unavailable
}

/// An association to ask an archive what it has (PS3.4 annex C, Study Root, SCU). Only hierarchical queries, which every archive
/// answers. Goes with ``release()``, or else with ``abort()``.
///
/// One owner, one thread at a time; all that it does blocks.
package struct FindSCU: ~Copyable {
    private let association: RequestedAssociation
    private let options: AssociationOptions
    private let contextID: UInt8
    private let transferSyntax: TransferSyntax
    private var messageID: UInt16 = 0
    private var matchesLeft: Int
    private let deadline: ContinuousClock.Instant

    /// What all queries over one association may take together.
    package struct Limits: Sendable {
        /// More matches are no study.
        package var matches = 100_000
        /// An archive that answers drop by drop would hold up all others.
        package var time = Duration.seconds(120)

        /// Limits.
        package init(matches: Int = 100_000, time: Duration = .seconds(120)) {
            self.matches = matches
            self.time = time
        }
    }

    private static let matchLimits = DataSetPreParser.Limits(headerBytes: 1 << 20, depth: 8, elements: 10_000)

    /// Opens the association.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package init(
        _ peer: RemoteApplicationEntity, options: AssociationOptions = AssociationOptions(), limits: Limits = Limits()
    ) throws(QueryError) {
        matchesLeft = limits.matches
        deadline = .now + limits.time
        do throws(AssociationError) {
            let association = try peer.associate(
                proposing: [
                    PresentationContextProposal(
                        abstractSyntax: SOPClassUID.studyRootFind,
                        transferSyntaxes: [
                            TransferSyntax.explicitVRLittleEndian.uid, TransferSyntax.implicitVRLittleEndian.uid,
                        ])
                ], options: options)
            guard let context = try? association.connection.presentationContexts().first,
                case .accepted(let uid) = context.outcome
            else {
                association.connection.abort()
                throw .contextNotAccepted
            }
            self.association = association
            self.options = options
            contextID = context.id
            transferSyntax =
                uid == TransferSyntax.implicitVRLittleEndian.uid ? .implicitVRLittleEndian : .explicitVRLittleEndian
        } catch {
            throw .association(error)
        }
    }

    /// The instances of a series that the peer names. What it says of other series is not believed.
    ///
    /// - Parameters:
    ///   - study: the Study Instance UID, as the peer has it.
    ///   - series: the Series Instance UID, likewise.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package mutating func instances(ofSeries series: String, inStudy study: String) throws(QueryError)
        -> [SOPInstanceUID: FoundInstance]
    {
        var found: [SOPInstanceUID: FoundInstance] = [:]
        let keys: [(Tag, String)] = [
            (.queryRetrieveLevel, "IMAGE"), (.studyInstanceUID, study), (.seriesInstanceUID, series),
            (.sopInstanceUID, ""), (.sopClassUID, ""), (.instanceAvailability, ""),
        ]
        try find(keys) { match in
            guard match.agrees(.studyInstanceUID, study), match.agrees(.seriesInstanceUID, series),
                let instance = match.string(.sopInstanceUID).flatMap({ UID($0) })
            else { return }
            found[SOPInstanceUID(instance)] = match.foundInstance
        }
        return found
    }

    /// How many instances the peer has of a study: Number of Study Related Instances (0020,1208). Nil when it has not the
    /// study, or does not tell.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package mutating func instanceCount(ofStudy study: String) throws(QueryError) -> Int? {
        var count: Int?
        let keys: [(Tag, String)] = [
            (.queryRetrieveLevel, "STUDY"), (.studyInstanceUID, study), (.numberOfStudyRelatedInstances, ""),
        ]
        try find(keys) { match in
            guard match.agrees(.studyInstanceUID, study) else { return }
            count = match.number(.numberOfStudyRelatedInstances).flatMap { Int(exactly: $0) }
        }
        return count
    }

    /// Releases the association.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package consuming func release() { try? association.release() }

    /// Aborts the association.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package consuming func abort() { association.connection.abort() }

    // MARK: -

    private mutating func find(_ keys: [(Tag, String)], _ match: (borrowing DataSet) -> Void) throws(QueryError) {
        messageID = messageID == .max ? 1 : messageID + 1
        var request = CommandSet()
        if let uid = UID(SOPClassUID.studyRootFind) { request.set(.affectedSOPClassUID, uid) }
        request.set(.commandField, CommandField.cFindRequest.rawValue)
        request.set(.messageID, messageID)
        request.set(.priority, CStoreRequest.Priority.medium.rawValue)
        request.set(.commandDataSetType, 0)
        do throws(AssociationError) {
            try send(request, keys)
        } catch {
            throw .association(error)
        }
        while true {
            guard ContinuousClock.now < deadline else { throw .tooLong }
            let (status, bytes) = try nextResponse(to: request)
            guard status.isPending else {
                if status == .success { return }
                throw .refused(status)
            }
            guard let bytes, let dataSet = try? DataSet(parsing: bytes, transferSyntax: transferSyntax) else {
                throw .unreadable
            }
            guard matchesLeft > 0 else { throw .unreadable }
            matchesLeft -= 1
            match(dataSet)
        }
    }

    private func send(_ request: CommandSet, _ keys: [(Tag, String)]) throws(AssociationError) {
        try association.connection.send(request, contextID: contextID)
        do {
            let identifier = try DataSet()
            for (tag, value) in keys { try identifier.set(tag, value) }
            let bytes = try identifier.encoded(as: transferSyntax)
            try bytes.withUnsafeBufferPointer { buffer throws(DCMTKError) in
                try association.connection.send(.dataSet, contextID: contextID, bytes: UnsafeRawBufferPointer(buffer))
            }
        } catch {
            throw AssociationError(error)
        }
    }

    private func nextResponse(to request: CommandSet) throws(QueryError) -> (DIMSEStatus, [UInt8]?) {
        let received: Result<[UInt8], any Error>
        let status: DIMSEStatus
        do throws(AssociationError) {
            let response: CommandSet
            (status, response) = try association.connection.receiveResponseCommand(
                to: request, timeout: options.dimseTimeout)
            guard response.hasDataSet else { return (status, nil) }
            received = try association.connection.receiveSmallDataSet(
                contextID: contextID, transferSyntax: transferSyntax, limits: Self.matchLimits,
                timeout: options.dimseTimeout)
        } catch {
            throw .association(error)
        }
        guard let bytes = try? received.get() else { throw .unreadable }
        return (status, bytes)
    }
}

extension DataSet {
    /// What a match says of its instance.
    fileprivate var foundInstance: FoundInstance {
        if string(.instanceAvailability) == "UNAVAILABLE" { return .unavailable }
        guard let text = string(.sopClassUID), !text.isEmpty else { return .classNotTold }
        return SOPClassUID(text).map { .ofClass($0) } ?? .classUnreadable
    }

    /// Whether an answer is about what was asked: the key is missing in it, or has the value.
    fileprivate func agrees(_ tag: Tag, _ value: String) -> Bool {
        guard let answered = string(tag), !answered.isEmpty else { return true }
        return answered == value
    }
}

extension Tag {
    fileprivate static let sopClassUID = Tag(0x0008, 0x0016)
    fileprivate static let sopInstanceUID = Tag(0x0008, 0x0018)
    fileprivate static let instanceAvailability = Tag(0x0008, 0x0056)
    fileprivate static let queryRetrieveLevel = Tag(0x0008, 0x0052)
    fileprivate static let studyInstanceUID = Tag(0x0020, 0x000D)
    fileprivate static let seriesInstanceUID = Tag(0x0020, 0x000E)
    fileprivate static let numberOfStudyRelatedInstances = Tag(0x0020, 0x1208)
}
