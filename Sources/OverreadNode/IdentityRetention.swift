import DeIdentification
import Foundation
import GRDB
import Logging
import StudyQueue

/// Erases the identity of studies that were delivered long enough ago: rows, indexes, and the bytes that they leave in the
/// database's files. What is de-identified stays: files, journal, events, balance.
final class IdentityRetention: Sendable {
    private let store: NodeStore
    private let vault: Vault
    /// Nil: for ever.
    private let retention: Duration?
    private let signals: WorkSignals
    private let logger: Logger
    /// Studies in one transaction: receivers wait for it.
    private static let batch = 20

    init(store: NodeStore, vault: Vault, keeping retention: Duration?, signals: WorkSignals, logger: Logger) {
        self.store = store
        self.vault = vault
        self.retention = retention
        self.signals = signals
        self.logger = logger
    }

    /// Works until the signal stops.
    @available(*, noasync, message: "blocks: call it from a thread")
    func run() {
        guard let retention else { return }
        let period = min(60, retention / .seconds(4))
        var isLogLong = true
        var next = Date()
        var seen: UInt64 = 0
        while !signals.work.isStopped {
            if Date() >= next {
                do {
                    isLogLong = try erase(olderThan: retention, at: Date()) || isLogLong
                    // At start too: a former process may have been killed between commit and checkpoint.
                    if isLogLong { try truncateLog() }
                    isLogLong = false
                } catch {
                    logger.error("identity retention", metadata: ["error": "\(error)"])
                }
                next = Date(timeIntervalSinceNow: period)
            }
            seen = signals.work.wait(after: seen, until: next)
        }
    }

    /// Whether anything was erased.
    private func erase(olderThan retention: Duration, at now: Date) throws -> Bool {
        var count = 0
        while !signals.work.isStopped {
            let (studies, patients) = try store.database.write { db in
                let studies = try store.queue.retireIdentity(
                    ofStudiesDeliveredBefore: now - retention / .seconds(1), limit: Self.batch, in: db, at: now)
                return (studies.count, try studies.map { try vault.erase($0, in: db) })
            }
            for patient in patients { vault.forget(patient) }
            count += studies
            if studies < Self.batch { break }
        }
        if count > 0 {
            logger.info("identity erased after its retention", metadata: ["studies": "\(count)"])
            signals.clock.raise()
        }
        return count > 0
    }

    /// Moves the write-ahead log into the database file, whose erased cells are zeroed, and empties it.
    private func truncateLog() throws {
        try store.database.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
    }
}
