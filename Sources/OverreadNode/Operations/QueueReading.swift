import Foundation
import GRDB
import StudyQueue

/// What `overread queue` reads, from a running node's data folder or a stopped one's. Nothing is written.
package struct QueueReading: Sendable {
    private let database: DatabaseQueue
    private let spool: URL

    /// - Throws: ``NodeError/noDataFolder(_:)`` when no node has ever run there.
    @available(*, noasync, message: "blocks: call it from a thread")
    package init(_ configuration: NodeConfiguration) throws {
        guard NodeStore.exists(configuration) else { throw NodeError.noDataFolder(configuration.dataFolder) }
        self.database = try StudyDatabase.openForReading(path: configuration.databasePath)
        self.spool = URL(filePath: configuration.spoolPath)
    }

    /// Studies, newest first.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func list(states: Set<StudyState.Kind>, source: String?, limit: Int) throws -> [StudySummary] {
        try StudyListing.list(database, states: states, source: source, limit: limit)
    }

    /// One study.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func show(_ study: String) throws -> StudyDetail { try StudyListing.show(database, study) }

    /// Events after a sequence number.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func events(after sequence: Int64, study: String?, source: String?) throws -> [QueueEvent] {
        try StudyListing.events(database, after: sequence, study: study, source: source)
    }

    /// The number of the last event.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func lastEvent() throws -> Int64 { try StudyListing.lastEventSequence(database) }

    /// The balance of journal, store and files.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func balance() throws -> Balance { try Balance.check(database, spool: spool) }
}
