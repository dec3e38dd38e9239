import DICOMCore
import DeIdentification
import Foundation
import GRDB
import StudyQueue
import Synchronization

/// What `overread queue` reads, from a running node's data folder or a stopped one's. Nothing is written.
package final class QueueReading: Sendable {
    private let database: DatabaseQueue
    /// `data_version` as it was last seen.
    private let seen = Mutex<Int?>(nil)
    private let spool: URL

    /// - Throws: ``NodeError/noDataFolder(_:)`` when no node has ever run there; ``NodeError/olderData(_:)`` after an upgrade,
    ///   until the node was started.
    @available(*, noasync, message: "blocks: call it from a thread")
    package init(_ configuration: NodeConfiguration) throws {
        guard NodeStore.exists(configuration) else { throw NodeError.noDataFolder(configuration.dataFolder) }
        self.database = try StudyDatabase.openForReading(path: configuration.databasePath)
        try database.read { try NodeStore.checkVersion($0, of: configuration) }
        self.spool = URL(filePath: configuration.spoolPath)
    }

    /// Studies, newest first.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func list(states: Set<StudyState.Kind>, source: String?, limit: Int) throws -> [StudySummary] {
        try StudyListing.list(database, states: states, source: source, limit: limit)
    }

    /// Studies found by what the PACS calls them, newest first. Needs `receiver.key`, and opens no identity.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func find(_ known: KnownIdentity, with configuration: NodeConfiguration) throws -> [StudySummary] {
        let folder = try KeyFolder.open(
            configuration.keysFolder, dataFolder: configuration.dataFolder, dataExist: true)
        let keys = try folder.indexKeys()
        let index = VaultIndex(keys: keys)
        let uids = try database.read { db in
            try ReceiverCheck.check(keys, in: db)
            return switch known {
            case .accessionNumber(let number): try index.studies(accessionNumber: number, in: db)
            case .studyInstanceUID(let uid): try index.studies(originalStudyUID: uid, in: db)
            case .patient(let id, issuer: nil): try index.studies(patientID: id, in: db)
            case .patient(let id, issuer: .some(let issuer)):
                try index.studies(of: PatientKey(patientID: id, issuer: issuer), in: db)
            }
        }
        return try StudyListing.list(database, uids: uids.map(\.uid.value), limit: uids.count)
    }

    /// One study.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func show(_ study: String) throws -> StudyDetail { try StudyListing.show(database, study) }

    /// The holds in force, and how each is ended, in sentences.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func holdSentences() throws -> [String] { try StudyListing.holds(database).map(QueueCommands.sentence) }

    /// Events after a sequence number.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func events(after sequence: Int64, study: String?, source: String?) throws -> [QueueEvent] {
        try StudyListing.events(database, after: sequence, study: study, source: source)
    }

    /// The number of the last event.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func lastEvent() throws -> Int64 { try StudyListing.lastEventSequence(database) }

    /// The number after which the last `count` events of a study or a source begin.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func start(ofLast count: Int, study: String?, source: String?) throws -> Int64 {
        try StudyListing.start(database, ofLast: count, study: study, source: source)
    }

    /// Whether another connection has changed the database since this one last looked.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func hasChanged() throws -> Bool {
        let version = try database.read { db in try Int.fetchOne(db, sql: "PRAGMA data_version") }
        return seen.withLock { seen in
            defer { seen = version }
            return seen != version
        }
    }

    /// The balance of journal, store and files.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func balance() throws -> Balance {
        try Balance.check(database, spool: spool, isSealed: SealedIdentity.isStored)
    }
}

/// What an operator knows of a study: identity, so it is never printed.
package enum KnownIdentity: Sendable, CustomStringConvertible, CustomReflectable {
    /// (0008,0050)
    case accessionNumber(String)
    /// (0020,000D)
    case studyInstanceUID(String)
    /// (0010,0020), with (0010,0021) where one issuer's patient is meant; an empty issuer is a patient without one.
    case patient(String, issuer: String?)

    /// Prints nothing.
    package var description: String { "<identity>" }
    /// Shows nothing.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
