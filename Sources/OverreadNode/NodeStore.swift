import DeIdentification
import Foundation
import GRDB
import StudyQueue

/// The node's one database and its folders, opened and migrated. The transaction that commits an instance is begun here and
/// handed to the modules whose rows belong together.
package struct NodeStore: Sendable {
    /// The database of queue and vault.
    package let database: DatabasePool
    /// The queue over it.
    package let queue: StudyQueue
    /// De-identified files.
    package let spool: SpoolFolder

    /// Opens, and makes what is missing. Blocks. One process at a time may hold it: see ``DataFolderLock``.
    @available(*, noasync, message: "blocks: call it from a thread")
    package init(_ configuration: NodeConfiguration) throws {
        try FileManager.default.createDirectory(
            atPath: configuration.dataFolder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        self.spool = try SpoolFolder(root: configuration.spoolPath)
        self.database = try StudyDatabase.open(path: configuration.databasePath)
        try database.read { db in
            if try Self.migrator.hasBeenSuperseded(db) { throw NodeError.newerData(configuration.dataFolder) }
        }
        try Self.migrator.migrate(database)
        self.queue = StudyQueue(database)
    }

    /// Every migration of the database.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        StudyQueueSchema.register(in: &migrator)
        StudyQueueSchema.registerHoldOrigins(in: &migrator)
        Vault.register(in: &migrator)
        return migrator
    }

    /// For who only reads, or only looks into the vault: the database is of this version.
    ///
    /// - Throws: ``NodeError/olderData(_:)``, ``NodeError/newerData(_:)``.
    static func checkVersion(_ db: Database, of configuration: NodeConfiguration) throws {
        if try migrator.hasBeenSuperseded(db) { throw NodeError.newerData(configuration.dataFolder) }
        guard try migrator.hasCompletedMigrations(db) else { throw NodeError.olderData(configuration.dataFolder) }
    }

    /// Whether the data folder holds a database already.
    package static func exists(_ configuration: NodeConfiguration) -> Bool {
        FileManager.default.fileExists(atPath: configuration.databasePath)
    }
}
