import DICOMCore

/// A C-STORE-RQ (PS3.7 9.1.1) before its data set.
package struct CStoreRequest: Sendable, Hashable {
    /// PS3.7 9.3.1.1: the numbers of (0000,0700).
    package enum Priority: UInt16, Sendable {
        /// The default.
        case medium = 0
        /// Before others.
        case high = 1
        /// After others.
        case low = 2
    }

    /// (0000,0110)
    package let messageID: UInt16
    /// (0000,0002); it is the abstract syntax of the presentation context.
    package let affectedSOPClassUID: SOPClassUID
    /// (0000,1000)
    package let affectedSOPInstanceUID: SOPInstanceUID
    /// (0000,0700)
    package let priority: Priority
    /// Of the data set that follows.
    package let transferSyntax: TransferSyntax

    /// A request; tests make their own.
    package init(
        messageID: UInt16, affectedSOPClassUID: SOPClassUID, affectedSOPInstanceUID: SOPInstanceUID,
        priority: Priority = .medium, transferSyntax: TransferSyntax
    ) {
        self.messageID = messageID
        self.affectedSOPClassUID = affectedSOPClassUID
        self.affectedSOPInstanceUID = affectedSOPInstanceUID
        self.priority = priority
        self.transferSyntax = transferSyntax
    }
}

/// What a C-STORE-RSP says.
package struct CStoreOutcome: Sendable, Equatable {
    /// (0000,0900)
    package let status: DIMSEStatus
    /// (0000,0902): our own words, at most 64 characters of ASCII; never anything of the peer's.
    package let comment: String

    /// An outcome.
    package init(status: DIMSEStatus, comment: String = "") {
        self.status = status
        self.comment = comment
    }

    /// Success.
    package static let success = CStoreOutcome(status: .success)
}

/// An error that knows which status and comment a C-STORE is refused with.
package protocol StorageRefusal: Error {
    /// What the peer is told.
    var outcome: CStoreOutcome { get }
}

/// Whether an instance is wanted.
package enum InstanceDisposition {
    /// Its data set goes to the reception.
    case receive(any InstanceReception)
    /// Its data set is read and thrown away, and the request answered with this.
    case refuse(CStoreOutcome)
}

/// Takes instances in. All calls for one association are made on that association's thread, and may block.
package protocol InstanceReceiver: Sendable {
    /// A C-STORE-RQ has come.
    func begin(_ request: CStoreRequest, from context: AssociationContext) -> InstanceDisposition
}

/// Takes one instance in. `finish` or `abandon` is called exactly once, as the last.
package protocol InstanceReception: AnyObject {
    /// The next bytes of the data set, as encoded in its transfer syntax; valid during the call only.
    ///
    /// - Throws: to refuse the instance. A ``StorageRefusal`` says with which status, other errors become C000. The rest
    ///   is thrown away and the association goes on.
    func receive(_ fragment: UnsafeRawBufferPointer) throws

    /// All bytes have come. What this returns is answered: Success only for what is durable.
    func finish() -> CStoreOutcome

    /// The rest will not come: `receive` threw, or the association broke.
    func abandon()
}
