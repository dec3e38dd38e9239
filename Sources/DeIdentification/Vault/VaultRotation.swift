import Foundation
import GRDB
import Glibc

/// Puts a new pair of keys in the place of the vault's, and seals every row again.
///
/// It may be killed at any moment: at each one every row is sealed to a key that is in the folder, vault.pub is the other
/// half of one that is, and the same call goes on. The caller holds the data folder's lock, so nothing is sealed meanwhile.
package struct VaultRotation {
    private let folder: KeyFolder
    private let database: any DatabaseWriter
    private let actor: AuditActor
    /// Rows in one transaction.
    private let batch: Int

    /// What has just been made durable.
    package enum Step: Hashable, Sendable {
        /// The new private key lies in vault.key.next.
        case newKeyWritten
        /// The old private key lies in vault.key.previous as well.
        case oldKeyKept
        /// vault.key is the new key.
        case newKeyInPlace
        /// vault.pub is the new key's other half.
        case publicKeyInPlace
        /// So many rows of so many are sealed to the new key.
        case sealed(Int, of: Int)
        /// vault.key.previous is gone.
        case oldKeyRemoved
    }

    /// What was done.
    package struct Outcome: Hashable, Sendable {
        /// The name of the pair that is used now.
        package let keyID: String
        /// Rows that this call sealed again.
        package let sealed: Int
    }

    /// A rotation of the keys in `folder` and the rows in `database`.
    package init(_ folder: KeyFolder, _ database: any DatabaseWriter, by actor: AuditActor, batch: Int = 500) {
        self.folder = folder
        self.database = database
        self.actor = actor
        self.batch = batch
    }

    /// Rotates, or goes on with a rotation that was interrupted. `step` is told of each step; what it throws interrupts.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func run(_ step: (Step) throws -> Void) throws -> Outcome {
        try exchangeKeys(step)
        let ring = try folder.privateKeys()
        let total = try rowsToSeal(ring)
        if total > 0 { try audit(total, .begun, ring) }
        let sealed = try sealRows(ring, total, step)
        let left = try rowsToSeal(ring)
        guard left == 0 else { throw VaultError.notResealed(left) }
        try eraseOldPages()
        guard unlink(folder.file(.previousKey)) == 0 || errno == ENOENT else {
            throw KeyFolderError.notWritable(folder.file(.previousKey), errno)
        }
        try folder.sync()
        try step(.oldKeyRemoved)
        return Outcome(keyID: ring.currentID, sealed: sealed)
    }

    // MARK: Keys

    /// Each file is written whole under another name, synced and renamed, and the folder is synced before the next one.
    private func exchangeKeys(_ step: (Step) throws -> Void) throws {
        let current = try folder.privateKey(.privateKey)
        let isBegun = folder.exists(.previousKey)
        if !isBegun { _ = try folder.privateKeys() }
        let isExchanged = try isBegun && folder.privateKey(.previousKey).publicKey.id != current.publicKey.id
        if !isExchanged, !folder.exists(.nextKey) {
            try folder.write(KeyText(VaultPrivateKey.random()), to: .nextKey, mode: 0o600)
            try folder.sync()
        }
        try step(.newKeyWritten)
        if !isBegun {
            try folder.write(KeyText(current), to: .previousKey, mode: 0o600)
            try folder.sync()
        }
        try step(.oldKeyKept)
        if folder.exists(.nextKey) {
            // Only a whole key may take the place of the old one.
            _ = try folder.privateKey(.nextKey)
            guard rename(folder.file(.nextKey), folder.file(.privateKey)) == 0 else {
                throw KeyFolderError.notWritable(folder.file(.privateKey), errno)
            }
            try folder.sync()
        }
        try step(.newKeyInPlace)
        let publicKey = try folder.privateKey(.privateKey).publicKey
        if try folder.read(.publicKey).publicKey?.id != publicKey.id {
            try folder.write(KeyText(publicKey), to: .publicKey, mode: 0o644)
            try folder.sync()
        }
        try step(.publicKeyInPlace)
    }

    // MARK: Rows

    /// A table of sealed rows, and what each of its rows is bound to.
    private struct SealedTable {
        let name: String
        let purpose: SealingPurpose
        let binding: [String]
        static let all = [
            SealedTable(
                name: "sealed_identity", purpose: .identity, binding: ["instance_id", "study_uid", "pseudonym"]),
            SealedTable(name: "sealed_request", purpose: .request, binding: ["id"]),
        ]
    }

    private func rowsToSeal(_ ring: VaultKeyRing) throws -> Int {
        try database.read { db in
            try SealedTable.all.reduce(0) { count, table in
                let sql = "SELECT count(*) FROM \(table.name) WHERE key_id <> ?"
                return count + (try Int.fetchOne(db, sql: sql, arguments: [ring.currentID]) ?? 0)
            }
        }
    }

    /// Goes through the tables once, a batch a transaction: what was done stays done.
    private func sealRows(_ ring: VaultKeyRing, _ total: Int, _ step: (Step) throws -> Void) throws -> Int {
        try SealedTable.all.reduce(0) { try sealRows(of: $1, ring, after: $0, of: total, step) }
    }

    private func sealRows(
        of table: SealedTable, _ ring: VaultKeyRing, after done: Int, of total: Int, _ step: (Step) throws -> Void
    ) throws -> Int {
        var (last, sealed): (Int64, Int) = (0, done)
        while true {
            let (next, count) = try database.write { db in
                let rows = try Row.fetchAll(
                    db,
                    sql: """
                        SELECT rowid, * FROM \(table.name) WHERE rowid > ? AND key_id <> ? ORDER BY rowid LIMIT ?
                        """, arguments: [last, ring.currentID, batch])
                let count = try rows.reduce(0) { try $0 + (seal($1, of: table, ring, in: db) ? 1 : 0) }
                if count > 0 {
                    try VaultAudit.append(
                        .rotation, of: subject(ring), by: actor, identities: count, outcome: .sealed, in: db, at: Date()
                    )
                }
                return (rows.last?["rowid"] as Int64?, count)
            }
            guard let next else { return sealed }
            (last, sealed) = (next, sealed + count)
            try step(.sealed(sealed, of: total))
        }
    }

    /// False for a row that does not open: it stays as it is, and so does the old key.
    private func seal(_ row: Row, of table: SealedTable, _ ring: VaultKeyRing, in db: Database) throws -> Bool {
        let parts: [String] = table.binding.map { row[$0] }
        guard let bytes = try? ring.open(SealedBytes(row), for: table.purpose, boundTo: parts) else { return false }
        let sealed = try ring.current.publicKey.seal(bytes, for: table.purpose, boundTo: parts)
        try db.cachedStatement(
            sql: "UPDATE \(table.name) SET key_id = ?, encapsulated_key = ?, ciphertext = ? WHERE rowid = ?"
        ).execute(arguments: [sealed.keyID, sealed.encapsulatedKey, sealed.ciphertext, row["rowid"] as Int64])
        return true
    }

    private func audit(_ count: Int, _ outcome: AuditLine.Outcome, _ ring: VaultKeyRing) throws {
        try database.write { db in
            try VaultAudit.append(
                .rotation, of: subject(ring), by: actor, identities: count, outcome: outcome, in: db, at: Date())
        }
    }

    private func subject(_ ring: VaultKeyRing) -> String { ring.ids.reversed().joined(separator: ">") }

    /// What the old key opens must not be left in the write-ahead log: secure_delete has zeroed it in the pages.
    private func eraseOldPages() throws {
        try database.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
    }
}
