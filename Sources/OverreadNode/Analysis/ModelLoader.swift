import Detection
import Foundation
import Logging
import Synchronization

/// Loads the model when there is work for it, and tries again when it could not be loaded: a missing or damaged model never
/// stops the node from receiving.
final class ModelLoader: Sendable {
    private struct State {
        var loaded: Detector?
        var nextAttempt = ContinuousClock.now
        var lastProblem = ""
    }

    private let folder: String
    private let threads: Int
    private let logger: Logger
    private let state = Mutex(State())

    init(folder: String, threads: Int, logger: Logger) {
        self.folder = folder
        self.threads = threads
        self.logger = logger
    }

    /// The detector; nil while the model cannot be loaded. Says so once, and again when the reason changes.
    @available(*, noasync, message: "blocks: call it from a thread")
    func detector() -> Detector? { state.withLock { detector(&$0) } }

    private func detector(_ state: inout State) -> Detector? {
        if let loaded = state.loaded { return loaded }
        guard .now >= state.nextAttempt else { return nil }
        do {
            let begin = Date()
            let detector = try Detector(
                modelFolder: try ModelSelection.only(in: folder), threads: threads > 0 ? threads : nil)
            state.loaded = detector
            logger.info(
                "model loaded",
                metadata: [
                    "model": "\(detector.model.name) \(detector.model.version)",
                    "seconds": "\((Date().timeIntervalSince(begin) * 100).rounded() / 100)",
                ])
            return detector
        } catch {
            state.nextAttempt = .now + .seconds(10)
            let problem = "\(error)"
            if problem != state.lastProblem {
                logger.error("no model: studies are received and wait", metadata: ["error": "\(problem)"])
            }
            state.lastProblem = problem
            return nil
        }
    }
}
