import Foundation
import GRDB
import NodeTestSupport
import Testing

@testable import StudyQueue

@Suite("Operators' commands")
struct OperatorTests {
    private let person = OperatorID(uid: 1017)

    private func fail(_ study: String, _ fixture: QueueFixture, at seconds: Double = 2) throws {
        let lease = try fixture.leaseAnalysis(at: seconds)
        #expect(lease.study == study)
        try fixture.queue.failAnalysis(lease, reason: "model-failed", isPermanent: true, at: fixture.time(seconds))
    }

    @Test("each change is an event that says who, and a command given again makes none")
    func events() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy()
        let note = try #require(OperatorNote("TICKET-4711"))
        #expect(try fixture.queue.park(study, note: note, by: person, at: fixture.time(1)) == .changed(.parked))
        #expect(try fixture.queue.park(study, note: note, by: person, at: fixture.time(2)) == .unchanged(.parked))
        #expect(try fixture.queue.release(study, by: person, at: fixture.time(3)) == .changed(.complete))
        #expect(try fixture.queue.release(study, by: person, at: fixture.time(4)) == .unchanged(.complete))
        try fail(study, fixture, at: 5)
        #expect(try fixture.queue.retry(study, by: person, at: fixture.time(6)) == .changed(.complete))
        let events = try fixture.queue.events(study: study).filter { $0["by"] != nil }
        #expect(events.map(\.kind) == [.studyParked, .studyResumed, .studyResumed])
        #expect(events.allSatisfy { $0["by"] == "1017" })
        #expect(events.first?["note"] == "TICKET-4711" && events.first?["reason"] == "by-operator")
        #expect(try fixture.balance().isBalanced)
    }

    @Test("release of a receiving study names who closed it")
    func releaseReceiving() throws {
        let fixture = try QueueFixture()
        let study = try fixture.openStudy()
        #expect(try fixture.queue.release(study, by: person, at: fixture.time(1)) == .changed(.complete))
        let event = try #require(try fixture.queue.events(study: study).last)
        #expect(event.kind == .studyComplete && event["evidence"] == "operator" && event["by"] == "1017")
    }

    @Test("what failed may be parked, and then goes on by release; what is parked by failing does not")
    func parkOfAFailure() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy()
        try fail(study, fixture)
        #expect(throws: StudyQueueError(.illegalTransition)) { try fixture.queue.release(study, at: fixture.time(3)) }
        #expect(try fixture.queue.park(study, by: person, at: fixture.time(4)) == .changed(.parked))
        #expect(try fixture.queue.release(study, by: person, at: fixture.time(5)) == .changed(.complete))
    }

    @Test("a study that is not there is no study of any other name")
    func unknown() throws {
        let fixture = try QueueFixture()
        _ = try fixture.openStudy()
        for name in ["s-0000000000", "", "s-%", "' OR 1=1 --"] {
            #expect(throws: StudyQueueError(.unknownStudy)) { try fixture.queue.retry(name, at: fixture.time(1)) }
            #expect(throws: StudyQueueError(.unknownStudy)) { try fixture.queue.park(name, at: fixture.time(1)) }
            #expect(throws: StudyQueueError(.unknownStudy)) { try fixture.queue.release(name, at: fixture.time(1)) }
        }
    }

    @Test("all that failed go on, a page in a transaction, and neither what a person parked nor a doubted patient's")
    func retryParked() throws {
        let fixture = try QueueFixture()
        let count = 2 * StudyQueue.operatorBatch + 3
        var failed: Set<String> = []
        for number in 1...count {
            let study = try fixture.completeStudy(number)
            try fail(study, fixture)
            failed.insert(study)
        }
        let parked = try fixture.completeStudy(9001)
        try fixture.queue.park(parked, at: fixture.time(2))
        let doubted = try fixture.openStudy(9002)
        try fixture.pool.write { db in
            var row = try StudyRow.require(id: doubted, in: db)
            try row.apply(.identityDoubted, in: db, at: fixture.time(2))
        }
        #expect(
            try fixture.queue.parkedReasons() == ["model-failed": count, "by-operator": 1, "identity-correction": 1])

        #expect(try fixture.queue.retryParked(for: "no-such", by: person, at: fixture.time(3)).studies == 0)
        #expect(try fixture.queue.retryParked(for: "identity-correction", at: fixture.time(3)).studies == 0)
        var (pages, place): ([Int], Int64?) = ([], 0)
        while let from = place {
            let page = try fixture.queue.retryParked(after: from, by: person, at: fixture.time(4))
            // One fails again meanwhile: the command comes to an end all the same.
            if pages.isEmpty { try fail(try fixture.queue.list(states: [.complete]).last?.study ?? "", fixture, at: 4) }
            pages.append(page.studies)
            place = page.next
        }
        #expect(pages == [100, 100, 3])
        #expect(try fixture.queue.list(states: [.complete], limit: 999).count == count - 1)
        #expect(try fixture.state(of: parked) == .parked)
        #expect(try fixture.state(of: doubted) == .parked)
        #expect(try fixture.queue.retryParked(for: "by-operator", by: person, at: fixture.time(5)).studies == 1)
        let resumed = try fixture.queue.events(limit: 9999).filter { $0.kind == .studyResumed }
        #expect(resumed.count == count + 1 && resumed.allSatisfy { $0["by"] == "1017" })
        #expect(throws: StudyQueueError(.illegalTransition)) { try fixture.queue.retry(doubted, at: fixture.time(6)) }
        #expect(throws: StudyQueueError(.illegalTransition)) { try fixture.queue.park(doubted, at: fixture.time(6)) }
    }

    @Test("a note is one word: nothing that could be a sentence, a name as peers write it, or a UID")
    func notes() {
        for text in ["TICKET-4711", "a", String(repeating: "x", count: 32)] {
            #expect(OperatorNote(text)?.text == text)
        }
        for text in [
            "", "Doe^John", "John Doe", "1.2.840.1", "x\n", "ä", "\u{1B}[2J", String(repeating: "x", count: 33),
        ] {
            #expect(OperatorNote(text) == nil, "\(text.debugDescription)")
        }
    }

    @Test("a hold of a database that a former version made is AETitles.conf's")
    func migration() throws {
        let folder = try TemporaryFolder()
        let pool = try StudyDatabase.open(path: folder.path("overread.sqlite"))
        var migrator = DatabaseMigrator()
        StudyQueueSchema.register(in: &migrator)
        StudyQueueSchema.registerHoldOrigins(in: &migrator)
        try migrator.migrate(pool, upTo: "study-queue-3")
        try pool.write { try $0.execute(sql: "INSERT INTO hold VALUES ('CT'), ('')") }
        #expect(try StudyListing.holds(pool).isEmpty)
        try migrator.migrate(pool)
        let queue = StudyQueue(pool)
        #expect(try queue.holds().map(\.source) == [nil, "CT"])
        #expect(try queue.holds().allSatisfy { $0.origin == .conf && $0.uid == nil })
        #expect(try queue.liftHold(source: nil, by: nil, at: Date()) == [])
    }
}
