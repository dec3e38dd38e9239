import DICOMCore
import Foundation
import GRDB
import Testing

@testable import StudyQueue

@Suite("Late images, parking and operators")
struct RevisionTests {
    @Test("a late image reopens a delivered study as a new revision that knows its predecessors")
    func afterDelivery() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy()
        try fixture.deliverAll(fixture.leaseDelivery(at: 1), at: 1)
        let outcome = try fixture.receive(fixture.receipt(instance: 2), at: 100)
        #expect(outcome == .committed(StudyReference(study: study, revision: 2)))
        #expect(try fixture.state(of: study) == .receiving)
        try fixture.queue.closeQuietStudies(at: fixture.time(130))
        let lease = try fixture.leaseAnalysis(at: 130)
        #expect(lease.revision == 2)
        let sent = try fixture.queue.sentResults(before: lease.reference)
        #expect(Set(sent.map(\.resultID)) == ["\(study)-1-sc", "\(study)-1-sr"])
        try fixture.finish(lease, at: 131)
        #expect(try fixture.deliverAll(fixture.leaseDelivery(at: 132), at: 132) == .delivered)
        #expect(try fixture.balance() == Balance.expecting(journalLines: 2, instances: 2, delivered: 2))
        #expect(try fixture.queue.show(study).revisions.map(\.number) == [1, 2])
        #expect(try fixture.queue.analysis(of: StudyReference(study: study, revision: 1))?.time == fixture.time(0))
    }

    @Test("a late image while analysing drops that analysis")
    func whileAnalysing() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy()
        let lease = try fixture.leaseAnalysis(at: 1)
        try fixture.receive(fixture.receipt(instance: 2), at: 2)
        #expect(throws: StudyQueueError(.leaseLost)) { try fixture.finish(lease, at: 3) }
        #expect(throws: StudyQueueError(.leaseLost)) {
            try fixture.queue.renew(lease, duration: .seconds(60), at: fixture.time(3))
        }
        #expect(try fixture.state(of: study) == .receiving)
        #expect(try fixture.queue.show(study).deliveries.isEmpty)
        try fixture.queue.closeQuietStudies(at: fixture.time(32))
        #expect(try fixture.leaseAnalysis(at: 32).revision == 2)
    }

    @Test("a late image before the analysis joins the revision")
    func beforeAnalysis() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy()
        try fixture.receive(fixture.receipt(instance: 2), at: 2)
        #expect(try fixture.state(of: study) == .receiving)
        #expect(try fixture.queue.lease(.analysis, owner: "me", duration: .seconds(1), at: fixture.time(31)) == nil)
        try fixture.queue.closeQuietStudies(at: fixture.time(32))
        #expect(try fixture.leaseAnalysis(at: 32).revision == 1)
    }

    @Test("a late image while delivering supersedes what is unsent, and what was being sent is still known")
    func whileDelivering() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy()
        let lease = try fixture.leaseDelivery(at: 1)
        try fixture.receive(fixture.receipt(instance: 2), at: 2)
        // The PACS has just stored this one.
        #expect(throws: StudyQueueError(.leaseLost)) {
            try fixture.queue.recordDelivery(
                lease, kind: .structuredReport, index: 0, outcome: .stored(.success), at: fixture.time(3))
        }
        // And this one failed, which is nobody's business now.
        #expect(throws: StudyQueueError(.leaseLost)) {
            try fixture.queue.recordDelivery(
                lease, kind: .secondaryCapture, index: 0, outcome: .failed(nil, reason: .destinationUnreachable),
                at: fixture.time(3))
        }
        #expect(try fixture.queue.show(study).deliveries.map(\.state) == ["superseded", "sent"])
        #expect(try fixture.queue.events().last?["revision"] == "1")
        #expect(try fixture.queue.lease(.delivery, owner: "me", duration: .seconds(1), at: fixture.time(999)) == nil)
        let sent = try fixture.queue.sentResults(before: StudyReference(study: study, revision: 2))
        #expect(sent.map(\.kind) == [.structuredReport])
        #expect(try fixture.balance() == Balance.expecting(journalLines: 2, instances: 2, waiting: 2))
    }

    @Test("a study that was parked for its delivery starts again with a late image")
    func parkedDelivery() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy()
        let lease = try fixture.leaseDelivery(at: 4000)
        try fixture.queue.recordDestinationFailure(lease, at: fixture.time(4000))
        try fixture.queue.finishDelivery(lease, at: fixture.time(4000))
        #expect(try fixture.state(of: study) == .parked)
        try fixture.receive(fixture.receipt(instance: 2), at: 4001)
        #expect(try fixture.state(of: study) == .receiving)
        #expect(try fixture.queue.show(study).summary.revision == 2)
    }

    @Test("a study that an operator parked takes late images and stays parked, then analyses all of them")
    func parkedByOperator() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy()
        let lease = try fixture.leaseDelivery(at: 1)
        try fixture.queue.park(study, at: fixture.time(2))
        #expect(throws: StudyQueueError(.leaseLost)) { try fixture.queue.dueDeliveries(lease, at: fixture.time(3)) }
        try fixture.receive(fixture.receipt(instance: 2), at: 4)
        #expect(try fixture.state(of: study) == .parked)
        #expect(try fixture.kinds().last == .lateInstance)
        #expect(try fixture.balance() == Balance.expecting(journalLines: 2, instances: 2, parked: ["by-operator": 2]))
        try fixture.queue.closeQuietStudies(at: fixture.time(99))
        #expect(try fixture.state(of: study) == .parked)
        try fixture.queue.release(study, at: fixture.time(100))
        try fixture.queue.closeQuietStudies(at: fixture.time(100))
        #expect(try fixture.leaseAnalysis(at: 100).revision == 2)
    }

    @Test("parked after its last object was sent, a study is delivered when it is released")
    func parkedWhenAllWasSent() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy()
        let lease = try fixture.leaseDelivery(at: 1)
        for object in try fixture.queue.dueDeliveries(lease, at: fixture.time(1)) {
            try fixture.queue.recordDelivery(
                lease, kind: object.kind, index: 0, outcome: .stored(.success), at: fixture.time(1))
        }
        try fixture.queue.park(study, at: fixture.time(2))
        try fixture.queue.release(study, at: fixture.time(3))
        #expect(try fixture.state(of: study) == .delivered)
    }

    @Test("release closes a receiving study at once, and says who did")
    func release() throws {
        let fixture = try QueueFixture()
        let study = try fixture.openStudy()
        try fixture.queue.release(study, at: fixture.time(1))
        #expect(try fixture.queue.events().last?["evidence"] == "operator")
        #expect(try fixture.queue.show(study).revisions[0].evidence == .byOperator)
        #expect(try fixture.queue.release(study, at: fixture.time(2)) == .unchanged(.complete))
        #expect(throws: StudyQueueError(.unknownStudy)) { try fixture.queue.release("s-none", at: fixture.time(2)) }
    }

    @Test("retry ends the waiting time of a delivery")
    func retryDelivery() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy()
        let lease = try fixture.leaseDelivery(at: 1)
        try fixture.queue.recordDestinationFailure(lease, at: fixture.time(1))
        try fixture.queue.finishDelivery(lease, at: fixture.time(1))
        #expect(try fixture.queue.lease(.delivery, owner: "me", duration: .seconds(1), at: fixture.time(2)) == nil)
        try fixture.queue.retry(study, at: fixture.time(2))
        #expect(try fixture.deliverAll(fixture.leaseDelivery(at: 2), at: 2) == .delivered)
    }

    @Test("every change of a study's state in the database has its event row")
    func everyTransitionHasAnEvent() throws {
        let fixture = try QueueFixture()
        try fixture.pool.write { db in
            try db.execute(
                sql: """
                    CREATE TABLE audit (n INTEGER PRIMARY KEY, study TEXT, state TEXT);
                    CREATE TRIGGER audit_update AFTER UPDATE OF state ON study WHEN OLD.state <> NEW.state
                      BEGIN INSERT INTO audit (study, state) VALUES (NEW.id, NEW.state); END;
                    CREATE TRIGGER audit_insert AFTER INSERT ON study
                      BEGIN INSERT INTO audit (study, state) VALUES (NEW.id, NEW.state); END;
                    """)
        }
        try walkEveryTransition(fixture)
        let audited = try fixture.pool.read { db in
            try Row.fetchAll(db, sql: "SELECT study, state FROM audit ORDER BY n").map {
                "\($0["study"] as String) \($0["state"] as String)"
            }
        }
        var last: [String: String] = [:]
        var logged: [String] = []
        for event in try fixture.queue.events() {
            guard let study = event.study, let state = event["state"], last[study] != state else { continue }
            last[study] = state
            logged.append("\(study) \(state)")
        }
        #expect(logged == audited)
        #expect(audited.count > 30)
    }

    /// Takes three studies through every kind of change.
    private func walkEveryTransition(_ fixture: QueueFixture) throws {
        let study = try fixture.completeStudy(1)
        let failing = try fixture.leaseAnalysis(at: 0)
        try fixture.queue.failAnalysis(failing, reason: "model-failed", at: fixture.time(0))
        _ = try fixture.leaseAnalysis(at: 10)
        try fixture.queue.releaseLeases(ofOwnersOtherThan: "you", at: fixture.time(10))
        try fixture.receive(fixture.receipt(instance: 11), at: 11)
        try fixture.queue.closeQuietStudies(at: fixture.time(99))
        try fixture.finish(fixture.leaseAnalysis(at: 100), at: 100)
        try fixture.receive(fixture.receipt(instance: 12), at: 101)
        try fixture.queue.release(study, at: fixture.time(102))
        try fixture.finish(fixture.leaseAnalysis(at: 103), at: 103)
        let lease = try fixture.leaseDelivery(at: 104)
        try fixture.queue.recordDestinationFailure(lease, at: fixture.time(9000))
        try fixture.queue.finishDelivery(lease, at: fixture.time(9000))
        try fixture.queue.retry(study, at: fixture.time(9001))
        try fixture.deliverAll(fixture.leaseDelivery(at: 9001), at: 9001)
        try fixture.queue.park(study, at: fixture.time(9002))
        try fixture.queue.release(study, at: fixture.time(9003))
        try fixture.receive(fixture.receipt(instance: 13), at: 9004)
        let second = try fixture.completeStudy(2, at: 9005)
        let lost = try fixture.leaseAnalysis(at: 9006)
        try fixture.queue.failAnalysis(lost, reason: "pixels-unreadable", isPermanent: true, at: fixture.time(9006))
        try fixture.queue.retry(second, at: fixture.time(9007))
        try fixture.queue.finishAnalysis(
            fixture.leaseAnalysis(at: 9008), analyses: [], conclusion: .noResult(.outOfScopeLog, reason: "modality"),
            at: fixture.time(9008))
        let third = try fixture.completeStudy(3, at: 9009)
        try fixture.queue.giveBack(fixture.leaseAnalysis(at: 9010), at: fixture.time(9010))
        try fixture.queue.park(third, at: fixture.time(9011))
        try fixture.queue.retry(third, at: fixture.time(9012))
    }
}
