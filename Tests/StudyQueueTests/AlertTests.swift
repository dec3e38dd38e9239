import Foundation
import GRDB
import Testing

@testable import StudyQueue

@Suite("Alerts")
struct AlertTests {
    let fixture: QueueFixture

    init() throws { fixture = try QueueFixture() }

    private func ofQueue() throws -> [Alert] { try fixture.pool.read(AlertTable.ofQueue) }

    @Test("a study that waits for somebody is one, and one that an operator parked is none")
    func parked() throws {
        try fixture.queue.park(try fixture.openStudy(1), at: fixture.time(1))
        #expect(try ofQueue() == [])
        _ = try fixture.completeStudy(2)
        try fixture.queue.failAnalysis(
            try fixture.leaseAnalysis(at: 1), reason: "model-failed", isPermanent: true, at: fixture.time(1))
        #expect(try ofQueue() == [Alert(.studyParked, count: 1)])
    }

    @Test("a destination that failed twice is down, with its name, until it takes what waits")
    func destination() throws {
        _ = try fixture.analysedStudy(1)
        for (time, expected) in [(1.0, []), (100, [Alert(.destinationDown, subject: "MAINPACS", count: 2)])] {
            let lease = try fixture.leaseDelivery(at: time)
            try fixture.queue.recordDestinationFailure(lease, at: fixture.time(time))
            try fixture.queue.finishDelivery(lease, at: fixture.time(time))
            #expect(try ofQueue() == expected)
        }
        try fixture.deliverAll(try fixture.leaseDelivery(at: 500), at: 500)
        #expect(try ofQueue() == [])
    }

    @Test("an event when it begins and when it is over, and none in between")
    func events() throws {
        let finding = Balance.Finding(.fileMissing, instance: QueueFixture.instanceID(101), study: "s-0123456789")
        let alerts = [Alert(.balanceBroken, finding: finding), Alert(.destinationDown, subject: "MAINPACS")]
        let kinds: Set<AlertKind> = [.balanceBroken, .destinationDown]
        #expect(try fixture.queue.setAlerts(alerts, of: kinds, at: fixture.time(0)).begun.count == 2)
        #expect(try fixture.queue.setAlerts(alerts, of: kinds, at: fixture.time(1)).begun.isEmpty)
        // Of another kind: not asked for, not ended.
        #expect(try fixture.queue.setAlerts([], of: [.diskLow], at: fixture.time(2)).ended.isEmpty)
        #expect(
            try fixture.queue.setAlerts([alerts[1]], of: kinds, at: fixture.time(3)).ended.map(\.kind) == [
                .balanceBroken
            ])
        let events = try fixture.queue.events()
        #expect(events.map(\.kind) == [.alertBegun, .alertBegun, .alertEnded])
        #expect(events.map { $0["alert"] } == ["balance-broken", "destination-down", "balance-broken"])
        #expect(events[0]["finding"] == "file-missing" && events[0]["instance"] == QueueFixture.instanceID(101))
        #expect(events[0].study == "s-0123456789" && events[1]["destination"] == "MAINPACS")
        let known = try fixture.pool.read(AlertTable.all)
        #expect(known.map(\.kind) == [.destinationDown] && known[0].since == fixture.time(0))
    }
}
