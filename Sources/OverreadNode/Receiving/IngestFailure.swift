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

    static let diskReserve = IngestFailure(status: .outOfResources, comment: "disk reserve reached: retry later")
    static let queueFull = IngestFailure(status: .outOfResources, comment: "too many studies wait: retry later")
    static let uidMismatch = IngestFailure(
        status: .dataSetDoesNotMatchSOPClass, comment: "SOP Class or Instance UID of data set and command differ")
    static let otherObject = IngestFailure(
        status: .sopClassNotSupported, comment: "not an image; see other-objects in AETitles.conf")
    static let duplicateRefused = IngestFailure(
        status: .processingFailure, comment: "instance was received before with other contents")
    static let instanceOfOtherStudy = IngestFailure(
        status: .dataSetDoesNotMatchSOPClass, comment: "instance was received before in another study")

    /// The one table from cause to status (PS3.4 B.2.3): what the sender can mend is Cxxx or A9xx, what will pass is A700.
    init(_ error: any Error) {
        switch error {
        case let failure as IngestFailure: self = failure
        case let error as PreParseError: self.init(status: error.status, comment: error.description)
        case let error as DeIdentificationError:
            self.init(
                status: error.isPolicy ? .notAuthorised : .cannotUnderstand,
                comment: error.isPolicy ? error.description : "de-identification: \(error.description)")
        case is DCMTKError: self.init(status: .cannotUnderstand, comment: "data set cannot be parsed")
        case let error as SpoolError:
            self.init(
                status: .outOfResources,
                comment: error.isOutOfSpace ? "disk full: retry later" : "storage failed: retry later")
        case let error as DatabaseError where error.resultCode == .SQLITE_FULL:
            self.init(status: .outOfResources, comment: "disk full: retry later")
        case is DatabaseError, is CommitInDoubt, is VaultError, is SealingError:
            self.init(status: .outOfResources, comment: "storage failed: retry later")
        default: self.init(status: .processingFailure, comment: "processing failure")
        }
    }

    init(status: DIMSEStatus, comment: String) {
        self.status = status
        self.comment = String(comment.prefix(64))
    }

    var outcome: CStoreOutcome { CStoreOutcome(status: status, comment: comment) }
}
