import Foundation
import GRDB

/// Questions about one file or instance.
enum BalanceQuery {
    /// Whether the instance is held now, with a file.
    static func isHeld(_ instance: String?, in db: Database) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(
                sql: "SELECT EXISTS (SELECT 1 FROM instance WHERE id = ? AND state = 'held' AND disposal IS NULL)"),
            arguments: [instance]) ?? false
    }

    /// The size by its row of a held instance's file; nil when the file is none.
    static func claim(of file: String, in db: Database) throws -> Int64? {
        guard let instance = SpoolFolder.instanceID(ofFile: file) else { return nil }
        return try Int64.fetchOne(
            db.cachedStatement(
                sql: "SELECT bytes FROM instance WHERE id = ? AND file = ? AND state = 'held' AND disposal IS NULL"),
            arguments: [instance, file])
    }

    /// Whether the journal has the file's instance and the store has not: then the file is all that is left of it.
    static func isEvidenceOfLoss(_ file: String, in db: Database) throws -> Bool {
        guard let instance = SpoolFolder.instanceID(ofFile: file) else { return false }
        return try Bool.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT EXISTS (SELECT 1 FROM journal WHERE instance = ?1)
                      AND NOT EXISTS (SELECT 1 FROM instance WHERE id = ?1)
                    """),
            arguments: [instance]) ?? false
    }

    /// Whether the store knows what the file was of: its instance was discarded, or retention took the file, and a power
    /// failure has brought it back.
    static func hasEnded(_ file: String, in db: Database) throws -> Bool {
        guard let instance = SpoolFolder.instanceID(ofFile: file) else { return false }
        return try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM instance WHERE id = ?)"), arguments: [instance])
            ?? false
    }

    /// Whether a file that no held instance claims was made ahead: it begins with zeros, and no instance ever had its
    /// name. One that the journal knows is what a disk left of an instance, and a second instance cannot have its name.
    static func isMadeAhead(_ file: String, in folder: SpoolFolder, _ db: Database) throws -> Bool {
        guard let instance = SpoolFolder.instanceID(ofFile: file), folder.isBlank(file) else { return false }
        return try Bool.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT NOT EXISTS (SELECT 1 FROM journal WHERE instance = ?1)
                      AND NOT EXISTS (SELECT 1 FROM instance WHERE id = ?1)
                    """),
            arguments: [instance]) ?? false
    }

    /// What is wrong with studies that are not delivered yet: nothing will move them on, or deliveries that were planned
    /// are gone. The work is bounded by the number of these studies.
    static func openStudies(_ db: Database) throws -> [Balance.Finding] {
        let stuck = try String.fetchAll(
            db,
            sql: """
                SELECT id FROM study s WHERE
                  (state = 'analysing' AND NOT EXISTS (SELECT 1 FROM lease WHERE study = s.id))
                  OR (state IN ('analysed', 'delivering')
                    AND NOT EXISTS (SELECT 1 FROM lease WHERE study = s.id)
                    AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.study = s.id AND d.revision = s.revision
                      AND (d.state = 'waiting' OR (d.state = 'sent' AND d.confirm))))
                ORDER BY number
                """)
        let short = try String.fetchAll(
            db,
            sql: """
                SELECT s.id FROM study s JOIN revision r ON r.study = s.id AND r.number = s.revision
                WHERE s.state IN ('analysed', 'delivering', 'parked') AND r.objects IS NOT NULL
                  AND r.objects <> (SELECT COUNT(*) FROM delivery d WHERE d.study = s.id AND d.revision = s.revision)
                ORDER BY s.number
                """)
        return stuck.map { Balance.Finding(.studyStuck, study: $0) }
            + short.map { Balance.Finding(.deliveryMissing, study: $0) }
    }
}

extension Balance {
    /// Each instance in exactly one end state; and what came besides.
    mutating func countEndStates(_ db: Database) throws {
        instances = try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM instance") ?? 0
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT i.state AS instance_state, i.policy, s.state AS study_state, s.park_reason, r.no_result_policy,
                  COUNT(*) AS count
                FROM instance i LEFT JOIN study s ON s.id = i.study
                LEFT JOIN revision r ON r.study = s.id AND r.number = s.revision
                GROUP BY 1, 2, 3, 4, 5
                """)
        while let row = try rows.next() {
            let count: Int = row["count"]
            // Nil for an instance whose study is lost.
            let state: String? = row["study_state"]
            if row["instance_state"] == "discarded" {
                discarded[row["policy"], default: 0] += count
            } else if state == "parked" {
                parked[row["park_reason"], default: 0] += count
            } else if state == "delivered", let policy = row["no_result_policy"] as String? {
                discarded[policy, default: 0] += count
            } else if state == "delivered" {
                delivered += count
            } else {
                waiting += count
            }
        }
        retired =
            try Int.fetchOne(
                db, sql: "SELECT COUNT(*) FROM instance WHERE state = 'held' AND disposal IS NOT NULL") ?? 0
        forgotten = try Int.fetchOne(db, sql: "SELECT SUM(forgotten) FROM study") ?? 0
        let events = try Row.fetchCursor(
            db,
            sql: """
                SELECT kind, COUNT(*) AS count FROM event
                WHERE kind IN ('instance-duplicate', 'own-result', 'instance-refused') GROUP BY 1
                """)
        while let row = try events.next() {
            switch QueueEventKind(rawValue: row["kind"]) {
            case .instanceDuplicate: duplicates = row["count"]
            case .ownResult: ownResults = row["count"]
            default: refused = row["count"]
            }
        }
    }

    /// Event rows that are gone from between others: the queue log could not be told from them.
    mutating func compareEvents(_ db: Database) throws {
        let row = try Row.fetchOne(db, sql: "SELECT MIN(seq) AS first, MAX(seq) AS last, COUNT(*) AS count FROM event")
        guard let row, let first = row["first"] as Int64?, let last = row["last"] as Int64? else { return }
        let given = try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'event'") ?? last
        if given > last { add(Finding(.eventMissing, event: last + 1)) }
        guard (row["count"] as Int64) < last - first + 1 else { return }
        let gaps = try Int64.fetchAll(
            db,
            sql: """
                SELECT seq + 1 FROM event e WHERE seq < ?
                  AND NOT EXISTS (SELECT 1 FROM event n WHERE n.seq = e.seq + 1) ORDER BY seq LIMIT 100
                """, arguments: [last])
        for gap in gaps { add(Finding(.eventMissing, event: gap)) }
    }
}
