import DICOMCore
import Foundation
import GRDB
import Testing

@testable import StudyQueue

@Suite("Requests for storage commitment")
struct CommitmentTests {
    private let fixture: QueueFixture
    init() throws { fixture = try QueueFixture() }

    /// A list of the instances of ``QueueFixture/receipt(instance:content:study:file:priority:duplicates:source:destinations:)``.
    private func receipt(_ instances: [Int], key: String = "2.25.1", isEvidence: Bool = true) -> CommitmentReceipt {
        CommitmentReceipt(
            key: key, source: "CR_ROOM_1", references: instances.map { "2.25.9\($0)" }, quiet: .seconds(30),
            isEvidence: isEvidence)
    }

    @discardableResult
    private func ask(_ receipt: CommitmentReceipt, at seconds: Double = 0) throws -> CommitmentOutcome {
        try fixture.pool.write { try fixture.queue.recordCommitment(receipt, in: $0, at: fixture.time(seconds)) }
    }

    private func due(at seconds: Double) throws -> DueCommitment? {
        try fixture.queue.dueCommitment(at: fixture.time(seconds))
    }

    private func events(_ kind: QueueEventKind) throws -> [QueueEvent] {
        try fixture.queue.events().filter { $0.kind == kind }
    }

    @Test("a list closes its study when the last of it has come, not before")
    func evidence() throws {
        let study = try fixture.openStudy(at: 0)
        try ask(receipt([1, 2, 3]), at: 1)
        #expect(try fixture.queue.closeListedStudies(at: fixture.time(1)).isEmpty)
        try fixture.receive(fixture.receipt(instance: 2), at: 2)
        #expect(try fixture.queue.closeListedStudies(at: fixture.time(2)).isEmpty)
        #expect(try due(at: 2) == nil, "the archive is not asked for what has not come")
        try fixture.receive(fixture.receipt(instance: 3), at: 3)
        #expect(
            try fixture.queue.closeListedStudies(at: fixture.time(3)) == [StudyReference(study: study, revision: 1)])
        let complete = try #require(try events(.studyComplete).first)
        #expect(complete["evidence"] == "commitment-list" && complete["instances"] == "3")
        #expect(try due(at: 3)?.instances.map { $0?.study } == [study, study, study])
        #expect(try fixture.queue.closeListedStudies(at: fixture.time(4)).isEmpty)
    }

    @Test("a list that is no evidence closes nothing")
    func noEvidence() throws {
        let study = try fixture.openStudy(at: 0)
        try ask(receipt([1], isEvidence: false), at: 1)
        #expect(try fixture.queue.closeListedStudies(at: fixture.time(1)).isEmpty)
        #expect(try fixture.state(of: study) == .receiving)
        #expect(try due(at: 1) != nil)
    }

    @Test("what is missing after the quiet time is logged, once, and the archive is asked for the rest")
    func incomplete() throws {
        let study = try fixture.openStudy(at: 0)
        try ask(receipt([1, 2, 3]), at: 1)
        try fixture.receive(fixture.receipt(instance: 3), at: 20)
        // The study still waits for images, so the list does too.
        try fixture.queue.closeListedStudies(at: fixture.time(32))
        #expect(try events(.listIncomplete).isEmpty)
        try fixture.queue.closeQuietStudies(at: fixture.time(50))
        #expect(try events(.studyComplete).first?["evidence"] == "quiet")
        for second in [50.0, 51] { try fixture.queue.closeListedStudies(at: fixture.time(second)) }
        #expect(try events(.listIncomplete).map { $0["missing"] } == ["1"])
        #expect(try due(at: 51)?.instances.map { $0?.study } == [study, nil, study])
    }

    @Test("a list of which nothing comes is logged after its own quiet time")
    func nothing() throws {
        try ask(receipt([7, 8]), at: 0)
        #expect(try fixture.queue.nextDeadline(after: fixture.time(0)) == fixture.time(30))
        try fixture.queue.closeListedStudies(at: fixture.time(29))
        #expect(try events(.listIncomplete).isEmpty)
        try fixture.queue.closeListedStudies(at: fixture.time(30))
        #expect(try events(.listIncomplete).map { $0["missing"] } == ["2"])
    }

    @Test("an image after the list opens the next revision, and the list is spent")
    func late() throws {
        let study = try fixture.openStudy(at: 0)
        try ask(receipt([1]), at: 1)
        try fixture.queue.closeListedStudies(at: fixture.time(1))
        _ = try fixture.leaseAnalysis(at: 2)
        let outcome = try fixture.receive(fixture.receipt(instance: 2), at: 3)
        #expect(outcome == .committed(StudyReference(study: study, revision: 2)))
        #expect(try fixture.queue.closeListedStudies(at: fixture.time(4)).isEmpty)
        // The source lists what it has sent since.
        try ask(receipt([1, 2], key: "2.25.2"), at: 5)
        #expect(
            try fixture.queue.closeListedStudies(at: fixture.time(5)) == [StudyReference(study: study, revision: 2)])
    }

    @Test("a Transaction UID is good for one request of a source, also when that is settled")
    func duplicates() throws {
        #expect(try ask(receipt([1])) == .recorded)
        #expect(try ask(receipt([2])) == .duplicate)
        let other = CommitmentReceipt(
            key: "2.25.1", source: "MR", references: ["2.25.91"], quiet: .seconds(30), isEvidence: false)
        #expect(try ask(other) == .recorded)
        try fixture.queue.closeListedStudies(at: fixture.time(30))
        let request = try #require(try due(at: 30))
        try fixture.pool.write {
            try fixture.queue.finishCommitment(
                request, archive: "MAINPACS", confirmed: 0, unconfirmed: 1, status: .success, in: $0,
                at: fixture.time(30))
        }
        #expect(try ask(receipt([1]), at: 31) == .duplicate)
        #expect(throws: StudyQueueError(.illegalTransition)) {
            try fixture.pool.write {
                try fixture.queue.abandonCommitment(request, reason: .unspecified, in: $0, at: fixture.time(31))
            }
        }
    }

    @Test("a source cannot pile up requests")
    func flood() throws {
        for number in 0..<StudyQueue.maximumWaitingCommitments {
            #expect(try ask(receipt([1], key: "2.25.\(number)")) == .recorded)
        }
        #expect(try ask(receipt([1], key: "2.25.999")) == .tooMany)
    }

    @Test("a list says nothing of what another source has sent")
    func anotherSource() throws {
        let other = try #require(
            try fixture.receive(fixture.receipt(instance: 1, source: "MR"), at: 0).reference)
        try ask(receipt([1]), at: 1)
        #expect(try fixture.queue.closeListedStudies(at: fixture.time(1)).isEmpty)
        #expect(try fixture.state(of: other.study) == .receiving)
        // Nor does the archive's answer.
        #expect(try due(at: 1)?.instances == [nil])
    }

    @Test("another source's study keeps no list waiting")
    func anotherSourceReceives() throws {
        try fixture.receive(fixture.receipt(instance: 1, source: "MR"), at: 0)
        try ask(receipt([1, 2]), at: 0)
        try fixture.receive(fixture.receipt(instance: 9, source: "MR"), at: 25)
        try fixture.queue.closeListedStudies(at: fixture.time(30))
        #expect(try events(.listIncomplete).map { $0["missing"] } == ["1"])
    }

    @Test("a list closes only what it covers")
    func partOfAStudy() throws {
        let part = try fixture.openStudy(1, at: 0)
        try fixture.receive(fixture.receipt(instance: 3), at: 0)
        let whole = try fixture.openStudy(2, at: 0)
        try ask(receipt([1, 2]), at: 1)
        #expect(try fixture.queue.closeListedStudies(at: fixture.time(1)).map(\.study) == [whole])
        #expect(try fixture.state(of: part) == .receiving)
        #expect(try fixture.queue.closeQuietStudies(at: fixture.time(30)).map(\.study) == [part])
    }

    @Test("a list that waits for its study is not looked at again before that is quiet")
    func waitsWithItsStudy() throws {
        _ = try fixture.openStudy(at: 0)
        try ask(receipt([1, 2]), at: 1)
        try fixture.receive(fixture.receipt(instance: 3), at: 20)
        for second in [2.0, 31] { try fixture.queue.closeListedStudies(at: fixture.time(second)) }
        let quiet = try fixture.pool.read { try Int64.fetchOne($0, sql: "SELECT quiet_at FROM commitment") }
        #expect(quiet == fixture.time(50).milliseconds)
    }

    @Test("nothing is given up that was not tried, nor before it has failed for three days")
    func patience() throws {
        _ = try fixture.openStudy(at: 0)
        try ask(receipt([1]))
        try fixture.queue.closeListedStudies(at: fixture.time(0))
        let day = 86_400.0
        // The archive was away, or the node.
        var request = try #require(try due(at: 0))
        try fixture.queue.delayCommitment(request, .archiveLacks, reason: "not-in-archive", at: fixture.time(0))
        request = try #require(try due(at: 9 * day))
        #expect(request.failingSince == nil && !request.isLastFailure(at: fixture.time(9 * day)))
        for second in [9 * day, 10 * day] {
            try fixture.queue.delayCommitment(request, .sourceFailed, reason: "timeout", at: fixture.time(second))
            request = try #require(try due(at: 12 * day))
        }
        #expect(request.failingSince == fixture.time(9 * day))
        #expect(!request.isLastFailure(at: fixture.time(12 * day)))
        #expect(request.isLastFailure(at: fixture.time(12 * day + 1)))
    }

    @Test("who cannot be reached is not tried for each request")
    func putOffTogether() throws {
        _ = try fixture.openStudy(at: 0)
        for (second, key) in [(0.0, "2.25.1"), (10, "2.25.2"), (20, "2.25.3")] {
            try ask(receipt([1], key: key), at: second)
            try fixture.queue.closeListedStudies(at: fixture.time(second))
        }
        let first = try #require(try due(at: 20))
        // The first two have waited for the archive long enough: they are to be reported.
        try fixture.queue.delayCommitment(
            first, .archiveFailed(receivedAfter: fixture.time(10)), reason: "archive-unreachable", at: fixture.time(20))
        let second = try #require(try due(at: 24.9))
        #expect(second.received == fixture.time(10))
        try fixture.queue.delayCommitment(second, .sourceFailed, reason: "source-unreachable", at: fixture.time(24))
        #expect(try due(at: 28.9) == nil)
        let next = try #require(try due(at: 29))
        #expect(next.failingSince == fixture.time(24))
    }

    @Test("what is settled is forgotten in time, and its Transaction UID with it")
    func retirement() throws {
        _ = try fixture.openStudy(at: 0)
        try ask(receipt([1]))
        try ask(receipt([1], key: "2.25.2"))
        try fixture.queue.closeListedStudies(at: fixture.time(0))
        let request = try #require(try due(at: 0))
        try fixture.pool.write {
            try fixture.queue.abandonCommitment(request, reason: .unspecified, in: $0, at: fixture.time(5))
        }
        #expect(try fixture.queue.retireCommitments(settledBefore: fixture.time(5)) == 0)
        #expect(try ask(receipt([1])) == .duplicate)
        #expect(try fixture.queue.retireCommitments(settledBefore: fixture.time(6)) == 1)
        #expect(try ask(receipt([1])) == .recorded)
        #expect(try ask(receipt([1], key: "2.25.2")) == .duplicate)
    }

    @Test("a request that cannot be answered waits longer each time, and survives the process")
    func backOff() throws {
        _ = try fixture.openStudy(at: 0)
        try ask(receipt([1]))
        try fixture.queue.closeListedStudies(at: fixture.time(0))
        var second = 0.0
        for wait in [5.0, 10, 20] {
            let request = try #require(try due(at: second))
            try fixture.queue.delayCommitment(
                request, .archiveLacks, reason: "archive-unreachable", at: fixture.time(second))
            #expect(try due(at: second + wait - 0.1) == nil)
            second += wait
        }
        let delays = try events(.commitmentDelayed)
        #expect(delays.map { $0["retry-in"] } == ["5", "10", "20"])
        #expect(delays.map { $0["reason"] } == Array(repeating: "archive-unreachable", count: 3))
        let restarted = try QueueFixture(folder: fixture.folder)
        #expect(try restarted.queue.dueCommitment(at: fixture.time(second))?.attempt == 4)
    }
}

