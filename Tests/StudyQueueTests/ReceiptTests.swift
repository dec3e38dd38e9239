import Foundation
import GRDB
import Testing

@testable import StudyQueue

@Suite("Receipts")
struct ReceiptTests {
    @Test("an instance is in the journal, the store and the log once it is recorded")
    func committed() throws {
        let fixture = try QueueFixture()
        let outcome = try fixture.receive(fixture.receipt(instance: 1))
        guard case .committed(let reference) = outcome else { throw UnexpectedOutcome() }
        #expect(outcome.keepsFile)
        #expect(reference.revision == 1)
        #expect(reference.study.hasPrefix("s-") && reference.study.count == 12)
        let detail = try fixture.queue.show(reference.study)
        #expect(detail.summary.state == .receiving)
        #expect(detail.instances.map(\.instance) == [QueueFixture.instanceID(101)])
        #expect(try fixture.kinds() == [.studyOpened])
        #expect(try fixture.balance() == Balance.expecting(journalLines: 1, instances: 1, waiting: 1))
    }

    @Test("the instances of one study are one study, and its destinations are those of all")
    func oneStudy() throws {
        let fixture = try QueueFixture()
        try fixture.receive(fixture.receipt(instance: 1, destinations: ["A"]))
        try fixture.receive(fixture.receipt(instance: 2, priority: 7, source: "CT_2", destinations: ["B", "A"]), at: 3)
        try fixture.receive(fixture.receipt(instance: 3, study: 2), at: 4)
        let list = try fixture.queue.list()
        #expect(list.map(\.instances) == [1, 2])
        #expect(list[1].destinations == ["A", "B"])
        #expect(list[1].priority == 7)
        #expect(list[1].source == "CR_ROOM_1")
        #expect(list[1].lastInstance == fixture.time(3))
    }

    @Test("the same instance again is one instance, whatever the policy", arguments: DuplicatePolicy.allCases)
    func identical(policy: DuplicatePolicy) throws {
        let fixture = try QueueFixture()
        try fixture.receive(fixture.receipt(instance: 1, duplicates: policy))
        let again = fixture.receipt(instance: 1, file: 999, duplicates: policy)
        #expect(try fixture.receive(again) == .alreadyCommitted)
        #expect(try fixture.kinds() == [.studyOpened, .instanceDuplicate])
        #expect(try fixture.balance() == Balance.expecting(journalLines: 1, instances: 1, waiting: 1, duplicates: 1))
    }

    @Test("keep-first discards other contents by its name, once")
    func keepFirst() throws {
        let fixture = try QueueFixture()
        try fixture.receive(fixture.receipt(instance: 1))
        #expect(try fixture.receive(fixture.receipt(instance: 1, content: 2)) == .discarded(.duplicatesKeepFirst))
        #expect(try fixture.receive(fixture.receipt(instance: 1, content: 2, file: 999)) == .alreadyCommitted)
        #expect(try fixture.kinds() == [.studyOpened, .instanceDiscarded, .instanceDuplicate])
        let expected = Balance.expecting(
            journalLines: 2, instances: 2, waiting: 1, discarded: ["duplicates=keep-first": 1], duplicates: 1)
        #expect(try fixture.balance() == expected)
    }

