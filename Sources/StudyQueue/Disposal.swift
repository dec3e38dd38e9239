import Crypto
import Foundation
import GRDB

/// What retention takes.
package enum RetentionPolicy: String, CaseIterable, Codable, Sendable {
    /// Files of delivered studies.
    case pixels = "retention=pixels"
    /// Lines of the receipt journal.
    case journal = "retention=journal"
    /// The rows by which an instance that comes again is known.
    case memory = "retention=memory"
}

/// One line of the ledger of what retention took: written in the transaction that takes it, never changed, each bound to
/// the one before. The balance holds what is gone against it.
struct Disposal {
    let number: Int64
    let at: Int64
    let policy: String
    let study: String?
    let count: Int64
    let bytes: Int64
    /// Of the journal: the last line that went, and its chain value, which the next one follows.
    let through: Int64?
    let link: Data?

    /// The line's chain value: SHA-256 over the previous line's and this line's fields.
    func chain(after previous: Data) -> Data {
        var hash = SHA256()
        func add(_ field: Data) {
            withUnsafeBytes(of: UInt64(field.count).bigEndian) { hash.update(bufferPointer: $0) }
            hash.update(data: field)
        }
        add(previous)
        for number in [number, at, count, bytes, through ?? -1] {
            withUnsafeBytes(of: number.bigEndian) { hash.update(bufferPointer: $0) }
        }
        add(Data(policy.utf8))
        add(Data((study ?? "").utf8))
        add(link ?? Data())
        return Data(hash.finalize())
    }

    init(_ row: Row) {
        number = row["number"]
        at = row["at"]
        policy = row["policy"]
        study = row["study"]
        count = row["count"]
        bytes = row["bytes"]
        through = row["through"]
        link = row["link"]
    }

    private init(
        number: Int64, _ policy: RetentionPolicy, study: String?, count: Int, bytes: Int64, through: Int64?,
        link: Data?, at now: Date
    ) {
        self.number = number
        at = now.milliseconds
        self.policy = policy.rawValue
        self.study = study
        self.count = Int64(count)
        self.bytes = bytes
        self.through = through
        self.link = link
    }

    /// Appends a line and returns its number.
    static func append(
        _ policy: RetentionPolicy, study: String? = nil, count: Int, bytes: Int64 = 0, through: Int64? = nil,
        link: Data? = nil, in db: Database, at now: Date
    ) throws -> Int64 {
        let last = try Row.fetchOne(db, sql: "SELECT number, chain FROM disposal ORDER BY number DESC LIMIT 1")
        let given = try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'disposal'") ?? 0
        let line = Disposal(
            number: given + 1, policy, study: study, count: count, bytes: bytes, through: through, link: link, at: now)
        try db.execute(
            sql: """
                INSERT INTO disposal (number, at, policy, study, count, bytes, through, link, chain)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                line.number, line.at, line.policy, study, line.count, bytes, through, link,
                line.chain(after: last?["chain"] ?? Data()),
            ])
        return line.number
    }
}

extension Balance {
    /// The ledger of what retention took: whole, and in agreement with what is gone.
    mutating func compareDisposals(_ db: Database) throws {
        var (number, chain): (Int64, Data) = (0, Data())
        var through: (sequence: Int64, link: Data)?
        let rows = try Row.fetchCursor(db, sql: "SELECT * FROM disposal ORDER BY number")
        while let row = try rows.next() {
            let line = Disposal(row)
            let own: Data = row["chain"]
            if line.number != number + 1 {
                add(Finding(.disposalMissing, disposal: number + 1))
            } else if line.chain(after: chain) != own {
                add(Finding(.disposalAltered, study: line.study, disposal: line.number))
            }
            if let sequence = line.through, let link = line.link { through = (sequence, link) }
            (number, chain) = (line.number, own)
        }
        let given = try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'disposal'") ?? 0
        if given > number { add(Finding(.disposalMissing, disposal: number + 1)) }
        let base = try Row.fetchOne(db, sql: "SELECT seq, chain FROM journal_base")
        if base?["seq"] != through?.sequence ?? 0 || base?["chain"] != through?.link ?? Data(count: 32) {
            add(Finding(.journalBaseAltered))
        }
        try compareRetiredFiles(db)
    }

    /// As many instances are without a file by a line of the ledger as it says. Those of a study that was forgotten since
    /// cannot be counted any more.
    private mutating func compareRetiredFiles(_ db: Database) throws {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT d.number, d.study FROM disposal d LEFT JOIN study s ON s.id = d.study
                LEFT JOIN (SELECT disposal, COUNT(*) AS count FROM instance WHERE disposal IS NOT NULL GROUP BY 1) i
                  ON i.disposal = d.number
                WHERE d.policy = ? AND coalesce(s.forgotten, 0) = 0 AND coalesce(i.count, 0) <> d.count
                ORDER BY d.number
                """, arguments: [RetentionPolicy.pixels.rawValue])
        for row in rows { add(Finding(.disposalAltered, study: row["study"], disposal: row["number"])) }
    }
}
