import Foundation
import GRDB

/// How the node's one SQLite file is opened: WAL, every commit synced, foreign keys, waiting for locks.
///
/// GRDB sets `synchronous = NORMAL` itself when it switches a connection to WAL, after every hook of its configuration.
/// With that a commit can be lost when the power goes, after the sender was told Success. So the file is opened here,
/// the setting is made afterwards, and what SQLite then says is checked.
package enum StudyDatabase {
    /// The configuration of ``open(path:)`` and ``openForReading(path:)``. It does not by itself sync every commit of a
    /// `DatabasePool` (see above).
    package static func configuration(readOnly: Bool = false) -> Configuration {
        var configuration = Configuration()
        configuration.label = "overread"
        configuration.readonly = readOnly
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(10)
        // The arguments of a statement can be pseudonyms and mapped UIDs; errors print none of them.
        configuration.publicStatementArguments = false
        configuration.prepareDatabase { db in
            if !readOnly {
                try db.execute(sql: "PRAGMA synchronous = FULL")
                // What is deleted is zeroed in the file: erased identity must not be found in free pages.
                try db.execute(sql: "PRAGMA secure_delete = ON")
            }
        }
        return configuration
    }

    /// Opens the file for the node, creating it when it is missing. Blocks. Throws `databaseNotDurable` when SQLite
    /// does not do as asked. The caller migrates it.
    @available(*, noasync, message: "blocks: call it from a thread")
    package static func open(path: String) throws -> DatabasePool {
        let pool = try DatabasePool(path: path, configuration: configuration())
        try pool.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = FULL")
            try checkDurability(of: db)
        }
        return pool
    }

    /// Opens the file of a running or stopped node for reading: for the command line. Blocks.
    @available(*, noasync, message: "blocks: call it from a thread")
    package static func openForReading(path: String) throws -> DatabaseQueue {
        try DatabaseQueue(path: path, configuration: configuration(readOnly: true))
    }

    /// Throws `databaseNotDurable` unless the connection writes in WAL mode and syncs every commit.
    package static func checkDurability(of db: Database) throws {
        let journal = try String.fetchOne(db, sql: "PRAGMA journal_mode")
        let synchronous = try Int.fetchOne(db, sql: "PRAGMA synchronous")
        guard journal == "wal", let synchronous, synchronous >= 2 else {
            throw StudyQueueError(
                .databaseNotDurable, "journal mode \(journal ?? "unknown"), synchronous \(synchronous ?? -1)")
        }
    }
}
