import DICOMNetwork
import Foundation
import Testing

@testable import OverreadNode

@Suite struct QueueLoadTests {
    private func settings(_ lines: String) throws -> SourceSettings {
        let table = try AETitleTable(
            parsing: "[NODE]\nrole = self\n[PACS]\nrole = source, destination\nhost = 1.2.3.4\nport = 104\n"
                + "results = PACS\n\(lines)", file: "test")
        return try #require(table.entities.first?.source)
    }

    @Test func backlogIsWhatIsOlderThanTheMaximumAge() throws {
        let monthly = try settings("max-age = 30d")
        // 2027-01-31 12:00 UTC.
        let now = Date(timeIntervalSince1970: 1_801_396_800)
        for (date, isBacklog) in [
            ("20270131", false), ("20270101", false), ("20261231", true), ("19991231", true), ("20270301", false),
            // No date, or none that is one.
            ("", false), ("2026", false), ("20260231", false), ("2026013X", false), ("-0260101", false),
        ] {
            #expect(monthly.isBacklog(studyDate: date, at: now) == isBacklog, "\(date)")
        }
        #expect(try settings("").isBacklog(studyDate: "19000101", at: now) == false)
    }

    @Test func backlogGoesAfterEveryPriority() throws {
        let orders = try ["low", "medium", "high"].map { try settings("priority = \($0)") }
        #expect(orders.map { $0.queueOrder(isBacklog: false) } == [0, 1, 2])
        #expect(orders.allSatisfy { $0.queueOrder(isBacklog: true) == -1 })
    }

    @Test func theQueueIsHalfFullBeforeItIsFull() {
        let load = QueueLoad()
        for (waiting, half, full) in [(0, false, false), (4, false, false), (5, true, false), (10, true, true)] {
            load.set(waiting: waiting, maximum: 10)
            #expect(load.isHalfFull == half && load.isFull == full, "\(waiting)")
        }
    }
}
