import DCMTKBridge
import DICOMCore
import DICOMNetwork
import DeIdentification
import GRDB
import StudyQueue

/// Why an instance was not taken, as the sender and the log are told. The texts are ours: nothing of the peer's is in them.
struct IngestFailure: StorageRefusal, Equatable {
    /// What C-STORE answers.
    let status: DIMSEStatus
    /// Error Comment (0000,0902), at most 64 characters.
    let comment: String
    /// The word of the queue log (docs/queue-log.md).
    let refusal: ReasonCode

    static let diskReserve = IngestFailure(
        status: .outOfResources, comment: "disk reserve reached: retry later", "disk-reserve")
    static let queueFull = IngestFailure(
        status: .outOfResources, comment: "too many studies wait: retry later", "queue-full")
    static let backlogFull = IngestFailure(
        status: .outOfResources, comment: "older than max-age and too many wait: retry later", "backlog-full")
    static let uidMismatch = IngestFailure(
        status: .dataSetDoesNotMatchSOPClass, comment: "SOP Class or Instance UID of data set and command differ",
        "uid-mismatch")
    static let otherObject = IngestFailure(
        status: .sopClassNotSupported, comment: "not an image; see other-objects in AETitles.conf", "other-object")
    static let noSource = IngestFailure(
        status: .notAuthorised, comment: "not a source any more", "not-a-source")
    static let duplicateRefused = IngestFailure(
        status: ReceiptOutcome.Refusal.duplicate.status, comment: "instance was received before with other contents",
        "duplicate")
    static let instanceOfOtherStudy = IngestFailure(
        status: ReceiptOutcome.Refusal.otherStudy.status, comment: "instance was received before in another study",
        "other-study")

    /// The one table from cause to status (PS3.4 B.2.3): what the sender can mend is Cxxx or A9xx, what will pass is A700.
    init(_ error: any Error) {
        switch error {
        case let failure as IngestFailure: self = failure
        case let error as PreParseError:
            self.init(status: error.status, comment: error.comment, ReasonCode(error.reason))
        case let error as DeIdentificationError:
            self.init(
                status: error.isPolicy ? .notAuthorised : .cannotUnderstand,
                comment: error.isPolicy ? error.description : "de-identification: \(error.description)", error.refusal)
        case is DCMTKError: self.init(status: .cannotUnderstand, comment: "data set cannot be parsed", "not-parsed")
        case let error as SpoolError:
            self.init(
                status: .outOfResources,
                comment: error.isOutOfSpace ? "disk full: retry later" : "storage failed: retry later",
                error.isOutOfSpace ? "disk-full" : "storage-failed")
        case let error as DatabaseError where error.resultCode == .SQLITE_FULL:
            self.init(status: .outOfResources, comment: "disk full: retry later", "disk-full")
        case is DatabaseError, is CommitInDoubt, is VaultError, is SealingError:
            self.init(status: .outOfResources, comment: "storage failed: retry later", "storage-failed")
        default: self.init(status: .processingFailure, comment: "processing failure")
        }
    }

    init(status: DIMSEStatus, comment: String, _ refusal: ReasonCode = "processing-failure") {
        self.status = status
        self.comment = String(comment.prefix(64))
        self.refusal = refusal
    }

    /// Whether it will pass: the same object is taken later (A7xx).
    var isPassing: Bool { status.rawValue >> 8 == 0xA7 }

    var outcome: CStoreOutcome { CStoreOutcome(status: status, comment: comment) }
}
