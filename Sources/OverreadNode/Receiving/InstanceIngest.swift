import DCMTKBridge
import DICOMCore
import DICOMNetwork
import DeIdentification
import Foundation
import GRDB
import StudyQueue

/// What the reception of every instance needs. Shared by all associations.
struct IngestContext: Sendable {
    let store: NodeStore
    /// Where a received instance's file comes from.
    let files: SpareFiles
    let deIdentifier: DeIdentifier
    let vault: Vault
    /// Of no bytes: each instance begins with a copy.
    let digest: ReceivedDigest
    /// Writes the rows of all associations.
    let commits: GroupCommit
    /// How many studies wait.
    let queueLoad: QueueLoad
    /// How much room the disk must keep.
    let diskReserve: DiskReserve
    /// Raised after each commit: wakes the queue's clock and no worker, since an instance is no work yet.
    let committed: WorkSignal
    /// Where refusals are entered.
    let refusals: RefusalLog
}

/// One C-STORE on its way from the first fragment to the answer. In this order, all on the association's thread:
/// pre-parse, UID check, capture and seal identity, de-identify, write the file, sync file and folder, commit the rows
/// (instance, study, journal, sealed identity; see ``GroupCommit``), and only then Success.
///
/// Nothing is written before the header is de-identified, so a refusal leaves nothing in clear.
final class InstanceIngest: InstanceReception {
    private let context: IngestContext
    private let request: CStoreRequest
    private let entity: ApplicationEntity
    private let settings: SourceSettings
    private let isDiscarded: Bool
    /// Set for a deflated data set, which is inflated before it is looked at.
    private let inflater: Inflater?
    private var preParser: DataSetPreParser
    private var digest: ReceivedDigest
    private var header: [UInt8] = []
    private var opened: OpenedInstance?
    /// Pixel data that has come in since the disk was looked at.
    private var unchecked = 0

    /// The instance once its header is known and de-identified.
    private struct OpenedInstance {
        let file: SpoolFile
        let prepared: PreparedInstance
        let sealed: SealedIdentity
        let hasPixelData: Bool
        let isBacklog: Bool
    }

    init(
        _ request: CStoreRequest, entity: ApplicationEntity, settings: SourceSettings, isDiscarded: Bool,
        context: IngestContext
    ) {
        self.context = context
        self.request = request
        self.entity = entity
        self.settings = settings
        self.isDiscarded = isDiscarded
        self.inflater = request.transferSyntax.isDeflated ? Inflater() : nil
        self.preParser = DataSetPreParser(transferSyntax: request.transferSyntax.stored)
        self.digest = context.digest
    }

    func receive(_ fragment: UnsafeRawBufferPointer) throws {
        do {
            digest.update(fragment)
            if let inflater { try inflater.consume(fragment, split) } else { try split(fragment) }
        } catch {
            throw refusal(for: error)
        }
    }

    private func split(_ fragment: UnsafeRawBufferPointer) throws {
        // The first pixels, in the fragment where the header ends: the parser tells of the element after its turn.
        var first: [UInt8] = []
        try preParser.consume(fragment) { part, bytes in
            switch part {
            case .header: header.append(contentsOf: bytes)
            case .pixelData where opened == nil: first.append(contentsOf: bytes)
            case .pixelData: try receivePixelData(bytes)
            case .trailing: break
            }
        }
        if opened == nil, let element = preParser.pixelData {
            try open(pixelData: element)
            try first.withUnsafeBytes { try receivePixelData($0) }
        }
    }

    func finish() -> CStoreOutcome {
        do {
            try inflater?.finish()
            try preParser.finish()
            if opened == nil { try open(pixelData: preParser.pixelData) }
            guard let opened else { throw IngestFailure(status: .processingFailure, comment: "no data set") }
            try commit(opened)
            context.committed.raise()
            return .success
        } catch {
            return refusal(for: error).outcome
        }
    }

    /// Gives up what was begun, at once: the room of a large object is wanted while its sender still sends the rest. Returns
    /// what the sender is answered.
    private func refusal(for error: any Error) -> any StorageRefusal {
        if error is CommitInDoubt { keepFile() } else { abandon() }
        guard let returned = error as? OwnResultReturned else { return context.refusals.note(error, from: entity.name) }
        do {
            try context.recordOwnResult(from: entity.name)
            return returned
        } catch {
            return context.refusals.note(error, from: entity.name)
        }
    }

    func abandon() {
        opened?.file.discard()
        keepFile()
    }