@Suite("Evidence that a study is complete")
struct CompletenessTests {
    private let fixture: QueueFixture
    init() throws { fixture = try QueueFixture() }

    @Test("a release closes what its source had sent by then, and nothing else")
    func release() throws {
        let study = try fixture.openStudy(1, at: 0)
        let other = try #require(
            try fixture.receive(fixture.receipt(instance: 2, study: 2, source: "MR"), at: 0).reference)
        let later = try fixture.openStudy(3, at: 5)
        let closed = try fixture.queue.closeReleasedStudies(
            of: "CR_ROOM_1", after: fixture.time(-1), released: fixture.time(1), at: fixture.time(6))
        #expect(closed == [StudyReference(study: study, revision: 1)])
        #expect(try fixture.state(of: other.study) == .receiving)
        #expect(try fixture.state(of: later) == .receiving)
        #expect(try fixture.queue.events(study: study).last?["evidence"] == "release")
    }

    @Test("a release closes nothing that came before the source was cut off")
    func releaseAfterAbort() throws {
        let cut = try fixture.openStudy(1, at: 0)
        let again = try fixture.openStudy(2, at: 0)
        try fixture.receive(fixture.receipt(instance: 3, study: 2), at: 5)
        let closed = try fixture.queue.closeReleasedStudies(
            of: "CR_ROOM_1", after: fixture.time(1), released: fixture.time(6), at: fixture.time(6))
        #expect(closed.map(\.study) == [again])
        #expect(try fixture.state(of: cut) == .receiving)
    }

    @Test("a count closes a study that still holds so many")
    func count() throws {
        let study = try fixture.openStudy(at: 0)
        try fixture.receive(fixture.receipt(instance: 2), at: 1)
        let receiving = try fixture.queue.receivingStudies(ofSources: ["CR_ROOM_1"])
        #expect(receiving.map(\.held) == [2] && receiving.map(\.study) == [study])
        #expect(try fixture.queue.receivingStudies(ofSources: ["MR"]).isEmpty)
        #expect(throws: StudyQueueError(.illegalTransition)) {
            try fixture.queue.complete(study, evidence: .count, holding: 1, at: fixture.time(2))
        }
        try fixture.queue.complete(study, evidence: .count, holding: 2, at: fixture.time(2))
        #expect(try fixture.queue.events(study: study).last?["evidence"] == "count")
        #expect(try fixture.queue.receivingStudies(ofSources: ["CR_ROOM_1"]).isEmpty)
    }

    @Test("what an archive has from us does not count")
    func ownResults() throws {
        let study = try fixture.analysedStudy(destinations: ["MAINPACS", "OTHER"])
        #expect(try fixture.queue.resultsStored(of: study, at: "MAINPACS") == 0)
        try fixture.deliverAll(fixture.leaseDelivery(to: "MAINPACS", at: 1), at: 1)
        #expect(try fixture.queue.resultsStored(of: study, at: "MAINPACS") == 2)
        #expect(try fixture.queue.resultsStored(of: study, at: "OTHER") == 0)
    }

    @Test(
        "a late image opens the next revision, whatever closed the first",
        arguments: [
            CompletionEvidence.release, .commitmentList, .count, .quiet,
        ])
    func late(evidence: CompletionEvidence) throws {
        let study = try fixture.openStudy(at: 0)
        try fixture.queue.complete(study, evidence: evidence, at: fixture.time(1))
        _ = try fixture.leaseAnalysis(at: 2)
        let outcome = try fixture.receive(fixture.receipt(instance: 2), at: 3)
        #expect(outcome == .committed(StudyReference(study: study, revision: 2)))
        #expect(try fixture.queue.closeQuietStudies(at: fixture.time(33)).map(\.revision) == [2])
        #expect(try fixture.queue.show(study).revisions.map(\.evidence) == [evidence, .quiet])
    }
}

extension ReceiptOutcome {
    fileprivate var reference: StudyReference? {
        if case .committed(let reference) = self { reference } else { nil }
    }
}
