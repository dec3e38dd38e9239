import Foundation
import GRDB
import Synchronization
import Testing

@testable import StudyQueue

@Suite("Completeness and leases")
struct LeaseTests {
    @Test("a study is complete when no image came for its quiet time, not before")
    func quietTime() throws {
        let fixture = try QueueFixture()
        let study = try fixture.openStudy()
        try fixture.receive(fixture.receipt(instance: 2), at: 20)
        #expect(try fixture.queue.nextDeadline() == fixture.time(50))
        #expect(try fixture.queue.closeQuietStudies(at: fixture.time(49.9)).isEmpty)
        let closed = try fixture.queue.closeQuietStudies(at: fixture.time(50))
        #expect(closed == [StudyReference(study: study, revision: 1)])
        let event = try #require(try fixture.queue.events().last)
        #expect(event.kind == .studyComplete)
        #expect(event["evidence"] == "quiet" && event["instances"] == "2")
        #expect(try fixture.queue.closeQuietStudies(at: fixture.time(99)).isEmpty)
    }

    @Test("the next deadline is one that is still to come")
    func deadlines() throws {
        let fixture = try QueueFixture()
        _ = try fixture.completeStudy(1, at: 0)
        _ = try fixture.openStudy(2, at: 5)
        #expect(try fixture.queue.nextDeadline() == Date(timeIntervalSince1970: 0))
        #expect(try fixture.queue.nextDeadline(after: fixture.time(10)) == fixture.time(35))
        #expect(try fixture.queue.nextDeadline(after: fixture.time(35)) == nil)
        _ = try fixture.leaseAnalysis(for: .seconds(15), at: 5)
        #expect(try fixture.queue.nextDeadline(after: fixture.time(10)) == fixture.time(20))
    }

    @Test("work goes by priority, then by age")
    func order() throws {
        let fixture = try QueueFixture()
        let late = try fixture.completeStudy(1, at: 5)
        let early = try fixture.completeStudy(2, at: 1)
        let urgent = try fixture.completeStudy(3, priority: 9, at: 9)
        let order = try (0..<3).map { _ in try fixture.leaseAnalysis(at: 10).study }
        #expect(order == [urgent, early, late])
        #expect(try fixture.queue.lease(.analysis, owner: "me", duration: .seconds(1), at: fixture.time(10)) == nil)
    }

