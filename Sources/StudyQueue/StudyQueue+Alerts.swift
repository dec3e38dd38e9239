import Foundation
import GRDB

/// What changed between two looks.
package struct AlertChange: Sendable {
    /// Alerts that were not there.
    package var begun: [Alert] = []
    /// Alerts that are over.
    package var ended: [Alert] = []
}

extension StudyQueue {
    /// Puts `alerts` in the place of those of the same kinds that were known, with an event for each that begins or ends.
    /// `kinds` are those that `alerts` is complete for. Writes nothing when nothing changed.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func setAlerts(_ alerts: [Alert], of kinds: Set<AlertKind>, at now: Date) throws -> AlertChange {
        func change(_ db: Database) throws -> AlertChange {
            let known = try AlertTable.all(in: db).filter { kinds.contains($0.kind) }
            func isSame(_ a: Alert, _ b: Alert) -> Bool { a.kind == b.kind && a.subject == b.subject }
            return AlertChange(
                begun: alerts.filter { alert in !known.contains { isSame($0, alert) } },
                ended: known.filter { alert in !alerts.contains { isSame($0, alert) } })
        }
        let seen = try database.read(change)
        guard !seen.begun.isEmpty || !seen.ended.isEmpty else { return seen }
        return try database.write { db in
            let change = try change(db)
            for alert in change.begun { try AlertTable.begin(alert, in: db, at: now) }
            for alert in change.ended { try AlertTable.end(alert, in: db, at: now) }
            return change
        }
    }
}

/// The `alert` table: what the running node knows to be wrong.
package enum AlertTable {
    /// Every alert, worst first.
    package static func all(in db: Database) throws -> [Alert] {
        try Row.fetchAll(db, sql: "SELECT * FROM alert ORDER BY kind, subject").compactMap { row in
            guard let kind = AlertKind(rawValue: row["kind"]) else { return nil }
            let finding = try (row["finding"] as Data?).map { try JSONDecoder().decode(Balance.Finding.self, from: $0) }
            return Alert(
                kind, subject: row["subject"], count: row["count"], finding: finding,
                since: Date(milliseconds: row["since"]))
        }
    }

    /// What the queue's own rows show: parked studies, and destinations that do not take what waits for them. A study
    /// that an operator parked waits for nobody else.
    package static func ofQueue(in db: Database) throws -> [Alert] {
        var alerts: [Alert] = []
        let parked = try Int.fetchOne(
            db, sql: "SELECT COUNT(*) FROM study WHERE state = 'parked' AND park_cause <> ?",
            arguments: [Parking.Cause.byOperator.rawValue])
        if let parked, parked > 0 { alerts.append(Alert(.studyParked, count: parked)) }
        let waiting = try Row.fetchAll(
            db,
            sql: """
                SELECT d.destination, COUNT(*) AS count FROM study s
                JOIN delivery d ON d.study = s.id AND d.revision = s.revision
                WHERE s.state IN ('analysed', 'delivering') AND d.state = 'waiting' AND d.attempts >= 2
                GROUP BY 1 ORDER BY 1
                """)
        return alerts + waiting.map { Alert(.destinationDown, subject: $0["destination"], count: $0["count"]) }
    }

    static func begin(_ alert: Alert, in db: Database, at now: Date) throws {
        try db.execute(
            sql: "INSERT OR REPLACE INTO alert (kind, subject, count, finding, since) VALUES (?, ?, ?, ?, ?)",
            arguments: [
                alert.kind.rawValue, alert.subject, alert.count, try alert.finding.map { try JSONEncoder().encode($0) },
                now.milliseconds,
            ])
        var fields: [QueueEventField] = [.alert(alert.kind)]
        if let finding = alert.finding {
            fields.append(.finding(finding.kind))
            if let instance = finding.instance { fields.append(.instance(instance)) }
        }
        try log(.alertBegun, alert, fields, in: db, at: now)
    }

    static func end(_ alert: Alert, in db: Database, at now: Date) throws {
        try db.execute(
            sql: "DELETE FROM alert WHERE kind = ? AND subject = ?", arguments: [alert.kind.rawValue, alert.subject])
        try log(.alertEnded, alert, [.alert(alert.kind)], in: db, at: now)
    }

    private static func log(
        _ kind: QueueEventKind, _ alert: Alert, _ fields: [QueueEventField], in db: Database, at now: Date
    ) throws {
        let subject: [QueueEventField] = alert.subject.isEmpty ? [] : [.destination(alert.subject)]
        try EventTable.insert(
            kind, study: alert.finding?.study, source: nil, fields: fields + subject, in: db, at: now)
    }
}
