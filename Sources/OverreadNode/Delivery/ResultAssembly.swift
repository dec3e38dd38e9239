import Crypto
import DCMTKBridge
import DICOMCore
import DICOMNetwork
import DeIdentification
import Detection
import Foundation
import GRDB
import Results
import StudyQueue

/// Why a revision's results cannot be built. No case holds identity.
enum ResultAssemblyError: String, Error, CaseIterable {
    /// The revision has no analysis.
    case notAnalysed = "not-analysed"
    /// A UID is missing in the sealed identity.
    case identityIncomplete = "identity-incomplete"
    /// The images of the study do not belong to one patient and one study: a result would be somebody else's.
    case identityConflict = "identity-conflict"
    /// The identity was erased: the retention time after its delivery was over when late images came.
    case identityErased = "identity-erased"
    /// The sealed identity is missing, damaged, or sealed under a key that is not here.
    case identityUnreadable = "identity-unreadable"
    /// The stored analysis cannot be read.
    case analysisUnreadable = "analysis-unreadable"
    /// A planned heatmap is not in the analysis.
    case planMismatch = "plan-mismatch"
}

/// Builds the results of one revision for one destination, in memory, for one attempt at delivery: nothing of it is stored.
struct ResultAssembly: Sendable {
    let store: NodeStore
    let reader: VaultReader
    let deIdentifier: DeIdentifier
    /// The longest side of a heatmap unless the destination says otherwise.
    static let heatmapSide = 1024

    /// Everything that a revision's objects are made of.
    struct Revision: ~Copyable {
        let input: ReportInput
        let analyses: [ImageAnalysis]
        let files: [String]
        /// The identity that the result is filed under: the last image's of the study's patient.
        let identity: DataSet
        /// Byte strings that no result may hold: the pseudonym and the mapped UIDs.
        let forbidden: [[UInt8]]
    }

    /// An object that is ready to be sent.
    struct Object {
        let sopClassUID: SOPClassUID
        let sopInstanceUID: SOPInstanceUID
        let bytes: [UInt8]
    }

    /// Opens the identity and gathers the revision.
    @available(*, noasync, message: "blocks: call it from a thread")
    func revision(_ reference: StudyReference, for destination: ApplicationEntity) throws -> Revision {
        try assemble(reference, for: destination, predecessor: try predecessor(of: reference, for: destination))
    }

    /// The report of an earlier revision that the destination has. Its UIDs do not depend on the picture, and a replaced
    /// instance's file is gone.
    @available(*, noasync, message: "blocks: call it from a thread")
    private func predecessor(of reference: StudyReference, for destination: ApplicationEntity) throws
        -> PredecessorReport?
    {
        let sent = try store.queue.sentResults(before: reference).first {
            $0.destination == destination.name && $0.kind == .structuredReport
        }
        guard let sent else { return nil }
        let older = StudyReference(study: reference.study, revision: sent.revision)
        return StructuredReport.reference(
            try assemble(older, for: destination, predecessor: nil, isOlder: true).input)
    }

    /// The report of a revision, checked.
    func report(_ revision: borrowing Revision) throws -> Object {
        try finished(StructuredReport.build(revision.input, identity: revision.identity), revision)
    }

    /// A heatmap of a revision, checked. `index` counts as ``HeatmapPlan`` does.
    @available(*, noasync, message: "blocks: call it from a thread")
    func heatmap(_ index: Int, of revision: borrowing Revision, for destination: ApplicationEntity) throws -> Object {
        let plan = HeatmapPlan(revision.analyses)
        guard plan.entries.indices.contains(index) else { throw ResultAssemblyError.planMismatch }
        let entry = plan.entries[index]
        guard let heat = revision.analyses[entry.image].findings.first(where: { $0.key == entry.key })?.heat else {
            throw ResultAssemblyError.planMismatch
        }
        let image = try Detection.SourceImage(file: revision.files[entry.image])
        let picture = DisplayPicture(image.pixels, image.display, longSide: Self.side(destination))
        let request = SecondaryCapture.Request(
            imageIndex: entry.image, findingKey: entry.key,
            display: try DisplayPixels(width: picture.columns, height: picture.rows, values: picture.pixels),
            heat: try Results.HeatGrid(heat), heatLevel: heat.level,
            method: "patch probabilities of the model", number: index + 1)
        return try finished(SecondaryCapture.build(request, revision.input, identity: revision.identity), revision)
    }

