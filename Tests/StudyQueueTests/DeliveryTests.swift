import DICOMCore
import Foundation
import GRDB
import Testing

@testable import StudyQueue

@Suite("Delivery")
struct DeliveryTests {
    @Test("objects go in their planned order and the study is delivered")
    func delivered() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy()
        let lease = try fixture.leaseDelivery(at: 1)
        #expect(lease.destination == "MAINPACS")
        #expect(try fixture.state(of: study) == .delivering)
        #expect(
            try fixture.queue.dueDeliveries(lease, at: fixture.time(1)).map(\.kind) == [
                .secondaryCapture, .structuredReport,
            ])
        #expect(try fixture.deliverAll(lease, at: 2) == .delivered)
        let expected: [QueueEventKind] = [
            .studyOpened, .studyComplete, .analysisStarted, .analysisFinished, .deliveryStarted, .objectSent,
            .objectSent, .studyDelivered,
        ]
        #expect(try fixture.kinds() == expected)
        #expect(try fixture.balance() == Balance.expecting(journalLines: 1, instances: 1, delivered: 1))
        #expect(try fixture.queue.nextDeadline() == nil)
    }

    @Test("the time of analysis and the analyses are kept per revision")
    func analysisTime() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy()
        #expect(try fixture.queue.analysis(of: StudyReference(study: study, revision: 1)) == nil)
        let lease = try fixture.leaseAnalysis(at: 7)
        try fixture.finish(lease, at: 8.5)
        let analysis = try #require(try fixture.queue.analysis(of: lease.reference))
        #expect(analysis.time == fixture.time(8.5))
        #expect(
            analysis.analyses == [InstanceAnalysis(instanceID: QueueFixture.instanceID(101), json: Data("{}".utf8))])
        #expect(try fixture.queue.patient(of: study).pseudonym == "P1")
    }

    @Test("a destination that is down is tried again, longer each time, until the deliveries are too old")
    func unreachable() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy()
        var now = 1.0
        for wait in [5.0, 10, 20, 40, 60, 60] {
            let lease = try fixture.leaseDelivery(at: now)
            try fixture.queue.recordDestinationFailure(lease, at: fixture.time(now))
            #expect(try fixture.queue.finishDelivery(lease, at: fixture.time(now)) == .delivering)
            #expect(try fixture.queue.nextDeadline() == fixture.time(now + wait))
            now += wait
        }
        #expect(try fixture.queue.show(study).deliveries.map(\.attempts) == [6, 6])
        let last = try fixture.leaseDelivery(at: 3600)
        try fixture.queue.recordDestinationFailure(last, at: fixture.time(3600))
        #expect(try fixture.queue.finishDelivery(last, at: fixture.time(3600)).kind == .parked)
        let expected = Balance.expecting(journalLines: 1, instances: 1, parked: ["destination-unreachable": 1])
        #expect(try fixture.balance() == expected)
        // The PACS is back: the operator's retry has a full age again.
        try fixture.queue.retry(study, at: fixture.time(9000))
        let again = try fixture.leaseDelivery(at: 9000)
        try fixture.queue.recordDestinationFailure(again, at: fixture.time(9001))
        #expect(try fixture.queue.finishDelivery(again, at: fixture.time(9001)) == .delivering)
        #expect(try fixture.deliverAll(fixture.leaseDelivery(at: 9010), at: 9010) == .delivered)
    }

    @Test("a destination that is down does not keep another waiting, and is parked only when the other is done")
    func twoDestinations() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy(destinations: ["UP", "DOWN"])
        let up = try fixture.leaseDelivery(to: "UP", at: 1)
        let down = try fixture.leaseDelivery(to: "DOWN", at: 1)
        let none = try fixture.queue.lease(.delivery, owner: "you", duration: .seconds(60), at: fixture.time(1))
        #expect(none == nil)
        for object in try fixture.queue.dueDeliveries(down, at: fixture.time(2)) {
            let disposition = try fixture.queue.recordDelivery(
                down, kind: object.kind, index: 0,
                outcome: .failed(.sopClassNotSupported, reason: .destinationRefused, isPermanent: true),
                at: fixture.time(2))
            #expect(disposition == .abandoned)
        }
        #expect(try fixture.queue.finishDelivery(down, at: fixture.time(2)) == .delivering)
        let state = try fixture.deliverAll(up, at: 3)
        #expect(state == .parked(Parking(reason: .destinationRefused, cause: .delivery, resume: .analysed)))
        let states = try fixture.queue.show(study).deliveries.map { "\($0.destination) \($0.state)" }
        #expect(states == ["DOWN failed", "DOWN failed", "UP sent", "UP sent"])
        #expect(try fixture.queue.show(study).deliveries[0].lastStatus == "0122")
    }

    @Test("who is done first does not end the study under one who is still at it")
    func lastOneSettles() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy(destinations: ["A", "B"])
        let first = try fixture.leaseDelivery(to: "A", at: 1)
        let second = try fixture.leaseDelivery(to: "B", at: 1)
        for lease in [first, second] {
            for object in try fixture.queue.dueDeliveries(lease, at: fixture.time(1)) {
                try fixture.queue.recordDelivery(
                    lease, kind: object.kind, index: 0, outcome: .stored(.success), at: fixture.time(1))
            }
        }
        #expect(try fixture.queue.finishDelivery(first, at: fixture.time(2)) == .delivering)
        _ = try fixture.queue.renew(second, duration: .seconds(60), at: fixture.time(3))
        #expect(try fixture.queue.finishDelivery(second, at: fixture.time(3)) == .delivered)
        #expect(try fixture.kinds(of: study).filter { $0 == .studyDelivered }.count == 1)
    }

    @Test("a destination that is no longer configured parks the study, and is tried again when it is back")
    func unknownDestination() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy(destinations: ["UP", "GONE"])
        #expect(try fixture.queue.failDeliveries(toDestinationsOtherThan: ["UP", "GONE"], at: fixture.time(1)) == 0)
        #expect(try fixture.queue.failDeliveries(toDestinationsOtherThan: ["UP"], at: fixture.time(1)) == 2)
        #expect(try fixture.state(of: study) == .analysed)
        try fixture.deliverAll(fixture.leaseDelivery(at: 2), at: 2)
        #expect(try fixture.queue.show(study).summary.reason == .destinationUnknown)
        try fixture.queue.retry(study, at: fixture.time(3))
        let lease = try fixture.leaseDelivery(at: 3)
        #expect(lease.destination == "GONE")
        #expect(try fixture.deliverAll(lease, at: 3) == .delivered)
    }

    @Test("a status that does not mean stored is not taken as stored")
    func statusMatters() throws {
        let fixture = try QueueFixture()
        _ = try fixture.analysedStudy()
        let lease = try fixture.leaseDelivery(at: 1)
        #expect(throws: StudyQueueError(.invalidArgument)) {
            try fixture.queue.recordDelivery(
                lease, kind: .structuredReport, index: 0, outcome: .stored(.outOfResources), at: fixture.time(1))
        }
    }

    @Test("what was sent before a crash is sent again or known, and nothing waits for ever")
    func crashWhileSending() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy()
        let lease = try fixture.leaseDelivery(owner: "former", at: 1)
        try fixture.queue.recordDelivery(
            lease, kind: .secondaryCapture, index: 0, outcome: .stored(.success), at: fixture.time(1))
        try fixture.queue.releaseLeases(ofOwnersOtherThan: "me", at: fixture.time(2))
        #expect(try fixture.state(of: study) == .delivering)
        let again = try fixture.leaseDelivery(at: 7)
        let due = try fixture.queue.dueDeliveries(again, at: fixture.time(7))
        #expect(due.map(\.kind) == [.structuredReport] && due[0].attempt == 2)
        try fixture.queue.recordDelivery(
            again, kind: .structuredReport, index: 0, outcome: .stored(.success), at: fixture.time(8))
        // Killed after the last object and before the lease was ended.
        try fixture.queue.releaseLeases(ofOwnersOtherThan: "next", at: fixture.time(9))
        #expect(try fixture.state(of: study) == .delivered)
    }

    @Test("with commitment required a study is delivered only once each object is confirmed")
    func confirmation() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy()
        try fixture.finish(fixture.leaseAnalysis(at: 0), confirm: true, at: 0)
        let results = ["\(study)-1-sc", "\(study)-1-sr"]
        #expect(try fixture.deliverAll(fixture.leaseDelivery(at: 1), at: 1) == .delivering)
        #expect(try fixture.balance().findings.isEmpty)
        func answer(_ result: String, _ isConfirmed: Bool, at seconds: Double) throws {
            try fixture.queue.recordConfirmation(
                ofResult: result, destination: "MAINPACS", isConfirmed: isConfirmed, at: fixture.time(seconds))
        }
        try answer(results[0], true, at: 2)
        try answer(results[1], false, at: 2)
        #expect(try fixture.state(of: study) == .delivering)
        #expect(try fixture.deliverAll(fixture.leaseDelivery(at: 7), at: 7) == .delivering)
        try answer(results[1], true, at: 8)
        try answer(results[1], true, at: 8)
        #expect(try fixture.state(of: study) == .delivered)
    }

    @Test("a study without a result says by which policy and why")
    func noResult() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy()
        let lease = try fixture.leaseAnalysis(at: 0)
        try fixture.queue.finishAnalysis(
            lease, analyses: [], conclusion: .noResult(.outOfScopeLog, reason: "body-part"), at: fixture.time(1))
        let event = try #require(try fixture.queue.events().last)
        #expect(event.kind == .noResult && event["reason"] == "body-part")
        let expected = Balance.expecting(journalLines: 1, instances: 1, discarded: ["out-of-scope=log": 1])
        #expect(try fixture.balance() == expected)
        #expect(try fixture.queue.show(study).revisions[0].noResultPolicy == .outOfScopeLog)
    }

    @Test("to deliver nothing without a policy is not possible, and leaves the lease")
    func emptyPlan() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy()
        let lease = try fixture.leaseAnalysis(at: 0)
        #expect(throws: StudyQueueError(.invalidArgument)) {
            try fixture.queue.finishAnalysis(lease, analyses: [], conclusion: .deliver([]), at: fixture.time(1))
        }
        #expect(try fixture.state(of: study) == .analysing)
        try fixture.finish(lease, at: 2)
    }
}
