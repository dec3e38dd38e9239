import Foundation
import GRDB

/// A pass over the journal in steps of bounded work and memory: each line with the ones before it, with its instance, and
/// with what belongs to that (file, study, revision, analysis, sealed identity). Lines that come meanwhile are looked at
/// when the pass gets there.
package struct BalanceWalk {
    /// Whether the identity of an instance is stored. Given by who joins queue and vault.
    package typealias SealedIdentityCheck = @Sendable (_ instanceID: String, Database) throws -> Bool

    /// What one step gave.
    package struct Step {
        /// How many lines were looked at.
        package var lines = 0
        /// What does not add up.
        package var findings: [Balance.Finding] = []
        /// Whether the journal's end was reached.
        package var isAtEnd = false

        /// Nothing looked at.
        package init() {}
    }

    private let folder: SpoolFolder
    private let isSealed: SealedIdentityCheck?
    private var journal: JournalWalk?
    /// Of one gap so many lines are named at most: a gap of millions is one disaster and not a million.
    private static let namedLines: Int64 = 1000

    /// A pass that begins where retention has left off.
    package init(spool: URL, isSealed: SealedIdentityCheck? = nil) {
        folder = SpoolFolder(url: spool)
        self.isSealed = isSealed
    }

    /// Looks at the next `limit` lines. After the end it may be called again, for what has come since.
    @available(*, noasync, message: "blocks: call it from a thread")
    package mutating func step(_ database: any DatabaseReader, lines limit: Int) throws -> Step {
        // The database first: an instance has its file before it is committed, so each that is seen has one.
        let (walk, found, suspects) = try database.read { [journal] db in
            var walk = try journal ?? JournalWalk.atBase(in: db)
            let base = try JournalWalk.atBase(in: db)
            if base.sequence > walk.sequence { walk = base }
            let start = walk.sequence
            var step = Step()
            try compareLines(&walk, limit: limit, &step, db)
            let suspects = try compareInstances(after: start, upTo: step.isAtEnd ? .max : walk.sequence, &step, db)
            return (walk, step, suspects)
        }
        journal = walk
        var step = found
        if !suspects.isEmpty {
            // A second look at files: an instance may have been replaced or retired, and its file removed, meanwhile.
            step.findings += try database.read { db in
                try suspects.filter { try BalanceQuery.isHeld($0.instance, in: db) }
            }
        }
        return step
    }

    /// Gaps in the numbering, broken links of the chain, lines without an instance.
    private func compareLines(_ walk: inout JournalWalk, limit: Int, _ step: inout Step, _ db: Database) throws {
        let lines = try Row.fetchCursor(
            db,
            sql: """
                SELECT j.*, i.id IS NOT NULL AS known, i.digest = j.digest AND i.journal_seq = j.seq AS same
                FROM journal j LEFT JOIN instance i ON i.id = j.instance WHERE j.seq > ? ORDER BY j.seq LIMIT ?
                """, arguments: [walk.sequence, limit])
        while let row = try lines.next() {
            let line = JournalLine(
                sequence: row["seq"], instance: row["instance"], digest: [UInt8](row["digest"] as Data),
                bytes: row["bytes"], at: row["at"])
            try nameMissingLines(after: walk.sequence, upTo: line.sequence - 1, &step, db)
            let isIntact = walk.step(to: line, chain: [UInt8](row["chain"] as Data))
            step.lines += 1
            if !isIntact {
                step.findings.append(
                    Balance.Finding(.journalLineAltered, instance: line.instance, sequence: line.sequence))
            }
            if !(row["known"] as Bool) {
                step.findings.append(
                    Balance.Finding(.instanceMissing, instance: line.instance, sequence: line.sequence))
            } else if isIntact, (row["same"] as Bool?) != true {
                step.findings.append(
                    Balance.Finding(.instanceAltered, instance: line.instance, sequence: line.sequence))
            }
        }
        guard step.lines < limit else { return }
        step.isAtEnd = true
        let given = try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'journal'")
        guard let given, given > walk.sequence else { return }
        try nameMissingLines(after: walk.sequence, upTo: given, &step, db)
    }

    /// Names lost lines by number, and by instance where the store still knows which line was whose.
    private func nameMissingLines(after last: Int64, upTo end: Int64, _ step: inout Step, _ db: Database) throws {
        guard last < end else { return }
        for sequence in (last + 1)...min(end, last + Self.namedLines) {
            let row = try Row.fetchOne(
                db.cachedStatement(sql: "SELECT id, study FROM instance WHERE journal_seq = ?"), arguments: [sequence])
            step.findings.append(
                Balance.Finding(.journalLineMissing, instance: row?["id"], sequence: sequence, study: row?["study"]))
        }
    }

    /// Instances whose line cannot be named by a gap, and what belongs to each that is held. Returns those whose file is
    /// missing or of another size.
    private func compareInstances(
        after start: Int64, upTo end: Int64, _ step: inout Step, _ db: Database
    ) throws -> [Balance.Finding] {
        let named = Set(step.findings.filter { $0.kind == .journalLineMissing }.compactMap(\.instance))
        var suspects: [Balance.Finding] = []
        let rows = try Row.fetchCursor(db, sql: Self.instances, arguments: [start, end])
        while let row = try rows.next() {
            let id: String = row["id"]
            func finding(_ kind: Balance.Finding.Kind) -> Balance.Finding {
                Balance.Finding(kind, instance: id, sequence: row["journal_seq"], study: row["study"])
            }
            if !(row["has_line"] as Bool), !named.contains(id) { step.findings.append(finding(.journalLineMissing)) }
            guard row["state"] == "held" else { continue }
            if !(row["has_study"] as Bool) { step.findings.append(finding(.studyMissing)) }
            if row["has_study"] as Bool, !(row["has_revision"] as Bool) {
                step.findings.append(finding(.revisionMissing))
            }
            if !(row["has_analysis"] as Bool) { step.findings.append(finding(.analysisMissing)) }
            if let isSealed, !(row["is_erased"] as Bool), try !isSealed(id, db) {
                step.findings.append(finding(.identityMissing))
            }
            if let disposal = row["disposal"] as Int64? {
                if !(row["has_disposal"] as Bool) {
                    step.findings.append(
                        Balance.Finding(
                            .disposalMissing, instance: id, sequence: row["journal_seq"], study: row["study"],
                            disposal: disposal))
                }
                continue
            }
            if let kind = fault(of: row["file"], bytes: row["bytes"]) { suspects.append(finding(kind)) }
        }
        return suspects
    }

    /// What is wrong with the file of an instance that is held.
    private func fault(of file: String, bytes: Int64) -> Balance.Finding.Kind? {
        do {
            guard let size = try folder.size(of: file) else { return .fileMissing }
            // Longer by zeros: made ahead, and the power failed before it was cut. The next start does that.
            let isWhole = try size == bytes || (size > bytes && folder.isZero(file, from: bytes))
            return isWhole ? nil : .fileSizeDiffers
        } catch {
            return .fileUnreadable
        }
    }

    /// An instance of a study whose results are due was analysed in the study's revision.
    private static let instances = """
        SELECT i.id, i.study, i.file, i.bytes, i.journal_seq, i.state, i.disposal,
          EXISTS (SELECT 1 FROM disposal d WHERE d.number = i.disposal AND d.study = i.study) AS has_disposal,
          EXISTS (SELECT 1 FROM journal j WHERE j.instance = i.id) AS has_line,
          s.id IS NOT NULL AS has_study, s.identity_erased_at IS NOT NULL AS is_erased,
          EXISTS (SELECT 1 FROM revision r WHERE r.study = i.study AND r.number = i.revision)
            AND EXISTS (SELECT 1 FROM revision r WHERE r.study = i.study AND r.number = s.revision) AS has_revision,
          coalesce(s.state, '') NOT IN ('analysed', 'delivering') OR EXISTS (SELECT 1 FROM analysis a
            WHERE a.study = i.study AND a.revision = s.revision AND a.instance = i.id) AS has_analysis
        FROM instance i LEFT JOIN study s ON s.id = i.study
        WHERE i.journal_seq > ? AND i.journal_seq <= ? ORDER BY i.journal_seq
        """
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

    /// Before the first line that retention has left.
    static func atBase(in db: Database) throws -> JournalWalk {
        guard let base = try Row.fetchOne(db.cachedStatement(sql: "SELECT seq, chain FROM journal_base")) else {
            throw StudyQueueError(.databaseDamaged, "the journal has no base")
        }
        return JournalWalk(sequence: base["seq"], chain: [UInt8](base["chain"] as Data))
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
