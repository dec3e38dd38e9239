import Foundation
import Logging
import StudyQueue
import Synchronization

/// The queue log's files as the running node keeps them: what cannot be written waits in the database, and nothing else
/// waits for it.
final class QueueLogProjection: Sendable {
    private let writer: QueueLogWriter
    private let logger: Logger
    private let behind = Atomic(false)

    init(_ store: NodeStore, _ configuration: NodeConfiguration, logger: Logger) throws {
        let keeping = configuration.keeping
        writer = QueueLogWriter(
            store.database, folder: URL(filePath: configuration.logFolder),
            rotation: QueueLogRotation(
                maximumBytes: try keeping.size(.logSize), maximumAge: try keeping.time(.logAge),
                kept: try keeping.count(.logFiles) ?? 1))
        self.logger = logger
    }

    /// Whether the files lack events that could not be written.
    var isBehind: Bool { behind.load(ordering: .relaxed) }

    /// The number of the last event that both files have.
    var position: Int64 { writer.position }

    /// Writes what the files lack. Says once that it cannot be, and once that it can be again.
    @available(*, noasync, message: "blocks: call it from a thread")
    func catchUp() {
        do {
            try writer.catchUp()
            if behind.exchange(false, ordering: .relaxed) { logger.notice("the queue log is written again") }
        } catch {
            guard !behind.exchange(true, ordering: .relaxed) else { return }
            logger.error(
                "the queue log cannot be written: events wait in the database", metadata: ["error": "\(error)"])
        }
    }
}