    @Test("a lease is one holder's until it expires, and survives a restart")
    func restart() throws {
        let folder = try QueueFixture().folder
        var fixture = try QueueFixture(folder: folder)
        let study = try fixture.completeStudy()
        let lease = try fixture.leaseAnalysis(owner: "first", at: 0)
        try fixture.pool.close()
        fixture = try QueueFixture(folder: folder)
        #expect(try fixture.state(of: study) == .analysing)
        #expect(
            try fixture.queue.lease(.analysis, owner: "second", duration: .seconds(60), at: fixture.time(59)) == nil)
        let renewed = try fixture.queue.renew(lease, duration: .seconds(60), at: fixture.time(59))
        #expect(renewed.expires == fixture.time(119))
        try fixture.finish(renewed, at: 118)
        #expect(try fixture.state(of: study) == .analysed)
    }

    @Test("an expired lease is taken over, after a wait, and its former holder is told")
    func takeover() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy()
        let lost = try fixture.leaseAnalysis(at: 0)
        #expect(try fixture.queue.lease(.analysis, owner: "you", duration: .seconds(60), at: fixture.time(60)) == nil)
        #expect(try fixture.state(of: study) == .complete)
        #expect(try fixture.queue.nextDeadline() == fixture.time(70))
        let second = try fixture.leaseAnalysis(owner: "you", at: 70)
        #expect(second.attempt == 2)
        #expect(throws: StudyQueueError(.leaseLost)) {
            try fixture.queue.renew(lost, duration: .seconds(60), at: fixture.time(71))
        }
        #expect(throws: StudyQueueError(.leaseLost)) { try fixture.finish(lost, at: 71) }
        #expect(throws: StudyQueueError(.leaseLost)) {
            try fixture.queue.failAnalysis(lost, reason: "model-failed", at: fixture.time(71))
        }
        try fixture.finish(second, at: 72)
        let expected: [QueueEventKind] = [
            .studyOpened, .studyComplete, .analysisStarted, .leaseLost, .analysisStarted, .analysisFinished,
        ]
        #expect(try fixture.kinds() == expected)
    }

    @Test("a former incarnation's leases are released at start")
    func releaseAtStart() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy(1)
        _ = try fixture.leaseAnalysis(owner: "former", at: 0)
        _ = try fixture.completeStudy(2)
        _ = try fixture.leaseAnalysis(owner: "present", at: 0)
        #expect(try fixture.queue.releaseLeases(ofOwnersOtherThan: "present", at: fixture.time(1)) == 1)
        #expect(try fixture.state(of: study) == .complete)
        #expect(try fixture.queue.list(states: [.analysing]).count == 1)
        #expect(try fixture.leaseAnalysis(owner: "present", at: 11).study == study)
    }

    @Test("a study that takes its process down each time is parked")
    func poison() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy()
        for attempt in 1...3 {
            let lease = try fixture.leaseAnalysis(owner: "incarnation-\(attempt)", at: Double(attempt * 200))
            #expect(lease.isLastAttempt == (attempt == 3))
            try fixture.queue.releaseLeases(ofOwnersOtherThan: "next", at: fixture.time(Double(attempt * 200 + 1)))
        }
        let summary = try fixture.queue.show(study).summary
        #expect(summary.state == .parked && summary.reason == .interrupted)
        #expect(try fixture.balance() == Balance.expecting(journalLines: 1, instances: 1, parked: ["interrupted": 1]))
    }

    @Test("failed analyses wait longer each time and are parked with the last reason")
    func failures() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy()
        var now = 0.0
        for wait in [10.0, 20.0] {
            let lease = try fixture.leaseAnalysis(at: now)
            let disposition = try fixture.queue.failAnalysis(lease, reason: "model-failed", at: fixture.time(now))
            #expect(disposition == .retry(fixture.time(now + wait)))
            #expect(
                try fixture.queue.lease(.analysis, owner: "me", duration: .seconds(1), at: fixture.time(now + wait - 1))
                    == nil)
            now += wait
        }
        let last = try fixture.leaseAnalysis(at: now)
        #expect(last.isLastAttempt)
        #expect(try fixture.queue.failAnalysis(last, reason: "not-a-number", at: fixture.time(now)) == .abandoned)
        #expect(try fixture.queue.show(study).summary.reason == "not-a-number")
        try fixture.queue.retry(study, at: fixture.time(now + 1))
        #expect(try fixture.leaseAnalysis(at: now + 1).attempt == 1)
    }

    @Test("a permanent failure is parked at once")
    func permanentFailure() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy()
        let lease = try fixture.leaseAnalysis(at: 0)
        let disposition = try fixture.queue.failAnalysis(
            lease, reason: "pixels-unreadable", isPermanent: true, at: fixture.time(1))
        #expect(disposition == .abandoned)
        #expect(try fixture.state(of: study) == .parked)
    }

    @Test("a lease given back costs no attempt and can be taken at once")
    func giveBack() throws {
        let fixture = try QueueFixture()
        _ = try fixture.completeStudy()
        let lease = try fixture.leaseAnalysis(at: 0)
        try fixture.queue.giveBack(lease, at: fixture.time(1))
        try fixture.queue.giveBack(lease, at: fixture.time(1))
        #expect(try fixture.leaseAnalysis(at: 1).attempt == 1)
    }

    @Test("eight threads on two connections never lease the same study")
    func concurrency() throws {
        let fixture = try QueueFixture()
        let other = try QueueFixture(folder: fixture.folder)
        let count = 40
        for number in 1...count { _ = try fixture.completeStudy(number, at: Double(number % 7)) }
        let taken = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            let queue = thread % 2 == 0 ? fixture.queue : other.queue
            do {
                let now = QueueFixture.start.addingTimeInterval(10)
                while let lease = try queue.lease(.analysis, owner: "t\(thread)", duration: .seconds(60), at: now) {
                    taken.withLock { $0.append(lease.study) }
                }
            } catch {
                Issue.record(error)
            }
        }
        let studies = taken.withLock { $0 }
        #expect(studies.count == count)
        #expect(Set(studies).count == count)
    }

    @Test("threads that receive, close and lease at once lose nothing")
    func receivingConcurrently() throws {
        let fixture = try QueueFixture()
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            do {
                for number in 0..<25 {
                    try fixture.receive(
                        fixture.receipt(instance: thread * 100 + number, study: number), at: Double(number))
                    try fixture.queue.closeQuietStudies(at: fixture.time(Double(number + 31)))
                    _ = try fixture.queue.lease(.analysis, owner: "t", duration: .seconds(1), at: fixture.time(50))
                }
            } catch {
                Issue.record(error)
            }
        }
        let balance = try fixture.balance()
        #expect(balance == Balance.expecting(journalLines: 200, instances: 200, waiting: 200))
        #expect(try fixture.queue.list(limit: 1000).map(\.instances).reduce(0, +) == 200)
    }
}
