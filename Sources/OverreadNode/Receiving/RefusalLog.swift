import DICOMCore
import DeIdentification
import Foundation
import GRDB
import Logging
import StudyQueue

/// Where it is said that an object was not taken: the queue log for what its sender should look at, the node's log for what
/// will pass.
struct RefusalLog: Sendable {
    let store: NodeStore
    /// Raised after each entry of the queue log.
    let committed: WorkSignal
    let logger: Logger
    private let throttle = LogThrottle(interval: .seconds(1), maximumKeys: 1024)

    init(store: NodeStore, committed: WorkSignal, logger: Logger) {
        self.store = store
        self.committed = committed
        self.logger = logger
    }

    /// Enters why an object was refused, and gives the answer to its sender.
    ///
    /// What will pass (A7xx) goes to the node's log, with its cause: the sender comes again with it, and each entry of the
    /// queue log costs room and a sync, which may be what is short. What the queue has entered itself is not entered twice.
    /// An entry that cannot be made changes nothing of the answer.
    func note(_ error: any Error, from source: String) -> IngestFailure {
        let failure = IngestFailure(error)
        if failure == .duplicateRefused || failure == .instanceOfOtherStudy { return failure }
        if failure.isPassing {
            say(failure, cause: Self.cause(error), from: source)
        } else {
            try? store.database.write {
                try store.queue.recordRefusal(
                    failure.refusal, status: failure.status, source: source, in: $0, at: Date())
            }
            committed.raise()
        }
        return failure
    }

    private func say(_ failure: IngestFailure, cause: String?, from source: String) {
        guard let unsaid = throttle.admit("\(source) \(failure.refusal.rawValue)", at: .now) else { return }
        var metadata: Logger.Metadata = ["source": "\(source)", "refusal": "\(failure.refusal.rawValue)"]
        if let cause { metadata["cause"] = "\(cause)" }
        if unsaid > 0 { metadata["before"] = "\(unsaid)" }
        logger.log(
            level: failure.refusal == "storage-failed" ? .error : .warning, "object not taken for now",
            metadata: metadata)
    }

    /// What the disk or the database said. SQLite's messages name tables at most; no path, no value.
    static func cause(_ error: any Error) -> String? {
        switch error {
        case let error as SpoolError: error.description
        case let error as CommitInDoubt: cause(error.cause)
        case let error as DatabaseError:
            "SQLite \(error.extendedResultCode.rawValue), \(error.message ?? "no message")"
        case let error as VaultError: error.description
        case is SealingError: "sealing failed"
        default: nil
        }
    }
}

extension DeIdentificationError {
    /// The word of the queue log.
    var refusal: ReasonCode {
        switch self {
        case .missingAttribute: "missing-attribute"
        case .invalidUID: "invalid-uid"
        case .privateSOPClass: "private-sop-class"
        case .classNeedsOption: "class-needs-option"
        case .encapsulatedDocument: "encapsulated-document"
        case .directory: "directory"
        case .mayShowText: "may-show-text"
        case .mayShowFace: "may-show-face"
        case .unknownCharacterSet: "unknown-character-set"
        case .pixelDataNotUnderstood: "pixel-data-not-understood"
        case .pixelDataInHeader: "pixel-data-in-header"
        case .nestedTooDeep: "too-deep"
        case .unknownVR: "invalid-vr"
        case .identityOfAnotherInstance, .notAsDecided, .dcmtk: "not-de-identified"
        }
    }
}
