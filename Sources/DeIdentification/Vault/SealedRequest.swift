import Foundation
import GRDB

/// What a request for storage commitment names by original UIDs, until it is answered: only the private key opens it.
package struct SealedRequest: Sendable {
    /// The request's opaque identifier.
    package let id: String
    /// The sealed bytes, whose form is the caller's.
    let bytes: SealedBytes

    static let schema = """
        CREATE TABLE sealed_request (
            id TEXT PRIMARY KEY NOT NULL, key_id TEXT NOT NULL, encapsulated_key BLOB NOT NULL, ciphertext BLOB NOT NULL
        )
        """

    func insert(in db: Database) throws {
        try db.execute(
            sql: "INSERT INTO sealed_request (id, key_id, encapsulated_key, ciphertext) VALUES (?, ?, ?, ?)",
            arguments: [id, bytes.keyID, bytes.encapsulatedKey, bytes.ciphertext])
    }

    /// ``VaultReader`` alone calls it, and writes the audit.
    ///
    /// - Throws: ``VaultError/unknownInstance``, ``SealingError``.
    static func open(id: String, with ring: VaultKeyRing, in db: Database) throws -> [UInt8] {
        let sql = "SELECT key_id, encapsulated_key, ciphertext FROM sealed_request WHERE id = ?"
        guard let row = try Row.fetchOne(db, sql: sql, arguments: [id]) else { throw VaultError.unknownInstance }
        return try ring.open(SealedBytes(row), for: .request, boundTo: [id])
    }
}
