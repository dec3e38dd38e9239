import DICOMCore
import Foundation
import GRDB

/// An object that is to be sent now, under a lease of delivery.
package struct DueDelivery: Hashable, Sendable {
    /// What kind of object.
    package let kind: ResultKind
    /// Which of its kind in the revision, from 0.
    package let index: Int
    /// The object's identifier, as planned.
    package let resultID: String
    /// Which attempt this is, from 1.
    package let attempt: Int
}

/// What a destination answered to an object.
package enum DeliveryOutcome: Hashable, Sendable {
    /// It stored it, with this status: Success or a warning.
    case stored(DIMSEStatus)
    /// It did not. `isPermanent` when trying again is useless: this SOP class, this object, never.
    case failed(DIMSEStatus?, reason: ReasonCode, isPermanent: Bool = false)
}

/// A result that a destination has.
package struct SentResult: Hashable, Sendable {
    /// The revision it is of.
    package let revision: Int
    /// Where it is.
    package let destination: String
    /// What kind of object.
    package let kind: ResultKind
    /// Which of its kind.
    package let index: Int
    /// The object's identifier, as planned.
    package let resultID: String
}

extension StudyQueue {
    /// The objects to be sent now under a lease of delivery, in their planned order.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func dueDeliveries(_ lease: StudyLease, at now: Date) throws -> [DueDelivery] {
        try database.read { db in
            _ = try requireCurrent(lease, .delivery, in: db)
            return try dueRows(lease, in: db, at: now).compactMap { row in
                guard let kind = ResultKind(rawValue: row["kind"]) else { return nil }
                return DueDelivery(
                    kind: kind, index: row["object_index"], resultID: row["result"],
                    attempt: (row["attempts"] as Int) + 1)
            }
        }
    }

    /// Records a destination's answer to one object.
    ///
    /// Throws `leaseLost` when the lease is gone; that an object was stored is recorded all the same, since the
    /// destination has it. Returns nil for an object stored, and else what follows.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func recordDelivery(
        _ lease: StudyLease, kind: ResultKind, index: Int, outcome: DeliveryOutcome, at now: Date
    ) throws -> FailureDisposition? {
        let (disposition, isCurrent) = try database.write { db in
            let isCurrent = try LeaseRow.current(lease, in: db) != nil
            var study = try StudyRow.require(id: lease.study, in: db)
            let disposition = try record(outcome, kind, index, lease, isCurrent, study: &study, in: db, at: now)
            return (disposition, isCurrent)
        }
        guard isCurrent else { throw StudyQueueError(.leaseLost) }
        return disposition
    }

    /// Records that nothing could be sent to the destination: one failure for each object that was due.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func recordDestinationFailure(
        _ lease: StudyLease, reason: ReasonCode = .destinationUnreachable, at now: Date
    ) throws {
        try database.write { db in
            let study = try requireCurrent(lease, .delivery, in: db)
            for row in try dueRows(lease, in: db, at: now) {
                guard let kind = ResultKind(rawValue: row["kind"]) else { continue }
                let object = ObjectKey(lease, kind, row["object_index"])
                _ = try fail(object, status: nil, reason: reason, isPermanent: false, study: study, in: db, at: now)
            }
        }
    }

    /// Ends a lease of delivery. The study is delivered when every object is at its destination, parked when none waits
    /// and one has failed for good, and goes on waiting otherwise. Throws `leaseLost`.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func finishDelivery(_ lease: StudyLease, at now: Date) throws -> StudyState {
        try database.write { db in
            var study = try requireCurrent(lease, .delivery, in: db)
            try db.execute(sql: "DELETE FROM lease WHERE token = ?", arguments: [lease.token])
            try settle(&study, in: db, at: now)
            return study.state
        }
    }

    /// Records a destination's answer about an object that it stored: it has it, or it has it not, and then the object
    /// is due again. Objects that are not waiting for an answer are left alone.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func recordConfirmation(
        ofResult resultID: String, destination: String, isConfirmed: Bool, at now: Date
    ) throws {
        try database.write { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT * FROM delivery WHERE result = ? AND destination = ? AND state = 'sent'",
                arguments: [resultID, destination])
            for row in rows {
                guard let kind = ResultKind(rawValue: row["kind"]) else { continue }
                var study = try StudyRow.require(id: row["study"], in: db)
                let object = ObjectKey(
                    study: study.id, revision: row["revision"], destination: destination, kind: kind,
                    index: row["object_index"])
                try confirm(object, isConfirmed, study: &study, in: db, at: now)
            }
        }
    }

    /// Fails every waiting delivery to a destination that is not one of these: at start and after a reload, since
    /// nobody would ever try it. A study is parked for that once nothing else of it waits; `retry` tries again. Returns
    /// how many.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func failDeliveries(toDestinationsOtherThan known: Set<String>, at now: Date) throws -> Int {
        try database.write { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT d.* FROM delivery d JOIN study s ON s.id = d.study AND s.revision = d.revision
                    WHERE d.state = 'waiting' AND s.state IN ('analysed', 'delivering')
                      AND d.destination NOT IN (SELECT value FROM json_each(?))
                    ORDER BY s.number, d.position
                    """, arguments: [String(decoding: try JSONEncoder().encode(known), as: UTF8.self)])
            // Who is at it gives it up: its outcome has no row to go to any more.
            for destination in Set(rows.map { $0["destination"] as String }) {
                try db.execute(
                    sql: "DELETE FROM lease WHERE work = 'delivery' AND destination = ?", arguments: [destination])
            }
            for row in rows {
                guard let kind = ResultKind(rawValue: row["kind"]) else { continue }
                let object = ObjectKey(
                    study: row["study"], revision: row["revision"], destination: row["destination"], kind: kind,
                    index: row["object_index"])
                var study = try StudyRow.require(id: object.study, in: db)
                _ = try fail(
                    object, status: nil, reason: .destinationUnknown, isPermanent: true, study: study, in: db, at: now)
                try settle(&study, in: db, at: now)
            }
            return rows.count
        }
    }

    /// What destinations have of the revisions before a given one, newest first: for Predecessor Documents.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func sentResults(before reference: StudyReference) throws -> [SentResult] {
        try database.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM delivery WHERE study = ? AND revision < ? AND state IN ('sent', 'confirmed')
                    ORDER BY revision DESC, position
                    """, arguments: [reference.study, reference.revision]
            ).compactMap { row in
                guard let kind = ResultKind(rawValue: row["kind"]) else { return nil }
                return SentResult(
                    revision: row["revision"], destination: row["destination"], kind: kind, index: row["object_index"],
                    resultID: row["result"])
            }
        }
    }

    // MARK: - Own results

    /// Remembers the keys (opaque to the queue) of objects before they are sent, so that they are recognised when they
    /// come back. To remember one again is no error.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func registerOwnResults(_ keys: [[UInt8]], of reference: StudyReference, at now: Date) throws {
        try database.write { db in
            for key in keys {
                try db.execute(
                    sql: "INSERT OR IGNORE INTO own_result (key, study, revision, at) VALUES (?, ?, ?, ?)",
                    arguments: [Data(key), reference.study, reference.revision, now.milliseconds])
            }
        }
    }

    /// Whether an object of this key is a result of ours.
    package func isOwnResult(_ key: [UInt8], in db: Database) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM own_result WHERE key = ?)"), arguments: [Data(key)])
            ?? false
    }
}
