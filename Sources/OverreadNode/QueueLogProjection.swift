import Foundation
import Logging
import StudyQueue
import Synchronization

/// The queue log's files as the running node keeps them: what cannot be written waits in the database, and nothing else
/// waits for it.
final class QueueLogProjection: Sendable {
    private let writer: QueueLogWriter
    private let logger: Logger
    /// Nil before the first attempt.
    private let behind = Mutex<Bool?>(nil)

    init(_ store: NodeStore, _ configuration: NodeConfiguration, logger: Logger) throws {
        let keeping = configuration.keeping
        writer = QueueLogWriter(
            store.database, folder: URL(filePath: configuration.logFolder),
            rotation: QueueLogRotation(
                maximumBytes: try keeping.size(.logSize), maximumAge: try keeping.time(.logAge),
                kept: try keeping.count(.logFiles) ?? 1))
        self.logger = logger
    }

    /// Whether the files lack events that could not be written; nil before that was tried.
    var isBehind: Bool? { behind.withLock { $0 } }

    /// The number of the last event that both files have.
    var position: Int64 { writer.position }

    /// Writes what the files lack. Says once that it cannot be, and once that it can be again.
    @available(*, noasync, message: "blocks: call it from a thread")
    func catchUp() {
        do {
            try writer.catchUp()
            if note(isBehind: false) == true { logger.notice("the queue log is written again") }
        } catch {
            guard note(isBehind: true) != true else { return }
            logger.error(
                "the queue log cannot be written: events wait in the database", metadata: ["error": "\(error)"])
        }
    }

    /// What it was before.
    private func note(isBehind: Bool) -> Bool? {
        behind.withLock { behind in
            defer { behind = isBehind }
            return behind
        }
    }
}