    static func equipment(_ version: String) -> NodeEquipment {
        NodeEquipment(
            manufacturer: NodeIdentity.manufacturer, modelName: NodeIdentity.modelName, softwareVersion: version,
            serialNumber: NodeIdentity.serialNumber, stationName: NodeIdentity.stationName)
    }

    private static func side(_ destination: ApplicationEntity) -> Int {
        if case .longestSide(let side)? = destination.destination?.heatmap { return side }
        return heatmapSide
    }

    // MARK: -

    @available(*, noasync, message: "blocks: call it from a thread")
    private func assemble(
        _ reference: StudyReference, for destination: ApplicationEntity, predecessor: PredecessorReport?,
        isOlder: Bool = false
    ) throws -> Revision {
        guard let (time, stored) = try store.queue.analysis(of: reference), !stored.isEmpty else {
            throw ResultAssemblyError.notAnalysed
        }
        let decoder = JSONDecoder()
        let records = try stored.map { entry in
            guard let analysis = try? decoder.decode(StoredAnalysis.self, from: entry.json) else {
                throw ResultAssemblyError.analysisUnreadable
            }
            return analysis
        }
        let nodeVersion = records[0].nodeVersion
        let analyses = records.map(\.analysis)
        guard let algorithm = Algorithm(analyses[0].model) else { throw ResultAssemblyError.analysisUnreadable }
        let instances = try store.queue.instances(stored.map(\.instanceID))
        let files = instances.map { store.spool.path($0.file) }
        let (opened, filedUnder) = try open(instances, of: reference.study, for: destination, isOlder: isOlder)
        var images: [AnalysedImage] = []
        for (index, analysis) in analyses.enumerated() {
            let own = try opened[index].dataSet()
            images.append(
                AnalysedImage(
                    image: try SpoolImage.source(file: isOlder ? nil : files[index], identity: own),
                    outcome: AnalysisOutcome(analysis)))
        }
        let settings = destination.destination
        let input = ReportInput(
            images: images, algorithm: algorithm, node: Self.equipment(nodeVersion),
            analysisTime: AnalysisTime(
                secondsSince1970: Int64(time.timeIntervalSince1970),
                utcOffsetMinutes: TimeZone.current.secondsFromGMT(for: time) / 60),
            revision: reference.revision, predecessor: predecessor,
            shape: settings?.structuredReport == .comprehensive ? .comprehensive : .comprehensive3D,
            language: .english, inputDigest: Self.digest(instances))
        return Revision(
            input: input, analyses: analyses, files: files, identity: try opened[filedUnder].dataSet(),
            forbidden: Self.forbidden(instances, opened))
    }

    private static func digest(_ instances: [StoredInstance]) -> [UInt8] {
        var hash = SHA256()
        for instance in instances { hash.update(data: instance.digest) }
        return Array(hash.finalize())
    }

    private static func forbidden(_ instances: [StoredInstance], _ opened: [OpenedIdentity]) -> [[UInt8]] {
        var texts = Set(opened.map(\.pseudonym.value))
        texts.formUnion(opened.map(\.studyUID.uid.value))
        for instance in instances {
            texts.insert(instance.sopInstanceUID)
            texts.insert(instance.seriesUID)
        }
        return texts.sorted().map { Array($0.utf8) }
    }

    private func finished(_ object: consuming DataSet, _ revision: borrowing Revision) throws -> Object {
        let bytes = try object.encoded(as: .explicitVRLittleEndian)
        try ResultValidation.check(
            bytes, as: .explicitVRLittleEndian, revision.input, identity: revision.identity,
            forbidden: revision.forbidden)
        guard let sopClass = object.string(.sopClassUID).flatMap({ SOPClassUID($0) }),
            let instance = object.string(.sopInstanceUID).flatMap({ UID($0) })
        else { throw ResultAssemblyError.identityIncomplete }
        return Object(sopClassUID: sopClass, sopInstanceUID: SOPInstanceUID(instance), bytes: bytes)
    }
}

extension Tag {
    fileprivate static let sopClassUID = Tag(0x0008, 0x0016)
    fileprivate static let sopInstanceUID = Tag(0x0008, 0x0018)
}
