import Crypto
import Foundation
import GRDB
import Glibc

/// Who reads identity, in words for the audit: the process's user, and the one who logged in where that is another.
package struct AuditActor: Hashable, Sendable, CustomStringConvertible {
    /// "node uid 998 (overread)", "operator uid 0 (root) login 1000 (alice)".
    package let description: String

    /// What the process does.
    package enum Role: String, Sendable {
        /// The running node.
        case node
        /// A person, at the command line.
        case `operator`
    }

    /// The user that this process runs as.
    package static func current(_ role: Role) -> AuditActor {
        let user = getuid()
        var text = "\(role.rawValue) \("uid \(user)\(name(of: user))")"
        // The kernel keeps who logged in, also behind sudo; all ones where nobody did.
        if let login = (try? String(contentsOfFile: "/proc/self/loginuid", encoding: .utf8)).flatMap({ uid_t($0) }),
            login != .max, login != user
        {
            text += " login \(login)\(name(of: login))"
        }
        return AuditActor(description: text)
    }

    private static func name(of user: uid_t) -> String {
        guard let entry = getpwuid(user), let name = entry.pointee.pw_name else { return "" }
        return " (\(String(cString: name)))"
    }
}

/// One line of the audit: who opened whose identity for what, and what came of it. Opaque identifiers only.
package struct AuditLine: Hashable, Sendable, Codable {
    /// What identity is opened for.
    package enum Purpose: String, Sendable, Codable {
        /// Results are built for a destination.
        case delivery
        /// An archive is asked what it has, for a source that asked for storage commitment.
        case commitment
        /// An archive is asked how many instances of a study it has.
        case count
        /// An operator asked.
        case lookup
        /// Rows are sealed to a new key.
        case rotation
    }

    /// What came of it.
    package enum Outcome: String, Sendable, Codable {
        /// It was opened.
        case opened
        /// Rotation began; `sealed` lines follow.
        case begun
        /// It was opened and sealed again, and shown to nobody.
        case sealed
        /// No identity is stored for it.
        case notStored = "not-stored"
        /// It is sealed under a key that is not here.
        case otherKey = "other-key"
        /// It is damaged, or not what it is stored as.
        case notAuthentic = "not-authentic"
    }

    /// From 1.
    package let sequence: Int64
    /// Milliseconds since 1970.
    package let at: Int64
    /// See ``AuditActor``.
    package let actor: String
    /// See ``Purpose``.
    package let purpose: Purpose
    /// The study, pseudonym or instance that was asked for; the pair of keys for a rotation.
    package let subject: String
    /// The section of AETitles.conf that results are built for.
    package let recipient: String?
    /// How many identities.
    package let identities: Int
    /// See ``Outcome``.
    package let outcome: Outcome

    /// SHA-256 over the previous value and this line's fields, each behind its length, as in the receipt journal.
    func chain(after previous: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        func add(_ field: some Collection<UInt8>) {
            withUnsafeBytes(of: UInt64(field.count).bigEndian) { hash.update(bufferPointer: $0) }
            hash.update(data: Array(field))
        }
        add(previous)
        for number in [sequence, at, Int64(identities)] {
            withUnsafeBytes(of: number.bigEndian) { hash.update(bufferPointer: $0) }
        }
        for text in [actor, purpose.rawValue, subject, recipient ?? "", outcome.rawValue] { add(Array(text.utf8)) }
        return Array(hash.finalize())
    }
}

/// The `vault_audit` table: append-only, each line chained to the one before.
package enum VaultAudit {
    static let schema = """
        CREATE TABLE vault_audit (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, purpose TEXT NOT NULL,
            subject TEXT NOT NULL, recipient TEXT, identities INTEGER NOT NULL, outcome TEXT NOT NULL, chain BLOB NOT NULL
        ) STRICT;
        CREATE TRIGGER vault_audit_no_update BEFORE UPDATE ON vault_audit
            BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
        CREATE TRIGGER vault_audit_no_delete BEFORE DELETE ON vault_audit
            BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
        """

    /// Appends a line in the caller's transaction.
    static func append(
        _ purpose: AuditLine.Purpose, of subject: String, for recipient: String? = nil, by actor: AuditActor,
        identities: Int, outcome: AuditLine.Outcome, in db: Database, at now: Date
    ) throws {
        let (last, previous) = try end(in: db)
        let line = AuditLine(
            sequence: last + 1, at: Int64((now.timeIntervalSince1970 * 1000).rounded()), actor: actor.description,
            purpose: purpose, subject: subject, recipient: recipient, identities: identities, outcome: outcome)
        try db.cachedStatement(
            sql: """
                INSERT INTO vault_audit (seq, at, actor, purpose, subject, recipient, identities, outcome, chain)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            line.sequence, line.at, line.actor, line.purpose.rawValue, line.subject, line.recipient, line.identities,
            line.outcome.rawValue, Data(line.chain(after: previous)),
        ])
    }

    /// The highest number ever given, by SQLite's own record, and the chain value to go on from.
    private static func end(in db: Database) throws -> (Int64, [UInt8]) {
        let given = try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'vault_audit'") ?? 0
        let row = try Row.fetchOne(db, sql: "SELECT seq, chain FROM vault_audit ORDER BY seq DESC LIMIT 1")
        guard let row else { return (given, []) }
        return (max(row["seq"], given), [UInt8](row["chain"] as Data))
    }

    /// Walks all lines in their order, in bounded memory, and says for each whether it follows the one before: a line that
    /// was changed, put in or taken out shows.
    ///
    /// - Returns: the numbers of lines that are missing at the end.
    package static func walk(in db: Database, _ visit: (AuditLine, _ isIntact: Bool) throws -> Void) throws -> Int64 {
        var (last, previous): (Int64, [UInt8]) = (0, [])
        let rows = try Row.fetchCursor(db, sql: "SELECT * FROM vault_audit ORDER BY seq")
        while let row = try rows.next() {
            guard let purpose = AuditLine.Purpose(rawValue: row["purpose"]),
                let outcome = AuditLine.Outcome(rawValue: row["outcome"])
            else { throw VaultError.auditDamaged }
            let line = AuditLine(
                sequence: row["seq"], at: row["at"], actor: row["actor"], purpose: purpose, subject: row["subject"],
                recipient: row["recipient"], identities: row["identities"], outcome: outcome)
            let chain = [UInt8](row["chain"] as Data)
            try visit(line, line.sequence == last + 1 && line.chain(after: previous) == chain)
            (last, previous) = (line.sequence, chain)
        }
        let given = try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'vault_audit'") ?? 0
        return max(0, given - last)
    }
}
