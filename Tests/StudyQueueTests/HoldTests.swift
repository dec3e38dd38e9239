import DICOMCore
import Foundation
import Testing

@testable import StudyQueue

@Suite("Holds")
struct HoldTests {
    private func analysis(_ fixture: QueueFixture, at seconds: Double = 10) throws -> String? {
        try fixture.queue.lease(.analysis, owner: "me", duration: .seconds(60), at: fixture.time(seconds))?.study
    }

    @Test("what is held is received and waits; the others pass it; it goes on when the hold is lifted")
    func aSource() throws {
        let fixture = try QueueFixture()
        try fixture.queue.setHold(.sources(["CR_ROOM_1"]), at: fixture.time(0))
        let held = try fixture.completeStudy(1, priority: 9)
        try fixture.receive(fixture.receipt(instance: 2, study: 2, source: "CT"))
        let other = try #require(try fixture.queue.list(source: "CT").first?.study)
        try fixture.queue.complete(other, evidence: .release, at: fixture.time(1))
        #expect(try fixture.queue.show(held).summary.isHeld)
        #expect(try !fixture.queue.show(other).summary.isHeld)
        #expect(try analysis(fixture) == other)
        #expect(try analysis(fixture) == nil)
        #expect(try fixture.balance().isBalanced)

        try fixture.queue.setHold(.sources([]), at: fixture.time(2))
        #expect(try !fixture.queue.show(held).summary.isHeld)
        #expect(try analysis(fixture) == held)
        let events = try fixture.queue.events().filter { [.holdBegun, .holdLifted].contains($0.kind) }
        #expect(events.map(\.kind) == [.holdBegun, .holdLifted])
        #expect(events.allSatisfy { $0.source == "CR_ROOM_1" })
    }

