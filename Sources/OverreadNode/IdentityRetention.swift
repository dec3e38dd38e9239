import DeIdentification
import Foundation
import GRDB
import Logging
import StudyQueue
import Synchronization

/// Erases the identity of studies that were delivered long enough ago: rows, indexes, and the bytes that they leave in the
/// database's files. What is de-identified stays: files, journal, events, balance.
final class IdentityRetention: Sendable {
    private let store: NodeStore
    private let vault: Vault
    private let signals: WorkSignals
    private let logger: Logger
    /// Whether the write-ahead log may hold what was erased. At start too: a former process may have been killed between
    /// commit and checkpoint.
    private let isLogLong = Atomic(true)
    /// Studies in one transaction: receivers wait for it.
    private static let batch = 20

    init(store: NodeStore, vault: Vault, signals: WorkSignals, logger: Logger) {
        self.store = store
        self.vault = vault
        self.signals = signals
        self.logger = logger
    }

    /// Erases the identity of studies that were delivered before a time, and of others, first delivered first, while more
    /// than `maximum` delivered ones have it.
    @available(*, noasync, message: "blocks: call it from a thread")
    func erase(keptSince time: Date, maximum: Int?) throws {
        let count = try erase(time, atMost: .max) + (try erase(.distantFuture, atMost: excess(over: maximum)))
        if count > 0 {
            isLogLong.store(true, ordering: .relaxed)
            logger.info("identity erased after its retention", metadata: ["studies": "\(count)"])
            signals.clock.raise()
        }
        if isLogLong.load(ordering: .relaxed) {
            try truncateLog()
            isLogLong.store(false, ordering: .relaxed)
        }
    }

    private func excess(over maximum: Int?) throws -> Int {
        guard let maximum else { return 0 }
        let kept = try store.database.read { db in
            try Int.fetchOne(
                db, sql: "SELECT COUNT(*) FROM study WHERE state = 'delivered' AND identity_erased_at IS NULL") ?? 0
        }
        return max(0, kept - maximum)
    }

    /// How many studies were erased.
    private func erase(_ time: Date, atMost limit: Int) throws -> Int {
        var count = 0
        while count < limit, !signals.work.isStopped {
            let batch = min(Self.batch, limit - count)
            let (studies, patients) = try store.database.write { db in
                let studies = try store.queue.retireIdentity(
                    ofStudiesDeliveredBefore: time, limit: batch, in: db, at: Date())
                return (studies.count, try studies.map { try vault.erase($0, in: db) })
            }
            for patient in patients { vault.forget(patient) }
            count += studies
            if studies < batch { break }
        }
        return count
    }

    /// Moves the write-ahead log into the database file, whose erased cells are zeroed, and empties it.
    private func truncateLog() throws {
        try store.database.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
    }
}
