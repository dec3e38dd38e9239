import Foundation
import GRDB

/// The study queue: receipts, states, leases, deliveries and their events in the node's one SQLite database.
///
/// The node opens the database and migrates it. ``record(_:in:at:)`` and its siblings run in the node's transaction of
/// ingest; everything else opens its own. Every function blocks while SQLite works and is called from a thread, never
/// from a task. Time is an argument everywhere; the queue has no clock of its own. The value may be shared by threads
/// and be made anew at will: its state is the database.
package struct StudyQueue: Sendable {
    /// The node's database.
    let database: any DatabaseWriter
    /// The numbers that the queue works by.
    package let policy: QueuePolicy

    /// A queue over a migrated database. `policy` is this process's; it is not stored.
    package init(_ database: any DatabaseWriter, policy: QueuePolicy = QueuePolicy()) {
        self.database = database
        self.policy = policy
    }

    // MARK: - Completeness

    /// Closes every receiving study that had no instance for its quiet time. Returns them, longest quiet first.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func closeQuietStudies(at now: Date) throws -> [StudyReference] {
        try database.write { db in
            let ids = try String.fetchAll(
                db,
                sql: """
                    SELECT id FROM study INDEXED BY study_quiet WHERE state = 'receiving' AND quiet_at <= ?
                    ORDER BY quiet_at
                    """, arguments: [now.milliseconds])
            return try ids.map { try close($0, evidence: .quiet, event: .completed(.quiet), in: db, at: now) }
        }
    }

    /// Closes a receiving study by other evidence than quiet time. Throws `unknownStudy` and `illegalTransition`.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func complete(_ study: String, evidence: CompletionEvidence, at now: Date) throws -> StudyReference {
        try database.write { db in
            try close(study, evidence: evidence, event: .completed(evidence), in: db, at: now)
        }
    }

    func close(
        _ id: String, evidence: CompletionEvidence, event: StudyEvent, by person: OperatorID? = nil, in db: Database,
        at now: Date
    ) throws -> StudyReference {
        var study = try StudyRow.require(id: id, in: db)
        let held = try heldInstances(of: id, in: db)
        try study.apply(event, fields: [.instances(held), .evidence(evidence)] + person.fields, in: db, at: now)
        try db.execute(
            sql: "UPDATE revision SET completed_at = ?, evidence = ? WHERE study = ? AND number = ?",
            arguments: [now.milliseconds, evidence.rawValue, id, study.revision])
        return StudyReference(study: id, revision: study.revision)
    }

    /// When the queue next has something to do by itself: a quiet time that ends, a retry that is due, a lease that
    /// expires. Nil when only an outside event can bring work.
    ///
    /// Only times after `now` count: pass the time that the last ``closeQuietStudies(at:)`` and
    /// ``lease(_:destination:owner:duration:at:)`` were given, so that work which is due and waits for a free worker
    /// does not make a timer spin. Without it the earliest time of all is returned, which may be in the past.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func nextDeadline(after now: Date = .distantPast) throws -> Date? {
        try database.read { db in
            try Int64.fetchOne(
                db,
                sql: """
                    SELECT MIN(at) FROM (
                      SELECT MIN(quiet_at) AS at FROM study WHERE state = 'receiving' AND quiet_at > ?1
                      UNION ALL SELECT MIN(next_attempt_at) FROM study WHERE state = 'complete' AND next_attempt_at > ?1
                      UNION ALL SELECT MIN(expires_at) FROM lease WHERE expires_at > ?1
                      UNION ALL SELECT MIN(quiet_at) FROM commitment INDEXED BY commitment_open
                        WHERE list = 'open' AND quiet_at > ?1
                      UNION ALL SELECT MIN(d.next_attempt_at) FROM delivery d
                        JOIN study s ON s.id = d.study AND s.revision = d.revision
                        WHERE d.state = 'waiting' AND d.next_attempt_at > ?1 AND s.state IN ('analysed', 'delivering')
                          AND NOT EXISTS (SELECT 1 FROM lease l
                            WHERE l.study = d.study AND l.work = 'delivery' AND l.destination = d.destination))
                    """, arguments: [now == .distantPast ? -1 : now.milliseconds]
            ).map(Date.init(milliseconds:))
        }
    }

    func heldInstances(of study: String, in db: Database) throws -> Int {
        try Int.fetchOne(
            db.cachedStatement(sql: "SELECT COUNT(*) FROM instance WHERE study = ? AND state = 'held'"),
            arguments: [study]) ?? 0
    }
}