    /// Forgets the instance and leaves its file, which the next start removes if no row claims it.
    private func keepFile() {
        opened = nil
        header = []
    }

    // MARK: From fragments to a file

    private func receivePixelData(_ bytes: UnsafeRawBufferPointer) throws {
        guard let opened else { return }
        unchecked += bytes.count
        if unchecked >= DiskReserve.step {
            unchecked = 0
            if context.diskReserve.isReached() { throw IngestFailure.diskReserve }
        }
        try opened.prepared.pixels.clean(bytes) { try opened.file.write($0) }
    }

    /// Parses and de-identifies the header, and begins the file.
    private func open(pixelData element: PixelDataElement?) throws {
        let received = ReceivedHeader(bytes: header, pixelData: element, transferSyntax: request.transferSyntax.stored)
        header = []
        let admission = isDiscarded ? nil : Admission(profile: settings.profile, pixels: settings.pixels)
        let prepared = try context.deIdentifier.prepare(received, admission: admission) { identity throws in
            guard identity.sopInstanceUID == request.affectedSOPInstanceUID.uid.value,
                identity.sopClassUID == request.affectedSOPClassUID
            else { throw IngestFailure.uidMismatch }
            return try context.vault.pseudonym(for: identity.patient, in: context.store.database)
        }
        let isBacklog = settings.isBacklog(studyDate: prepared.identity.studyDate, at: Date())
        if isBacklog, context.queueLoad.isHalfFull { throw IngestFailure.backlogFull }
        let file = try context.files.file(for: prepared.byteCount(pixelData: element))
        let sealed = try context.vault.seal(
            prepared.identity, instanceID: file.instanceID, as: prepared.instance, pseudonym: prepared.pseudonym)
        opened = OpenedInstance(
            file: file, prepared: prepared, sealed: sealed, hasPixelData: element != nil, isBacklog: isBacklog)
        try file.write(prepared.head)
    }

    // MARK: Commit

    private func commit(_ opened: OpenedInstance) throws {
        try opened.prepared.pixels.finish { try opened.file.write($0) }
        try opened.file.commit()
        let outcome = try context.commits.commit(record(receipt(opened), opened.sealed))
        if !outcome.keepsFile { opened.file.discard() }
        switch outcome {
        case .committed, .alreadyCommitted, .discarded: return
        case .replaced(_, let obsoleteFile): unlink(context.store.spool.path(obsoleteFile))
        case .refused(.duplicate): throw IngestFailure.duplicateRefused
        case .refused(.otherStudy): throw IngestFailure.instanceOfOtherStudy
        }
    }

    private func record(_ receipt: InstanceReceipt, _ sealed: SealedIdentity) -> GroupCommit.Record {
        { [context, isDiscarded] db in
            let now = Date()
            let outcome =
                isDiscarded
                ? try context.store.queue.recordDiscarded(receipt, policy: .otherObjectsDiscard, in: db, at: now)
                : try context.store.queue.record(receipt, in: db, at: now)
            if outcome.keepsFile { try context.vault.record(sealed, in: db) }
            return outcome
        }
    }

    private func receipt(_ opened: OpenedInstance) -> InstanceReceipt {
        let isImage = opened.hasPixelData && StorageSOPClasses.isImage(opened.prepared.instance.sopClassUID)
        return InstanceReceipt(
            instanceID: opened.file.instanceID, sopInstanceUID: opened.prepared.instance.sopInstanceUID.uid.value,
            digest: digest.finalize(),
            studyUID: opened.prepared.instance.studyInstanceUID.uid.value,
            seriesUID: opened.prepared.instance.seriesInstanceUID.uid.value,
            patientPseudonym: opened.sealed.pseudonym.value, source: entity.name,
            sopClassUID: opened.prepared.instance.sopClassUID.uid.value,
            transferSyntaxUID: request.transferSyntax.stored.uid,
            file: opened.file.relativePath, byteCount: opened.file.byteCount, isAnalysable: isImage,
            destinations: settings.results, quiet: settings.quiet,
            priority: settings.queueOrder(isBacklog: opened.isBacklog),
            duplicates: DuplicatePolicy(settings.duplicates),
            identityCorrection: settings.identityCorrection == .reanalyse ? .reanalyse : .park)
    }
}

extension DuplicatePolicy {
    init(_ setting: SourceSettings.Duplicates) {
        self =
            switch setting {
            case .keepFirst: .keepFirst
            case .replace: .replace
            case .refuse: .refuse
            }
    }
}
