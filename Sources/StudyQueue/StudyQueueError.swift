/// What the study queue could not do, and why. Equality is on ``code`` only.
///
/// `description` is fit for a log: it holds codes, opaque identifiers and numbers, never what a peer typed.
package struct StudyQueueError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The cause, for a caller that acts on it.
    package enum Code: String, Sendable {
        /// A receipt breaks a rule of ``InstanceReceipt``; nothing was recorded.
        case invalidReceipt
        /// An argument that the node itself made is wrong.
        case invalidArgument
        /// ``StudyQueue/record(_:in:at:)`` was called outside a transaction, where nothing would be atomic.
        case notInTransaction
        /// The study's state does not allow the operation.
        case illegalTransition
        /// The work was taken over, released, superseded by a late image, or parked. Drop what was done and go on.
        case leaseLost
        /// No study of that identifier.
        case unknownStudy
        /// A row holds what the schema does not allow.
        case databaseDamaged
        /// SQLite does not sync every commit as asked.
        case databaseNotDurable
        /// The spool folder or a file in it cannot be looked at, for another reason than that it is missing.
        case spoolUnreadable
        /// The spool has far more files that no instance claims than a crash can leave: the database may be an old
        /// copy.
        case spoolAheadOfDatabase
        /// A queue log file cannot be read or written.
        case logUnwritable
        /// The queue log has events that the database has not: one of them was restored or moved.
        case logAheadOfDatabase
    }

    /// The cause.
    package let code: Code
    /// More about it, without identity.
    package let detail: String

    /// An error of a cause; `detail` must hold no identity.
    package init(_ code: Code, _ detail: String = "") {
        self.code = code
        self.detail = detail
    }

    /// Whether the causes are the same.
    package static func == (a: StudyQueueError, b: StudyQueueError) -> Bool { a.code == b.code }

    /// The cause and the detail.
    package var description: String { detail.isEmpty ? "study queue: \(code)" : "study queue: \(code): \(detail)" }
}
