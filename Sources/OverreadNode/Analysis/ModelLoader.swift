import Detection
import Foundation
import Logging

/// Loads the model when there is work for it, and tries again when it could not be loaded: a missing or damaged model never
/// stops the node from receiving.
///
/// `@unchecked Sendable`: made by the node's thread and handed to the analysis worker's, which alone calls `detector()`.
final class ModelLoader: @unchecked Sendable {
    private let folder: String
    private let threads: Int
    private let logger: Logger
    private var loaded: Detector?
    private var nextAttempt = Date.distantPast
    private var lastProblem = ""

    init(folder: String, threads: Int, logger: Logger) {
        self.folder = folder
        self.threads = threads
        self.logger = logger
    }

    /// The detector; nil while the model cannot be loaded. Says so once, and again when the reason changes.
    @available(*, noasync, message: "blocks: call it from a thread")
    func detector() -> Detector? {
        if let loaded { return loaded }
        guard Date() >= nextAttempt else { return nil }
        do {
            let begin = Date()
            let detector = try Detector(
                modelFolder: try ModelSelection.only(in: folder), threads: threads > 0 ? threads : nil)
            loaded = detector
            logger.info(
                "model loaded",
                metadata: [
                    "model": "\(detector.model.name) \(detector.model.version)",
                    "seconds": "\((Date().timeIntervalSince(begin) * 100).rounded() / 100)",
                ])
            return detector
        } catch {
            nextAttempt = Date(timeIntervalSinceNow: 10)
            let problem = "\(error)"
            if problem != lastProblem {
                logger.error("no model: studies are received and wait", metadata: ["error": "\(problem)"])
            }
            lastProblem = problem
            return nil
        }
    }
}