    @Test("replace holds the new, discards the old, and the study is analysed again")
    func replace() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy()
        let lease = try fixture.leaseAnalysis(at: 1)
        let outcome = try fixture.receive(fixture.receipt(instance: 1, content: 2, duplicates: .replace), at: 2)
        let old = "\(QueueFixture.instanceID(101)).dcm"
        #expect(outcome == .replaced(StudyReference(study: study, revision: 2), obsoleteFile: old))
        #expect(throws: StudyQueueError(.leaseLost)) { try fixture.finish(lease, at: 3) }
        #expect(try fixture.queue.heldInstances(of: study).map(\.instanceID) == [QueueFixture.instanceID(102)])
        let expected = Balance.expecting(
            journalLines: 2, instances: 2, waiting: 1, discarded: ["duplicates=replace": 1])
        #expect(try fixture.balance() == expected)
        // The first contents once more are what the scanner wants now.
        let back = try fixture.receive(fixture.receipt(instance: 1, file: 999, duplicates: .replace), at: 4)
        #expect(back.keepsFile)
        #expect(try fixture.balance().discarded == ["duplicates=replace": 2])
        #expect(try fixture.balance().isBalanced)
    }

    @Test("refuse records nothing but an event")
    func refuse() throws {
        let fixture = try QueueFixture()
        try fixture.receive(fixture.receipt(instance: 1))
        let outcome = try fixture.receive(fixture.receipt(instance: 1, content: 2, duplicates: .refuse))
        #expect(outcome == .refused(.duplicate))
        #expect(!outcome.keepsFile)
        #expect(try fixture.queue.events().last?["refusal"] == "duplicate")
        #expect(try fixture.balance() == Balance.expecting(journalLines: 1, instances: 1, waiting: 1, refused: 1))
    }

    @Test("one SOP Instance UID in two studies is refused, whatever the policy", arguments: DuplicatePolicy.allCases)
    func otherStudy(policy: DuplicatePolicy) throws {
        let fixture = try QueueFixture()
        try fixture.receive(fixture.receipt(instance: 1, study: 1))
        let outcome = try fixture.receive(fixture.receipt(instance: 1, content: 2, study: 2, duplicates: policy))
        #expect(outcome == .refused(.otherStudy))
        #expect(try fixture.queue.list().count == 1)
    }

    @Test("an object that is no image is discarded by its policy's name and leaves its study alone")
    func otherObjects() throws {
        let fixture = try QueueFixture()
        let study = try fixture.completeStudy()
        func discard(_ receipt: InstanceReceipt) throws -> ReceiptOutcome {
            try fixture.pool.write { db in
                try fixture.queue.recordDiscarded(receipt, policy: .otherObjectsDiscard, in: db, at: fixture.time(9))
            }
        }
        #expect(try discard(fixture.receipt(instance: 2)) == .discarded(.otherObjectsDiscard))
        #expect(try discard(fixture.receipt(instance: 2, file: 999)) == .alreadyCommitted)
        #expect(try discard(fixture.receipt(instance: 3, study: 77)) == .discarded(.otherObjectsDiscard))
        #expect(try fixture.state(of: study) == .complete)
        #expect(try fixture.queue.list().count == 1)
        #expect(try fixture.queue.events(study: study).last?["policy"] == "other-objects=discard")
        let expected = Balance.expecting(
            journalLines: 3, instances: 3, waiting: 1, discarded: ["other-objects=discard": 2], duplicates: 1)
        #expect(try fixture.balance() == expected)
    }

    @Test("a result of ours that comes back is an event and nothing else")
    func ownResults() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy()
        let reference = StudyReference(study: study, revision: 1)
        try fixture.queue.registerOwnResults([[1, 2, 3]], of: reference, at: fixture.time(1))
        try fixture.queue.registerOwnResults([[1, 2, 3]], of: reference, at: fixture.time(2))
        try fixture.pool.write { db in
            #expect(try fixture.queue.isOwnResult([1, 2, 3], in: db))
            #expect(try !fixture.queue.isOwnResult([1, 2, 4], in: db))
            try fixture.queue.recordOwnResult(source: "MAINPACS", in: db, at: fixture.time(3))
        }
        #expect(try fixture.kinds().last == .ownResult)
        #expect(try fixture.balance().journalLines == 1)
    }

    @Test("what the transaction rolls back was never there")
    func rollback() throws {
        let fixture = try QueueFixture()
        #expect(throws: UnexpectedOutcome.self) {
            try fixture.pool.write { db in
                _ = try fixture.queue.record(fixture.receipt(instance: 1), in: db, at: fixture.time(0))
                throw UnexpectedOutcome()
            }
        }
        #expect(try fixture.queue.events().isEmpty)
        try fixture.receive(fixture.receipt(instance: 2))
        #expect(try fixture.balance() == Balance.expecting(journalLines: 1, instances: 1, waiting: 1))
    }

    @Test("outside a transaction nothing is recorded")
    func outsideTransaction() throws {
        let fixture = try QueueFixture()
        #expect(throws: StudyQueueError(.notInTransaction)) {
            try fixture.pool.writeWithoutTransaction { db in
                _ = try fixture.queue.record(fixture.receipt(instance: 1), in: db, at: fixture.time(0))
            }
        }
    }

    @Test(
        "a receipt that breaks a rule is refused whole",
        arguments: [
            "../../../etc/passwd", "/0000000000000065.dcm", "a//0000000000000065.dcm", "./0000000000000065.dcm", "",
            "0000000000000066.dcm",
        ])
    func badFiles(file: String) throws {
        let fixture = try QueueFixture()
        var receipt = fixture.receipt(instance: 1)
        receipt.file = file
        #expect(throws: StudyQueueError(.invalidReceipt)) {
            try fixture.pool.write { db in _ = try fixture.queue.record(receipt, in: db, at: fixture.time(0)) }
        }
        #expect(try fixture.queue.list().isEmpty)
    }

    @Test("an error names the field and never its value")
    func errorsHoldNoValue() throws {
        let fixture = try QueueFixture()
        var receipt = fixture.receipt(instance: 1)
        receipt.sopInstanceUID = "DOE^JOHN"
        do {
            try fixture.pool.write { db in _ = try fixture.queue.record(receipt, in: db, at: fixture.time(0)) }
            Issue.record("nothing was thrown")
        } catch {
            #expect("\(error)".contains("SOP Instance UID"))
            #expect(!"\(error)".contains("DOE"))
        }
    }
}

extension Balance {
    /// Books that balance, with these counts.
    static func expecting(
        journalLines: Int, instances: Int, waiting: Int = 0, delivered: Int = 0, parked: [String: Int] = [:],
        discarded: [String: Int] = [:], duplicates: Int = 0, refused: Int = 0
    ) -> Balance {
        var balance = Balance()
        balance.journalLines = journalLines
        balance.instances = instances
        balance.waiting = waiting
        balance.delivered = delivered
        balance.parked = parked
        balance.discarded = discarded
        balance.duplicates = duplicates
        balance.refused = refused
        return balance
    }
}
