import Crypto
import Foundation
import GRDB

/// Whether a data folder and `receiver.key` belong together. With another key every patient would get a second pseudonym
/// and nothing that is stored would be found again.
package enum ReceiverCheck {
    /// Enters the keys in a database that knows none, and checks them in one that does.
    ///
    /// A database of an earlier version holds identity and no name of its key: the keys it is opened with first are taken.
    /// - Throws: ``VaultError/otherReceiver``.
    package static func claim(_ keys: ReceiverKeys, in db: Database) throws {
        if try String.fetchOne(db, sql: "SELECT key_id FROM vault_receiver") == nil {
            try db.execute(sql: "INSERT INTO vault_receiver (key_id) VALUES (?)", arguments: [keys.id])
        }
        try check(keys, in: db)
    }

    /// Checks the keys without entering them.
    ///
    /// - Throws: ``VaultError/otherReceiver``.
    package static func check(_ keys: ReceiverKeys, in db: Database) throws {
        guard try db.tableExists("vault_receiver"),
            let stored = try String.fetchOne(db, sql: "SELECT key_id FROM vault_receiver")
        else { return }
        guard stored == keys.id else { throw VaultError.otherReceiver }
    }
}

extension ReceiverKeys {
    /// Names the keys, all four, and says nothing of them.
    fileprivate var id: String {
        var code = HMAC<SHA256>(key: uid)
        code.update(data: Data("overread receiver key id".utf8))
        for key in [patientIndex, studyIndex, accessionIndex] { key.withUnsafeBytes { code.update(data: Data($0)) } }
        return KeyText.hexadecimal(code.finalize().prefix(8))
    }
}
