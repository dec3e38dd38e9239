import GRDB
import NodeTestSupport
import StudyQueue
import Testing

@testable import OverreadNode

@Suite struct QueueReadingTests {
    @Test func dataOfAnEarlierVersionAreSaidToBeSo() throws {
        let folder = try TemporaryFolder()
        let configuration = NodeConfiguration(flags: .init(data: folder.path("data")), environment: [:])
        do {
            let store = try NodeStore(configuration)
            _ = try QueueReading(configuration)
            try store.database.erase()
            try NodeStore.migrator.migrate(store.database, upTo: "study-queue-1")
        }
        let error = try #require(throws: NodeError.self) { try QueueReading(configuration) }
        #expect("\(error)".contains("is of an earlier version: start the node there once"))
    }

    @Test func dataOfALaterVersionAreLeftAlone() throws {
        let folder = try TemporaryFolder()
        let configuration = NodeConfiguration(flags: .init(data: folder.path("data")), environment: [:])
        do {
            let store = try NodeStore(configuration)
            var later = NodeStore.migrator
            later.registerMigration("of a later version") { db in try db.execute(sql: "CREATE TABLE later (x)") }
            try later.migrate(store.database)
        }
        for attempt in [{ _ = try QueueReading(configuration) }, { _ = try NodeStore(configuration) }] {
            let error = try #require(throws: NodeError.self) { try attempt() }
            #expect("\(error)".contains("is of a later version"))
        }
    }
}
