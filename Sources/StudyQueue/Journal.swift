import Crypto
import Foundation
import GRDB

/// One line of the receipt journal: what was committed, written once, in the transaction of the commit.
struct JournalLine: Hashable, Sendable {
    let sequence: Int64
    let instance: String
    let digest: [UInt8]
    let bytes: Int64
    let at: Int64

    /// The line's chain value: SHA-256 over the previous line's and this line's fields, each with its length, so that a
    /// changed, inserted or missing line shows.
    func chain(after previous: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        func add(_ field: some Collection<UInt8>) {
            withUnsafeBytes(of: UInt64(field.count).bigEndian) { hash.update(bufferPointer: $0) }
            hash.update(data: Array(field))
        }
        add(previous)
        for number in [sequence, bytes, at] { withUnsafeBytes(of: number.bigEndian) { hash.update(bufferPointer: $0) } }
        add(Array(instance.utf8))
        add(digest)
        return Array(hash.finalize())
    }
}

/// The `journal` table.
enum Journal {
    /// Appends a line and returns its sequence number. Call inside the transaction of the commit.
    static func append(instance: String, digest: [UInt8], bytes: Int, in db: Database, at now: Date) throws -> Int64 {
        let (last, previous) = try end(in: db)
        let line = JournalLine(
            sequence: last + 1, instance: instance, digest: digest, bytes: Int64(bytes), at: now.milliseconds)
        try db.cachedStatement(
            sql: "INSERT INTO journal (seq, instance, digest, bytes, at, chain) VALUES (?, ?, ?, ?, ?, ?)"
        ).execute(arguments: [
            line.sequence, instance, Data(digest), line.bytes, line.at, Data(line.chain(after: previous)),
        ])
        return line.sequence
    }

    /// The highest sequence number ever given, and the chain value to go on from. The number is SQLite's own record of
    /// it, so a last line that was removed by hand is not written over.
    private static func end(in db: Database) throws -> (Int64, [UInt8]) {
        let given = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT seq FROM sqlite_sequence WHERE name = 'journal'"))
        let row = try Row.fetchOne(db.cachedStatement(sql: "SELECT seq, chain FROM journal ORDER BY seq DESC LIMIT 1"))
        if let row { return (max(row["seq"], given ?? 0), [UInt8](row["chain"] as Data)) }
        guard let base = try Row.fetchOne(db, sql: "SELECT seq, chain FROM journal_base") else {
            throw StudyQueueError(.databaseDamaged, "the journal has no base")
        }
        return (max(base["seq"], given ?? 0), [UInt8](base["chain"] as Data))
    }
}
