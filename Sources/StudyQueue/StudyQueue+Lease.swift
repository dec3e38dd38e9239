import Foundation
import GRDB

extension StudyQueue {
    /// Takes the next piece of work: highest priority, then longest ready, whose waiting time is over. For deliveries,
    /// `destination` limits it to one. Leases that have expired are ended first, so their work can be taken. Nil when
    /// nothing is due. `owner` names this incarnation of the process, for ``releaseLeases(ofOwnersOtherThan:at:)``.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func lease(
        _ work: LeaseWork, destination: String? = nil, owner: String, duration: Duration, at now: Date
    ) throws -> StudyLease? {
        try database.write { db in
            try endExpiredLeases(in: db, at: now)
            switch work {
            case .analysis: return try leaseAnalysis(owner: owner, duration: duration, in: db, at: now)
            case .delivery:
                return try leaseDelivery(to: destination, owner: owner, duration: duration, in: db, at: now)
            }
        }
    }

    /// Holds a lease until `duration` after `now`. Throws `leaseLost` when it is no longer this one's: stop the work.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func renew(_ lease: StudyLease, duration: Duration, at now: Date) throws -> StudyLease {
        try database.write { db in
            let expires = now.milliseconds + duration.milliseconds
            try db.execute(sql: "UPDATE lease SET expires_at = ? WHERE token = ?", arguments: [expires, lease.token])
            guard db.changesCount == 1 else { throw StudyQueueError(.leaseLost) }
            return StudyLease(
                reference: lease.reference, work: lease.work, destination: lease.destination, attempt: lease.attempt,
                isLastAttempt: lease.isLastAttempt, expires: Date(milliseconds: expires), token: lease.token)
        }
    }

    /// Gives a lease back without its work done and without counting the attempt: for a graceful stop. A lease that is
    /// lost already is no error.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func giveBack(_ lease: StudyLease, at now: Date) throws {
        try database.write { db in
            guard let row = try LeaseRow.current(lease, in: db) else { return }
            try withdraw(row, in: db, at: now)
        }
    }

    /// Ends a lease without its work done and without counting the attempt.
    func withdraw(_ lease: LeaseRow, in db: Database, at now: Date) throws {
        try lease.delete(in: db)
        var study = try StudyRow.require(id: lease.study, in: db)
        guard lease.work == .analysis else { return try settle(&study, in: db, at: now) }
        try study.apply(.leaseEnded, fields: [.work(.analysis)], in: db, at: now)
        try db.execute(sql: "UPDATE study SET attempts = MAX(attempts - 1, 0) WHERE id = ?", arguments: [study.id])
    }

    /// Ends every lease of another owner: at start, when the process that held them is known to be gone. Returns how
    /// many.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func releaseLeases(ofOwnersOtherThan owner: String, at now: Date) throws -> Int {
        try database.write { db in
            let rows = try Row.fetchAll(db, sql: "SELECT * FROM lease WHERE owner <> ?", arguments: [owner])
            for row in rows { try end(LeaseRow(row), in: db, at: now) }
            return rows.count
        }
    }

    /// Ends every lease that has expired and returns how many. ``lease(_:destination:owner:duration:at:)`` does it too.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func endExpiredLeases(at now: Date) throws -> Int {
        try database.write { db in try endExpiredLeases(in: db, at: now) }
    }

    // MARK: -

    @discardableResult
    private func endExpiredLeases(in db: Database, at now: Date) throws -> Int {
        let rows = try Row.fetchAll(
            db.cachedStatement(sql: "SELECT * FROM lease WHERE expires_at <= ? ORDER BY expires_at"),
            arguments: [now.milliseconds])
        for row in rows { try end(LeaseRow(row), in: db, at: now) }
        return rows.count
    }

    /// Ends a lease whose holder did not finish. The attempt counts: it may have taken the process down with it.
    private func end(_ lease: LeaseRow, in db: Database, at now: Date) throws {
        try lease.delete(in: db)
        var study = try StudyRow.require(id: lease.study, in: db)
        switch lease.work {
        case .analysis:
            if study.attempts >= policy.analysisAttempts {
                try study.apply(.analysisAbandoned(.interrupted), fields: [.attempt(study.attempts)], in: db, at: now)
            } else {
                let wait = try scheduleNextAnalysis(of: study, reason: .interrupted, in: db, at: now)
                try study.apply(
                    .leaseEnded, fields: [.work(.analysis), .attempt(study.attempts), .retryIn(seconds: wait)], in: db,
                    at: now)
            }
        case .delivery:
            try study.apply(.leaseEnded, in: db, at: now)
            try countInterruptedDeliveries(lease, in: db, at: now)
            try study.log(
                .leaseLost, fields: [.work(.delivery), .destination(lease.destination)], in: db, at: now)
            try settle(&study, in: db, at: now)
        }
    }

    /// Sets the time of the next attempt at an analysis and returns the wait in seconds.
    func scheduleNextAnalysis(of study: StudyRow, reason: ReasonCode, in db: Database, at now: Date) throws -> Int {
        var generator = SystemRandomNumberGenerator()
        let wait = policy.analysisBackOff.delay(afterAttempt: study.attempts, using: &generator).milliseconds
        try db.execute(
            sql: "UPDATE study SET next_attempt_at = ?, last_reason = ? WHERE id = ?",
            arguments: [now.milliseconds + wait, reason.rawValue, study.id])
        return Int((wait + 999) / 1000)
    }

    private func leaseAnalysis(
        owner: String, duration: Duration, in db: Database, at now: Date
    ) throws -> StudyLease? {
        // The index is named because SQLite prefers the one of all states and then sorts the whole backlog.
        let id = try String.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT id FROM study INDEXED BY study_ready WHERE state = 'complete' AND next_attempt_at <= ?
                      AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.source IN (study.source, ''))
                    ORDER BY priority DESC, ready_at, number LIMIT 1
                    """),
            arguments: [now.milliseconds])
        guard let id else { return nil }
        var study = try StudyRow.require(id: id, in: db)
        try study.apply(.analysisLeased, fields: [.attempt(study.attempts + 1)], in: db, at: now)
        return try grant(
            .analysis, of: study, destination: "", owner: owner, duration: duration, in: db, at: now)
    }

    private func leaseDelivery(
        to destination: String?, owner: String, duration: Duration, in db: Database, at now: Date
    ) throws -> StudyLease? {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT d.study, d.destination FROM delivery d
                    JOIN study s ON s.id = d.study AND s.revision = d.revision
                    WHERE d.state = 'waiting' AND d.next_attempt_at <= ? AND s.state IN ('analysed', 'delivering')
                      AND (? IS NULL OR d.destination = ?)
                      AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.source IN (s.source, ''))
                      AND NOT EXISTS (SELECT 1 FROM lease l
                        WHERE l.study = d.study AND l.work = 'delivery' AND l.destination = d.destination)
                    ORDER BY s.priority DESC, s.ready_at, s.number, d.position LIMIT 1
                    """),
            arguments: [now.milliseconds, destination, destination])
        guard let row else { return nil }
        let name: String = row["destination"]
        var study = try StudyRow.require(id: row["study"], in: db)
        try study.apply(.deliveryLeased, fields: [.destination(name)], in: db, at: now)
        return try grant(.delivery, of: study, destination: name, owner: owner, duration: duration, in: db, at: now)
    }

    private func grant(
        _ work: LeaseWork, of study: StudyRow, destination: String, owner: String, duration: Duration, in db: Database,
        at now: Date
    ) throws -> StudyLease {
        let token =
            String(UInt64.random(in: .min ... .max), radix: 16) + String(UInt64.random(in: .min ... .max), radix: 16)
        let expires = now.milliseconds + duration.milliseconds
        let attempt = work == .analysis ? study.attempts : 1
        try db.execute(
            sql: """
                INSERT INTO lease (study, work, destination, revision, owner, token, attempt, expires_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [study.id, work.rawValue, destination, study.revision, owner, token, attempt, expires])
        return StudyLease(
            reference: StudyReference(study: study.id, revision: study.revision), work: work,
            destination: work == .delivery ? destination : nil, attempt: attempt,
            isLastAttempt: work == .analysis && attempt >= policy.analysisAttempts,
            expires: Date(milliseconds: expires),
            token: token)
    }
}
