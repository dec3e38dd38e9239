import DICOMCore
import DeIdentification
import Foundation
import GRDB
import StudyQueue

extension IngestContext {
    /// Enters in the queue log that an object was refused, and gives the refusal back.
    ///
    /// Not what will pass (A7xx): the sender comes again with it, and each entry costs room and a sync, which may be what
    /// is short. Not what the queue has entered itself. An entry that cannot be made changes nothing of the answer.
    func noted(_ failure: IngestFailure, from source: String) -> IngestFailure {
        if failure.status.rawValue >> 8 == 0xA7 { return failure }
        if failure == .duplicateRefused || failure == .instanceOfOtherStudy { return failure }
        try? store.database.write {
            try store.queue.recordRefusal(
                failure.refusal, status: failure.status, source: source, in: $0, at: Date())
        }
        committed.raise()
        return failure
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
