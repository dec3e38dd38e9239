import DICOMCore
import Foundation
import GRDB

// Requests for storage commitment. Each is recorded with the transaction that seals its original UIDs, waits until everything
// that it lists has come or the quiet time is over, and then until its source has been told what an archive confirms. All of
// that outlives the process.
extension StudyQueue {
    /// So many requests of a source may wait: one that asks without end must not fill the disk.
    package static let maximumWaitingCommitments = 256

    /// Records a request, in the caller's transaction. What it lists may have come already, or come later.
    package func recordCommitment(
        _ receipt: CommitmentReceipt, in db: Database, at now: Date
    ) throws -> CommitmentOutcome {
        guard db.isInsideTransaction else { throw StudyQueueError(.notInTransaction) }
        guard InstanceReceipt.isSection(receipt.source), !receipt.references.isEmpty else {
            throw StudyQueueError(.invalidReceipt, "commitment")
        }
        let isKnown = try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM commitment WHERE source = ? AND key = ?)",
            arguments: [receipt.source, receipt.key])
        if isKnown == true { return .duplicate }
        let waiting = try Int.fetchOne(
            db, sql: "SELECT COUNT(*) FROM commitment WHERE source = ? AND state = 'waiting'",
            arguments: [receipt.source])
        if waiting ?? 0 >= StudyQueue.maximumWaitingCommitments { return .tooMany }
        let quiet = now.milliseconds + receipt.quiet.milliseconds
        try db.execute(
            sql: """
                INSERT INTO commitment (id, key, source, state, received_at, next_attempt_at, list, is_evidence, quiet_at)
                VALUES (?, ?, ?, 'waiting', ?, ?, 'open', ?, ?)
                """,
            arguments: [receipt.id, receipt.key, receipt.source, now.milliseconds, quiet, receipt.isEvidence, quiet])
        let number = db.lastInsertedRowID
        for (position, uid) in receipt.references.enumerated() {
            try db.cachedStatement(
                sql: "INSERT INTO commitment_reference (commitment, position, sop_instance_uid) VALUES (?, ?, ?)"
            ).execute(arguments: [number, position, uid])
        }
        try EventTable.insert(
            .commitmentRequested, study: nil, source: receipt.source,
            fields: [.request(receipt.id), .instances(receipt.references.count)], in: db, at: now)
        return .recorded
    }

    // MARK: - Evidence

    /// Looks at each list of which something was missing. Where everything has come, the archive may be asked, and the
    /// studies are complete if the list is evidence. Where the quiet time is over, what is missing is logged. Returns the
    /// studies that were closed.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func closeListedStudies(at now: Date) throws -> [StudyReference] {
        // Most of the time there is nothing to do, and a reader waits for nobody.
        let numbers = try database.read { db in
            try openLists(in: db).filter { try step(for: $0, in: db, at: now) != nil }.map(\.number)
        }
        guard !numbers.isEmpty else { return [] }
        return try database.write { db in
            // An image may have come between.
            try openLists(in: db).filter { numbers.contains($0.number) }.flatMap { list in
                try step(for: list, in: db, at: now).map { try take($0, with: list, in: db, at: now) } ?? []
            }
        }
    }

    /// A list of which something was missing when it was looked at last.
    private struct OpenList {
        let number: Int64
        let id: String
        let source: String
        let checked: Int
        let quiet: Int64
        let isEvidence: Bool
    }

    /// What there is to write of it.
    private enum ListStep {
        /// Everything has come.
        case whole
        /// What is missing has not come in time.
        case incomplete
        /// Everything before this position has come.
        case checked(Int)
        /// Its studies wait until then.
        case waits(until: Int64)
    }

    private func openLists(in db: Database) throws -> [OpenList] {
        try Row.fetchAll(
            db, sql: "SELECT * FROM commitment INDEXED BY commitment_open WHERE list = 'open' ORDER BY number"
        ).map {
            OpenList(
                number: $0["number"], id: $0["id"], source: $0["source"], checked: $0["checked"], quiet: $0["quiet_at"],
                isEvidence: $0["is_evidence"])
        }
    }

    private func step(for list: OpenList, in db: Database, at now: Date) throws -> ListStep? {
        // What has come stays here, or was here, so each reference that is there is looked up once.
        let missing = try Int.fetchOne(
            db,
            sql: """
                SELECT position FROM commitment_reference r WHERE commitment = ? AND position >= ?
                  AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.sop_instance_uid = r.sop_instance_uid)
                ORDER BY position LIMIT 1
                """, arguments: [list.number, list.checked])
        guard let missing else { return .whole }
        if list.quiet <= now.milliseconds {
            guard let quiet = try quietTime(ofReceivingIn: list, in: db) else { return .incomplete }
            // The study's own may be over and not yet acted on.
            return .waits(until: max(quiet, now.milliseconds + 1000))
        }
        return missing > list.checked ? .checked(missing) : nil
    }

    private func take(_ step: ListStep, with list: OpenList, in db: Database, at now: Date) throws -> [StudyReference] {
        switch step {
        case .whole:
            try settleList(list.number, "whole", in: db, at: now)
            return list.isEvidence ? try closeStudies(of: list, in: db, at: now) : []
        case .incomplete:
            try settleList(list.number, "incomplete", in: db, at: now)
            try logMissing(list.number, id: list.id, source: list.source, in: db, at: now)
        case .checked(let position):
            try db.execute(
                sql: "UPDATE commitment SET checked = ? WHERE number = ?", arguments: [position, list.number])
        case .waits(let time):
            try db.execute(sql: "UPDATE commitment SET quiet_at = ? WHERE number = ?", arguments: [time, list.number])
        }
        return []
    }

    private func settleList(_ number: Int64, _ list: String, in db: Database, at now: Date) throws {
        try db.execute(
            sql: "UPDATE commitment SET list = ?, next_attempt_at = ? WHERE number = ?",
            arguments: [list, now.milliseconds, number])
    }

    /// The source's studies that still receive and of which nothing is held but what is listed: they are complete now. Of a
    /// study of which more has come, the list is only a part, and says nothing of the rest.
    private func closeStudies(of list: OpenList, in db: Database, at now: Date) throws -> [StudyReference] {
        try String.fetchAll(
            db,
            sql: """
                SELECT DISTINCT s.id FROM commitment_reference r
                JOIN instance i ON i.sop_instance_uid = r.sop_instance_uid AND i.state = 'held'
                JOIN study s ON s.id = i.study AND s.state = 'receiving' AND s.source = ?1
                WHERE r.commitment = ?2 AND NOT EXISTS (
                  SELECT 1 FROM instance h WHERE h.study = s.id AND h.state = 'held' AND NOT EXISTS (
                    SELECT 1 FROM commitment_reference l
                    WHERE l.commitment = ?2 AND l.sop_instance_uid = h.sop_instance_uid))
                """, arguments: [list.source, list.number]
        ).map {
            try close($0, evidence: .commitmentList, event: .completed(.commitmentList), in: db, at: now)
        }
    }

    /// When the last of the source's listed studies that receive is quiet; nil when none receives.
    private func quietTime(ofReceivingIn list: OpenList, in db: Database) throws -> Int64? {
        try Int64.fetchOne(
            db,
            sql: """
                SELECT MAX(s.quiet_at) FROM commitment_reference r
                JOIN instance i ON i.sop_instance_uid = r.sop_instance_uid AND i.state = 'held'
                JOIN study s ON s.id = i.study AND s.state = 'receiving' AND s.source = ?
                WHERE r.commitment = ?
                """, arguments: [list.source, list.number])
    }

    private func logMissing(_ number: Int64, id: String, source: String, in db: Database, at now: Date) throws {
        let missing = try Int.fetchOne(
            db,
            sql: """
                SELECT COUNT(*) FROM commitment_reference r WHERE commitment = ?
                  AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.sop_instance_uid = r.sop_instance_uid)
                """, arguments: [number])
        try EventTable.insert(
            .listIncomplete, study: nil, source: source, fields: [.request(id), .missing(missing ?? 0)], in: db, at: now
        )
    }

    // MARK: - The report

    /// The request whose turn it is; nil when none is due. What another source has sent is none of its. One worker at a time may ask: there is no lease.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func dueCommitment(at now: Date) throws -> DueCommitment? {
        try database.read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT * FROM commitment INDEXED BY commitment_due
                    WHERE state = 'waiting' AND list <> 'open' AND next_attempt_at <= ? ORDER BY next_attempt_at LIMIT 1
                    """, arguments: [now.milliseconds])
            guard let row else { return nil }
            let instances = try Row.fetchAll(
                db,
                sql: """
                    SELECT i.id, i.study, i.series_uid, i.sop_class_uid FROM commitment_reference r
                    LEFT JOIN instance i ON i.sop_instance_uid = r.sop_instance_uid AND i.state = 'held' AND i.source = ?
                    WHERE r.commitment = ? ORDER BY r.position
                    """, arguments: [row["source"] as String, row["number"] as Int64]
            ).map(Self.instance)
            return DueCommitment(
                id: row["id"], source: row["source"], received: Date(milliseconds: row["received_at"]),
                attempt: (row["attempts"] as Int) + 1,
                failingSince: (row["failing_since"] as Int64?).map { Date(milliseconds: $0) }, instances: instances)
        }
    }

    private static func instance(_ row: Row) -> CommitmentInstance? {
        guard let id = row["id"] as String? else { return nil }
        return CommitmentInstance(
            instanceID: id, study: row["study"], seriesUID: row["series_uid"], sopClassUID: row["sop_class_uid"])
    }

    /// Puts a request off, by the policy's back-off for deliveries, and says why. What would fail in the same way is put off
    /// with it, and not counted as tried.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func delayCommitment(
        _ due: DueCommitment, _ delay: CommitmentDelay, reason: ReasonCode, at now: Date
    ) throws {
        var generator = SystemRandomNumberGenerator()
        let wait = policy.deliveryBackOff.delay(afterAttempt: due.attempt, using: &generator)
        let next = now.milliseconds + wait.milliseconds
        try database.write { db in
            try db.execute(
                sql: "UPDATE commitment SET attempts = ?, next_attempt_at = ? WHERE id = ? AND state = 'waiting'",
                arguments: [due.attempt, next, due.id])
            switch delay {
            case .archiveLacks: break
            case .archiveFailed(let received):
                try db.execute(
                    sql: """
                        UPDATE commitment SET next_attempt_at = ?1 WHERE source = ?2 AND state = 'waiting'
                          AND list <> 'open' AND next_attempt_at < ?1 AND received_at > ?3
                        """, arguments: [next, due.source, received.milliseconds])
            case .sourceFailed:
                try db.execute(
                    sql: """
                        UPDATE commitment SET next_attempt_at = MAX(next_attempt_at, ?1),
                          failing_since = IFNULL(failing_since, ?2)
                        WHERE source = ?3 AND state = 'waiting' AND list <> 'open'
                        """, arguments: [next, now.milliseconds, due.source])
            }
            try EventTable.insert(
                .commitmentDelayed, study: nil, source: due.source,
                fields: [
                    .request(due.id), .reason(reason), .attempt(due.attempt),
                    .retryIn(seconds: Int((wait.milliseconds + 999) / 1000)),
                ], in: db, at: now)
        }
    }

    /// Forgets requests that were settled before then, and with them their Transaction UIDs. So many at most, so that nobody
    /// waits long; returns how many.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func retireCommitments(settledBefore time: Date, atMost limit: Int = 1000) throws -> Int {
        try database.write { db in
            try db.execute(
                sql: """
                    DELETE FROM commitment WHERE number IN (
                      SELECT number FROM commitment INDEXED BY commitment_settled
                      WHERE settled_at IS NOT NULL AND settled_at < ? LIMIT ?)
                    """, arguments: [time.milliseconds, limit])
            return db.changesCount
        }
    }

    /// Ends a request: its source was told. Runs in the caller's transaction, which erases what is sealed of it.
    package func finishCommitment(
        _ due: DueCommitment, archive: String, confirmed: Int, unconfirmed: Int, status: DIMSEStatus, in db: Database,
        at now: Date
    ) throws {
        try end(due, "reported", in: db, at: now)
        try EventTable.insert(
            .commitmentReported, study: nil, source: due.source,
            fields: [
                .request(due.id), .archive(archive), .attempt(due.attempt), .status(status), .confirmed(confirmed),
                .unconfirmed(unconfirmed),
            ], in: db, at: now)
    }

    /// Ends a request whose source cannot be told. Runs in the caller's transaction, as ``finishCommitment`` does.
    package func abandonCommitment(
        _ due: DueCommitment, reason: ReasonCode, in db: Database, at now: Date
    ) throws {
        try end(due, "abandoned", in: db, at: now)
        try EventTable.insert(
            .commitmentAbandoned, study: nil, source: due.source,
            fields: [.request(due.id), .reason(reason), .attempt(due.attempt)], in: db, at: now)
    }

    /// The row stays, so that its Transaction UID is known again; the list goes.
    private func end(_ due: DueCommitment, _ state: String, in db: Database, at now: Date) throws {
        guard db.isInsideTransaction else { throw StudyQueueError(.notInTransaction) }
        try db.execute(
            sql: """
                DELETE FROM commitment_reference
                WHERE commitment = (SELECT number FROM commitment WHERE id = ? AND state = 'waiting')
                """, arguments: [due.id])
        try db.execute(
            sql: "UPDATE commitment SET state = ?, attempts = ?, settled_at = ? WHERE id = ? AND state = 'waiting'",
            arguments: [state, due.attempt, now.milliseconds, due.id])
        guard db.changesCount == 1 else { throw StudyQueueError(.illegalTransition, "the request is settled") }
    }
}
