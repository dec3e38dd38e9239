import DICOMCore
import Foundation
import GRDB

/// The primary key of a `delivery` row.
struct ObjectKey {
    let study: String
    let revision: Int
    let destination: String
    let kind: ResultKind
    let index: Int

    init(study: String, revision: Int, destination: String, kind: ResultKind, index: Int) {
        self.study = study
        self.revision = revision
        self.destination = destination
        self.kind = kind
        self.index = index
    }

    init(_ lease: StudyLease, _ kind: ResultKind, _ index: Int) {
        self.init(
            study: lease.study, revision: lease.revision, destination: lease.destination ?? "", kind: kind, index: index
        )
    }

    /// The condition and arguments that select the row.
    static let condition = "study = ? AND revision = ? AND destination = ? AND kind = ? AND object_index = ?"
    var arguments: StatementArguments { [study, revision, destination, kind.rawValue, index] }
    /// The fields that name it in an event.
    var fields: [QueueEventField] { [.destination(destination), .object(kind), .index(index)] }
}

extension StudyQueue {
    /// The waiting rows of a lease's destination whose time has come, in their planned order.
    func dueRows(_ lease: StudyLease, in db: Database, at now: Date) throws -> [Row] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT * FROM delivery WHERE study = ? AND revision = ? AND destination = ? AND state = 'waiting'
                  AND next_attempt_at <= ? ORDER BY position
                """, arguments: [lease.study, lease.revision, lease.destination, now.milliseconds])
    }

    func record(
        _ outcome: DeliveryOutcome, _ kind: ResultKind, _ index: Int, _ lease: StudyLease, _ isCurrent: Bool,
        study: inout StudyRow, in db: Database, at now: Date
    ) throws -> FailureDisposition? {
        let object = ObjectKey(lease, kind, index)
        switch outcome {
        case .stored(let status):
            guard status.isStored else {
                throw StudyQueueError(.invalidArgument, "status \(status) does not mean stored")
            }
            try store(object, status: status, study: study, in: db, at: now)
            if !isCurrent { try settle(&study, in: db, at: now) }
            return nil
        case .failed(let status, let reason, let isPermanent):
            // Without the lease the row is another's to count.
            guard isCurrent else { return nil }
            return try fail(
                object, status: status, reason: reason, isPermanent: isPermanent, study: study, in: db, at: now)
        }
    }

    /// The destination has the object, whatever became of the study meanwhile. Storing it twice is one fact.
    private func store(
        _ object: ObjectKey, status: DIMSEStatus, study: StudyRow, in db: Database, at now: Date
    ) throws {
        try db.execute(
            sql: """
                UPDATE delivery SET state = 'sent', attempts = attempts + 1, last_status = ?, last_reason = NULL,
                  updated_at = ?
                WHERE \(ObjectKey.condition) AND state <> 'confirmed'
                """,
            arguments: [Int(status.rawValue), now.milliseconds] + object.arguments)
        guard db.changesCount == 1 else { throw StudyQueueError(.invalidArgument, "no such delivery") }
        try study.log(.objectSent, fields: object.fields + [.status(status)], of: object.revision, in: db, at: now)
    }

    func fail(
        _ object: ObjectKey, status: DIMSEStatus?, reason: ReasonCode, isPermanent: Bool, study: StudyRow,
        in db: Database, at now: Date
    ) throws -> FailureDisposition {
        let row = try Row.fetchOne(
            db, sql: "SELECT attempts, waiting_since FROM delivery WHERE \(ObjectKey.condition) AND state = 'waiting'",
            arguments: object.arguments)
        guard let row else { throw StudyQueueError(.invalidArgument, "no such delivery waits") }
        let attempts: Int = (row["attempts"] as Int) + 1
        let age = now.milliseconds - (row["waiting_since"] as Int64)
        let isAbandoned = isPermanent || age >= policy.deliveryMaximumAge.milliseconds
        let next = now.milliseconds + deliveryWait(afterAttempt: attempts)
        try db.execute(
            sql: """
                UPDATE delivery SET state = ?, attempts = ?, next_attempt_at = ?, last_status = ?, last_reason = ?,
                  updated_at = ?
                WHERE \(ObjectKey.condition)
                """,
            arguments: [
                isAbandoned ? "failed" : "waiting", attempts, next, status.map { Int($0.rawValue) }, reason.rawValue,
                now.milliseconds,
            ] + object.arguments)
        var fields = object.fields + [.reason(reason), .attempt(attempts)]
        if let status { fields.append(.status(status)) }
        if !isAbandoned { fields.append(.retryIn(seconds: Int((next - now.milliseconds + 999) / 1000))) }
        try study.log(.objectFailed, fields: fields, of: object.revision, in: db, at: now)
        return isAbandoned ? .abandoned : .retry(Date(milliseconds: next))
    }

    func confirm(
        _ object: ObjectKey, _ isConfirmed: Bool, study: inout StudyRow, in db: Database, at now: Date
    ) throws {
        if isConfirmed {
            try db.execute(
                sql: "UPDATE delivery SET state = 'confirmed', updated_at = ? WHERE \(ObjectKey.condition)",
                arguments: [now.milliseconds] + object.arguments)
            try study.log(.objectConfirmed, fields: object.fields, of: object.revision, in: db, at: now)
        } else if object.revision == study.revision, study.state == .delivering {
            try db.execute(
                sql: """
                    UPDATE delivery SET state = 'waiting', next_attempt_at = ?, last_reason = ?, updated_at = ?
                    WHERE \(ObjectKey.condition)
                    """,
                arguments: [
                    now.milliseconds + deliveryWait(afterAttempt: 1), ReasonCode.commitmentFailed.rawValue,
                    now.milliseconds,
                ] + object.arguments)
            try study.log(
                .objectFailed, fields: object.fields + [.reason(.commitmentFailed)], of: object.revision, in: db,
                at: now)
        }
        try settle(&study, in: db, at: now)
    }

    /// An interrupted delivery may have been what took the process down: its due rows count an attempt and wait.
    func countInterruptedDeliveries(_ lease: LeaseRow, in db: Database, at now: Date) throws {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT rowid, attempts FROM delivery
                WHERE study = ? AND revision = ? AND destination = ? AND state = 'waiting' AND next_attempt_at <= ?
                """, arguments: [lease.study, lease.revision, lease.destination, now.milliseconds])
        for row in rows {
            let attempts: Int = (row["attempts"] as Int) + 1
            try db.execute(
                sql: """
                    UPDATE delivery SET attempts = ?, next_attempt_at = ?, last_reason = ?, updated_at = ?
                    WHERE rowid = ?
                    """,
                arguments: [
                    attempts, now.milliseconds + deliveryWait(afterAttempt: attempts), ReasonCode.interrupted.rawValue,
                    now.milliseconds, row["rowid"] as Int64,
                ])
        }
    }

    /// Moves a study that is being delivered on when nothing of its revision waits any more and no worker is at it.
    /// While a destination still waits, one that has failed for good does not stop it. Called after everything that can
    /// be the last thing to happen, so that no study is left without a next step.
    func settle(_ study: inout StudyRow, in db: Database, at now: Date) throws {
        guard study.state == .analysed || study.state == .delivering else { return }
        let isLeased = try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM lease WHERE study = ?)", arguments: [study.id])
        guard isLeased != true else { return }
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT SUM(state = 'waiting' OR (state = 'sent' AND confirm)) AS open, SUM(state = 'failed') AS failed,
                  (SELECT last_reason FROM delivery WHERE study = ?1 AND revision = ?2 AND state = 'failed'
                   ORDER BY position LIMIT 1) AS reason
                FROM delivery WHERE study = ?1 AND revision = ?2
                """, arguments: [study.id, study.revision])
        guard let row, (row["open"] as Int? ?? 0) == 0 else { return }
        if (row["failed"] as Int? ?? 0) > 0 {
            let reason = (row["reason"] as String?).flatMap(ReasonCode.init(stored:)) ?? .unspecified
            try study.apply(.deliveryAbandoned(reason), in: db, at: now)
        } else {
            try study.apply(.deliveryFinished, in: db, at: now)
        }
    }

    private func deliveryWait(afterAttempt attempt: Int) -> Int64 {
        var generator = SystemRandomNumberGenerator()
        return policy.deliveryBackOff.delay(afterAttempt: attempt, using: &generator).milliseconds
    }
}

extension StudyRow {
    /// Writes an event about an object of a revision, which may be an older one than the study's.
    func log(
        _ kind: QueueEventKind, fields: [QueueEventField], of revision: Int, in db: Database, at now: Date
    ) throws {
        var study = self
        study.revision = revision
        try study.log(kind, fields: fields, in: db, at: now)
    }
}
