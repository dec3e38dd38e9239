import DCMTKBridge
import DICOMCore
import DICOMNetwork
import DeIdentification
import Foundation
import GRDB
import Results
import StudyQueue

/// Which storage SOP classes are images.
package enum StorageSOPClasses {
    /// Whether a registered class is one of images: PS3.6 names them "… Image Storage …". Presentation states, reports,
    /// waveforms, segmentations and dose are none.
    package static func isImage(_ sopClass: SOPClassUID) -> Bool {
        DCMTKRuntime.name(ofUID: sopClass.uid)?.contains("ImageStorage") ?? false
    }

    /// Whether it is the class of our reports. They are negotiated with every source: a PACS that routes a study to us
    /// sends what we made of it as well, and its job must not fail for that.
    static func isOwnReport(_ sopClass: SOPClassUID) -> Bool {
        ReportShape.allCases.contains { StructuredReport.sopClassUID($0) == sopClass }
    }
}

/// Says for each C-STORE whether the instance is taken, and by whom.
struct StudyReceiver: InstanceReceiver {
    let context: IngestContext
    let table: AETitleDirectory

    func begin(_ request: CStoreRequest, from association: AssociationContext) -> InstanceDisposition {
        let table = table.current
        do {
            guard let entity = table.entities.first(where: { $0.name == association.sourceName }),
                let settings = entity.source
            else { throw IngestFailure.noSource }
            if try isOwnResult(request, from: entity) { return .refuse(.success) }
            let isImage = StorageSOPClasses.isImage(request.affectedSOPClassUID)
            // Negotiated for our own reports only: this one is somebody else's.
            if !isImage, settings.otherObjects == .refuse { throw IngestFailure.otherObject }
            if context.queueLoad.isFull { throw IngestFailure.queueFull }
            if context.diskReserve.isReached() { throw IngestFailure.diskReserve }
            return .receive(
                InstanceIngest(request, entity: entity, settings: settings, isDiscarded: !isImage, context: context))
        } catch {
            return .refuse(context.refusals.note(error, from: association.sourceName).outcome)
        }
    }

    private static let resultClasses: Set<SOPClassUID> = [
        StructuredReport.sopClassUID(.comprehensive3D), StructuredReport.sopClassUID(.comprehensive),
        SecondaryCapture.sopClassUID,
    ]

    /// A result of ours that comes back by auto-routing: answered Success, entered in the ledger, never queued. Known by
    /// its UID here; one that this database does not know is recognised by its equipment (``OwnEquipment``).
    private func isOwnResult(_ request: CStoreRequest, from entity: ApplicationEntity) throws -> Bool {
        guard Self.resultClasses.contains(request.affectedSOPClassUID) else { return false }
        let key = Array(context.deIdentifier.uids.mapped(request.affectedSOPInstanceUID.uid).value.utf8)
        let queue = context.store.queue
        guard try context.store.database.read({ try queue.isOwnResult(key, in: $0) }) else { return false }
        try context.recordOwnResult(from: entity.name)
        return true
    }
}

extension IngestContext {
    func recordOwnResult(from source: String) throws {
        try store.database.write { try store.queue.recordOwnResult(source: source, in: $0, at: Date()) }
        committed.raise()
    }
}

/// Whether an object was made by an Overread node, whichever database it came from (PS3.3 C.7.5.1).
enum OwnEquipment {
    private static let manufacturer = Tag(0x0008, 0x0070)
    private static let manufacturerModelName = Tag(0x0008, 0x1090)
    private static let contributingEquipmentSequence = Tag(0x0018, 0xA001)

    static func made(_ dataSet: borrowing DataSet) -> Bool {
        dataSet.string(manufacturer) == NodeIdentity.manufacturer
            && dataSet.string(manufacturerModelName) == NodeIdentity.modelName
            && dataSet.itemCount(contributingEquipmentSequence) > 0
    }
}

/// Thrown out of a reception when the object turns out to be a result of ours.
struct OwnResultReturned: StorageRefusal {
    var outcome: CStoreOutcome { .success }
}
