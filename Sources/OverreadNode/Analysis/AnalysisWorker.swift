import DICOMNetwork
import Detection
import Foundation
import Logging
import StudyQueue

/// Takes complete studies and looks at their images with the model, one study at a time, on a thread of its own.
final class AnalysisWorker: Sendable {
    private let store: NodeStore
    private let model: ModelLoader
    private let table: AETitleDirectory
    private let signals: WorkSignals
    private let owner: String
    private let logger: Logger
    /// Longer than the slowest image takes; renewed before each image.
    private static let lease = Duration.seconds(120)

    init(
        store: NodeStore, model: ModelLoader, table: AETitleDirectory, signals: WorkSignals, owner: String,
        logger: Logger
    ) {
        self.store = store
        self.model = model
        self.table = table
        self.signals = signals
        self.owner = owner
        self.logger = logger
    }

    /// Works until the signal stops.
    @available(*, noasync, message: "blocks: call it from a thread")
    func run() {
        var seen: UInt64 = 0
        while !signals.work.isStopped {
            do {
                // Without a model studies wait where they are, complete; they go on once it is mended.
                if let detector = model.detector() {
                    while !signals.work.isStopped, let lease = try next() { try work(lease, detector) }
                }
            } catch {
                logger.error("analysis cannot go on", metadata: ["error": "\(error)"])
            }
            seen = signals.work.wait(after: seen, seconds: 1)
        }
    }

    private func next() throws -> StudyLease? {
        try store.queue.lease(.analysis, owner: owner, duration: Self.lease, at: Date())
    }

    private func work(_ lease: StudyLease, _ detector: Detector) throws {
        do {
            // A revision of the late images alone would pass for the whole study.
            if try store.queue.lacksPixels(lease.study) {
                try store.queue.failAnalysis(lease, reason: .pixelsRetired, isPermanent: true, at: Date())
                return signals.raise()
            }
            let analyses = try analyse(lease, detector)
            let conclusion = try conclusion(lease, analyses.map(\.analysis))
            try store.queue.finishAnalysis(
                lease,
                analyses: try analyses.map {
                    InstanceAnalysis(instanceID: $0.instance.instanceID, json: try StoredAnalysis($0.analysis).json())
                },
                conclusion: conclusion, at: Date())
            try failOrphans(conclusion)
        } catch let error as StudyQueueError where error.code == .leaseLost {
            logger.info("analysis given up: the study changed", metadata: ["study": "\(lease.study)"])
        } catch is StoppedError {
            try store.queue.giveBack(lease, at: Date())
        } catch {
            logger.error("analysis failed", metadata: ["study": "\(lease.study)", "error": "\(error)"])
            _ = try? store.queue.failAnalysis(lease, reason: reason(error), at: Date())
        }
        signals.raise()
    }

    private func analyse(
        _ lease: StudyLease, _ detector: Detector
    ) throws -> [(instance: HeldInstance, analysis: ImageAnalysis)] {
        var lease = lease
        return try store.queue.heldInstances(of: lease.study).map { instance in
            if signals.work.isStopped { throw StoppedError() }
            lease = try store.queue.renew(lease, duration: Self.lease, at: Date())
            return (instance, try detector.analyse(file: store.spool.path(instance.file)))
        }
    }

    /// What is due where. A study that is all out of scope has a report that says so, unless its source wants only the log.
    private func conclusion(_ lease: StudyLease, _ analyses: [ImageAnalysis]) throws -> AnalysisConclusion {
        let summary = try store.queue.show(lease.study).summary
        let table = table.current
        if case .outOfScope(let reason) = analyses.first?.outcome, analyses.allSatisfy(\.isOutOfScope),
            table.entities.first(where: { $0.name == summary.source })?.source?.outOfScope == .log
        {
            return .noResult(.outOfScopeLog, reason: ReasonCode(reason))
        }
        return .deliver(
            summary.destinations.flatMap { name in
                let settings = table.destination(named: name)?.destination
                let heatmaps = settings?.heatmap == .off ? 0 : HeatmapPlan(analyses).count
                return ResultPlan(reference: lease.reference, heatmaps: heatmaps).deliveries(to: name)
            })
    }

    /// A reload may have taken a destination away since the study came: what is due there would wait for ever.
    private func failOrphans(_ conclusion: AnalysisConclusion) throws {
        guard case .deliver(let planned) = conclusion else { return }
        let destinations = Set(table.current.destinationNames)
        if planned.allSatisfy({ destinations.contains($0.destination) }) { return }
        try store.queue.failDeliveries(toDestinationsOtherThan: destinations, at: Date())
    }

    private func reason(_ error: any Error) -> ReasonCode {
        switch error {
        case is ModelError: "model-failed"
        case is FileReadError: "file-unreadable"
        default: .unspecified
        }
    }

    private struct StoppedError: Error {}
}

extension ImageAnalysis {
    /// Whether the manifest does not accept the image.
    var isOutOfScope: Bool {
        if case .outOfScope = outcome { return true }
        return false
    }
}

/// Which heatmaps a revision has: one for each finding that is present and has heat, in the order of images and classes.
struct HeatmapPlan {
    /// Image and class of each heatmap.
    let entries: [(image: Int, key: String)]

    init(_ analyses: [ImageAnalysis]) {
        entries = analyses.enumerated().flatMap { image, analysis in
            analysis.findings.filter { $0.isPresent && $0.heat != nil }.map { (image, $0.key) }
        }
    }

    var count: Int { entries.count }
}

/// The objects of a revision as the queue knows them. Their identifiers are the queue's own: UIDs are identity.
struct ResultPlan {
    let reference: StudyReference
    let heatmaps: Int

    /// The report first: the heatmaps refer to it.
    func deliveries(to destination: String) -> [PlannedDelivery] {
        [planned(destination, .structuredReport, 0)]
            + (0..<heatmaps).map { planned(destination, .secondaryCapture, $0) }
    }

    private func planned(_ destination: String, _ kind: ResultKind, _ index: Int) -> PlannedDelivery {
        PlannedDelivery(
            destination: destination, kind: kind, index: index,
            resultID: "\(reference.study).\(reference.revision).\(kind.rawValue).\(index)")
    }
}
