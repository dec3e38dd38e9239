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
}