    @Test("a hold of everything holds deliveries too, and begins and ends once")
    func everything() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy()
        for _ in 0..<2 { try fixture.queue.setHold(.everything, at: fixture.time(1)) }
        func delivery() throws -> StudyLease? {
            try fixture.queue.lease(.delivery, owner: "me", duration: .seconds(60), at: fixture.time(2))
        }
        #expect(try delivery() == nil)
        #expect(try fixture.queue.show(study).summary.isHeld)
        try fixture.queue.setHold(.sources(["CT"]), at: fixture.time(3))
        let lease = try #require(try delivery())
        try fixture.deliverAll(lease, at: 4)
        #expect(try fixture.state(of: study) == .delivered)
        try fixture.queue.setHold(.everything, at: fixture.time(5))
        #expect(try !fixture.queue.show(study).summary.isHeld, "there is nothing left to hold")
        let kinds = try fixture.queue.events().map(\.kind)
        #expect(kinds.count { $0 == .holdBegun } == 3 && kinds.count { $0 == .holdLifted } == 2)
    }

    @Test("what is held does not count to the studies that wait: a hold never makes a sender wait")
    func notWaiting() throws {
        let fixture = try QueueFixture()
        _ = try fixture.completeStudy(1)
        try fixture.receive(fixture.receipt(instance: 2, study: 2, source: "CT"))
        #expect(try fixture.queue.waitingStudies() == 2)
        try fixture.queue.setHold(.sources(["CR_ROOM_1"]), at: fixture.time(1))
        #expect(try fixture.queue.waitingStudies() == 1)
        try fixture.queue.setHold(.everything, at: fixture.time(2))
        #expect(try fixture.queue.waitingStudies() == 0)
        try fixture.queue.setHold(.sources([]), at: fixture.time(3))
        #expect(try fixture.queue.waitingStudies() == 2)
    }

    @Test("the time of a hold does not count to the time that a delivery may take")
    func deliveryAge() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy()
        let lifted = 30 * 86_400.0
        try fixture.queue.setHold(.everything, at: fixture.time(1))
        try fixture.queue.setHold(.sources([]), at: fixture.time(lifted))
        let lease = try fixture.leaseDelivery(at: lifted)
        try fixture.queue.recordDestinationFailure(lease, at: fixture.time(lifted + 1))
        #expect(try fixture.queue.finishDelivery(lease, at: fixture.time(lifted + 1)) == .delivering)
        #expect(try fixture.state(of: study) == .delivering)
    }

    @Test("a command's hold and that of AETitles.conf are two: a source goes on when neither holds it")
    func twoOrigins() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy()
        #expect(try fixture.queue.hold(source: "CR_ROOM_1", by: OperatorID(uid: 7), at: fixture.time(1)))
        #expect(try !fixture.queue.hold(source: "CR_ROOM_1", by: OperatorID(uid: 8), at: fixture.time(2)))
        try fixture.queue.setHold(.sources(["CR_ROOM_1"]), at: fixture.time(3))
        try fixture.queue.setHold(.sources([]), at: fixture.time(4))
        // A restart: the file says nothing of a hold, and the command's stays.
        #expect(try fixture.queue.holds().map(\.uid) == [7])
        #expect(try analysis(fixture) == nil)
        try fixture.queue.setHold(.everything, at: fixture.time(5))
        #expect(try fixture.queue.liftHold(source: nil, by: OperatorID(uid: 9), at: fixture.time(6)) == ["CR_ROOM_1"])
        #expect(try fixture.queue.liftHold(source: nil, by: OperatorID(uid: 9), at: fixture.time(7)) == [])
        #expect(try analysis(fixture) == nil)
        try fixture.queue.setHold(.sources([]), at: fixture.time(8))
        #expect(try analysis(fixture) == study)
        let events = try fixture.queue.events().filter { [.holdBegun, .holdLifted].contains($0.kind) }
        let origins = ["operator", "conf", "conf", "conf", "operator", "conf"]
        #expect(events.map { $0["hold"] } == origins)
        #expect(events.map { $0["by"] } == ["7", nil, nil, nil, "9", nil])
    }

    @Test("a hold takes back what workers are at, at once and without counting the attempt", arguments: [true, false])
    func takesLeasesBack(_ isCommand: Bool) throws {
        let fixture = try QueueFixture()
        let sending = try fixture.analysedStudy(1)
        let analysing = try fixture.completeStudy(2)
        let delivery = try fixture.leaseDelivery(at: 1)
        let lease = try fixture.leaseAnalysis(at: 1)
        try fixture.receive(fixture.receipt(instance: 3, study: 3, source: "CT"))
        let other = try #require(try fixture.queue.list(source: "CT").first?.study)
        try fixture.queue.complete(other, evidence: .release, at: fixture.time(1))
        let untouched = try fixture.leaseAnalysis(at: 1)

        if isCommand {
            #expect(try fixture.queue.hold(source: "CR_ROOM_1", by: nil, at: fixture.time(2)))
        } else {
            try fixture.queue.setHold(.sources(["CR_ROOM_1"]), at: fixture.time(2))
        }
        for lost in [delivery, lease] {
            #expect(throws: StudyQueueError(.leaseLost)) {
                try fixture.queue.renew(lost, duration: .seconds(9), at: fixture.time(3))
            }
        }
        _ = try fixture.queue.renew(untouched, duration: .seconds(9), at: fixture.time(3))
        #expect(try fixture.state(of: analysing) == .complete)
        #expect(try fixture.queue.show(analysing).summary.attempts == 0)
        // The object that was on its way has arrived: it is not sent again when the hold ends.
        #expect(throws: StudyQueueError(.leaseLost)) {
            try fixture.queue.recordDelivery(
                delivery, kind: .structuredReport, index: 0, outcome: .stored(.success), at: fixture.time(3))
        }
        #expect(try fixture.queue.show(sending).deliveries.map(\.state).sorted() == ["sent", "waiting"])
        try fixture.queue.setHold(.sources([]), at: fixture.time(4))
        _ = try fixture.queue.liftHold(source: "CR_ROOM_1", by: nil, at: fixture.time(4))
        #expect(try fixture.deliverAll(fixture.leaseDelivery(at: 5), at: 5) == .delivered)
        #expect(try analysis(fixture) == analysing)
    }
}
