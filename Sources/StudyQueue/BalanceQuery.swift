import Foundation
import GRDB

/// Questions about one file or instance.
enum BalanceQuery {
    /// Whether the instance is held now.
    static func isHeld(_ instance: String?, in db: Database) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM instance WHERE id = ? AND state = 'held')"),
            arguments: [instance]) ?? false
    }

    /// The size by its row of a held instance's file; nil when the file is none.
    static func claim(of file: String, in db: Database) throws -> Int64? {
        guard let instance = SpoolFolder.instanceID(ofFile: file) else { return nil }
        return try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT bytes FROM instance WHERE id = ? AND file = ? AND state = 'held'"),
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

    /// Whether a file that no held instance claims was made ahead: it begins with zeros, and no instance ever had its
    /// name. One that the journal knows is what a disk left of an instance, and a second instance cannot have its name.
    static func isMadeAhead(_ file: String, in folder: SpoolFolder, _ db: Database) throws -> Bool {
        guard let instance = SpoolFolder.instanceID(ofFile: file), folder.isBlank(file) else { return false }
        return try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT NOT EXISTS (SELECT 1 FROM journal WHERE instance = ?)"),
            arguments: [instance]) ?? false
    }
}

extension Balance {
    /// Walks the journal: gaps in its numbering, broken links of its chain, lines without an instance.
    mutating func compareJournal(_ db: Database) throws {
        guard let base = try Row.fetchOne(db, sql: "SELECT seq, chain FROM journal_base") else {
            throw StudyQueueError(.databaseDamaged, "the journal has no base")
        }
        var walk = JournalWalk(sequence: base["seq"], chain: [UInt8](base["chain"] as Data))
        let lines = try Row.fetchCursor(
            db,
            sql: """
                SELECT j.*, i.id IS NOT NULL AS known, i.digest = j.digest AND i.journal_seq = j.seq AS same
                FROM journal j LEFT JOIN instance i ON i.id = j.instance WHERE j.seq > ? ORDER BY j.seq
                """, arguments: [walk.sequence])
        while let row = try lines.next() {
            let line = JournalLine(
                sequence: row["seq"], instance: row["instance"], digest: [UInt8](row["digest"] as Data),
                bytes: row["bytes"], at: row["at"])
            try nameMissingLines(after: walk.sequence, upTo: line.sequence - 1, db)
            let isIntact = walk.step(to: line, chain: [UInt8](row["chain"] as Data))
            journalLines += 1
            if !isIntact {
                findings.append(Finding(.journalLineAltered, instance: line.instance, sequence: line.sequence))
            }
            if !(row["known"] as Bool) {
                findings.append(Finding(.instanceMissing, instance: line.instance, sequence: line.sequence))
            } else if isIntact, (row["same"] as Bool?) != true {
                findings.append(Finding(.instanceAltered, instance: line.instance, sequence: line.sequence))
            }
        }
        let given =
            try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'journal'") ?? walk.sequence
        try nameMissingLines(after: walk.sequence, upTo: given, db)
    }

    /// Names lost lines by number, and by instance where the store still knows which line was whose.
    private mutating func nameMissingLines(after last: Int64, upTo end: Int64, _ db: Database) throws {
        guard last < end else { return }
        for sequence in (last + 1)...end {
            let row = try Row.fetchOne(
                db.cachedStatement(sql: "SELECT id, study FROM instance WHERE journal_seq = ?"), arguments: [sequence])
            findings.append(
                Finding(.journalLineMissing, instance: row?["id"], sequence: sequence, study: row?["study"]))
        }
    }

    /// Instances whose line cannot be named by a gap: beyond every number that the journal ever gave.
    mutating func compareInstances(_ db: Database) throws {
        instances = try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM instance") ?? 0
        let strays = try Row.fetchAll(
            db,
            sql: """
                SELECT id, study, journal_seq FROM instance WHERE journal_seq > (SELECT seq FROM journal_base)
                  AND NOT EXISTS (SELECT 1 FROM journal WHERE journal.instance = instance.id) ORDER BY journal_seq
                """)
        let named = Set(findings.filter { $0.kind == .journalLineMissing }.compactMap(\.instance))
        for row in strays where !named.contains(row["id"]) {
            findings.append(
                Finding(.journalLineMissing, instance: row["id"], sequence: row["journal_seq"], study: row["study"]))
        }
    }

    /// Each instance in exactly one end state.
    mutating func countEndStates(_ db: Database) throws {
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
            if row["instance_state"] == "discarded" {
                discarded[row["policy"], default: 0] += count
            } else if row["study_state"] == "parked" {
                parked[row["park_reason"], default: 0] += count
            } else if row["study_state"] == "delivered", let policy = row["no_result_policy"] as String? {
                discarded[policy, default: 0] += count
            } else if row["study_state"] == "delivered" {
                delivered += count
            } else {
                waiting += count
            }
        }
    }

    /// Studies that no timer, worker or answer will move on.
    mutating func findStuckStudies(_ db: Database) throws {
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
        findings += stuck.map { Finding(.studyStuck, study: $0) }
    }

    /// Held instances whose file is missing or of another size.
    func compareFiles(_ db: Database, _ folder: SpoolFolder) throws -> [Finding] {
        var suspects: [Finding] = []
        let held = try Row.fetchCursor(
            db,
            sql: "SELECT id, study, file, bytes, journal_seq FROM instance WHERE state = 'held' ORDER BY journal_seq")
        while let row = try held.next() {
            let size = try folder.size(of: row["file"])
            guard size != row["bytes"] as Int64 else { continue }
            suspects.append(
                Finding(
                    size == nil ? .fileMissing : .fileSizeDiffers, instance: row["id"], sequence: row["journal_seq"],
                    study: row["study"]))
        }
        return suspects
    }
}

/// The chain of the journal, line by line.
struct JournalWalk {
    private(set) var sequence: Int64
    /// The values that the next line may follow: the one stored, and the one computed where that differs, so that one
    /// changed line is one finding.
    private var chains: [[UInt8]]

    init(sequence: Int64, chain: [UInt8]) {
        self.sequence = sequence
        chains = [chain]
    }

    /// Goes to a line and says whether it follows. After a gap its own link cannot be told; the gap is the finding.
    mutating func step(to line: JournalLine, chain: [UInt8]) -> Bool {
        let isAfterGap = line.sequence != sequence + 1
        let computed = chains.map { line.chain(after: $0) }
        let isIntact = isAfterGap || computed.contains(chain)
        sequence = line.sequence
        chains = isIntact ? [chain] : [chain] + computed
        return isIntact
    }
}
