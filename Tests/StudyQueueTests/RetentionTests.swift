import Foundation
import GRDB
import Testing

@testable import StudyQueue

@Suite("Retention")
struct RetentionTests {
    let fixture: QueueFixture

    init() throws { fixture = try QueueFixture() }

    /// A study of one instance that was delivered, and that retention has seen, at a time of its clock.
    @discardableResult
    private func delivered(_ number: Int, at seconds: Double) throws -> String {
        let study = try fixture.analysedStudy(number, at: seconds)
        try fixture.deliverAll(try fixture.leaseDelivery(at: seconds), at: seconds)
        #expect(try fixture.state(of: study) == .delivered)
        try fixture.queue.keep(from: RetentionClock(at: fixture.time(seconds)))
        return study
    }

    /// Takes files as the node does, all that are due. Returns how many.
    @discardableResult
    private func takeFiles(keptSince seconds: Double, limit: Int = 500) throws -> Int {
        var count = 0
        while let retired = try fixture.queue.retireFiles(
            ofStudyKeptSince: fixture.time(seconds), limit: limit, at: fixture.time(9999))
        {
            for file in retired.files { try FileManager.default.removeItem(at: fixture.spool.appending(path: file)) }
            count += retired.files.count
        }
        return count
    }

    private var files: Int {
        get throws { try FileManager.default.contentsOfDirectory(atPath: fixture.spool.path).count }
    }

    private func byHand(_ sql: String) throws {
        try fixture.pool.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA foreign_keys = OFF")
            try db.execute(sql: sql)
            try db.execute(sql: "PRAGMA foreign_keys = ON")
        }
    }

    // MARK: Files

    @Test("files go of what was delivered long enough ago, first delivered first, and the books balance")
    func pixels() throws {
        let studies = try (1...3).map { try delivered($0, at: Double($0) * 100) }
        #expect(try takeFiles(keptSince: 99) == 0)
        #expect(try takeFiles(keptSince: 200) == 2)
        #expect(try files == 1)
        let balance = try fixture.balance()
        #expect(balance.isBalanced && balance.delivered == 3 && balance.retired == 2, "\(balance)")
        let events = try fixture.queue.events().filter { $0.kind == .pixelsRetired }
        #expect(events.map(\.study) == [studies[0], studies[1]])
        #expect(events[0]["instances"] == "1" && events[0]["bytes"] == "101")
        #expect(try takeFiles(keptSince: 200) == 0)
    }

    @Test("nothing undelivered is taken, whatever its state and age")
    func undelivered() throws {
        // Receiving, complete, analysing, analysed, delivering, parked.
        _ = try fixture.openStudy(1)
        _ = try fixture.completeStudy(2)
        _ = try fixture.leaseAnalysis(at: 0)
        _ = try fixture.completeStudy(3)
        try fixture.finish(try fixture.leaseAnalysis(at: 0), at: 0)
        _ = try fixture.completeStudy(4, destinations: ["SECOND"])
        try fixture.finish(try fixture.leaseAnalysis(at: 0), destinations: ["SECOND"], at: 0)
        _ = try fixture.leaseDelivery(to: "SECOND", at: 0)
        try fixture.queue.park(try fixture.openStudy(5), at: fixture.time(0))
        _ = try fixture.completeStudy(6)
        #expect(Set(try fixture.queue.list().map(\.state)).count == 6)
        try fixture.queue.keep(from: RetentionClock(at: fixture.time(0)))
        #expect(try takeFiles(keptSince: 1e9) == 0)
        #expect(try files == 6)
        #expect(try fixture.queue.retireJournal(keptSince: .distantFuture, maximum: 1, at: fixture.time(1)) == 0)
        #expect(try fixture.queue.forgetStudy(keptSince: .distantFuture, at: fixture.time(1)) == 0)
        #expect(try fixture.balance().isBalanced)
    }

    @Test("a study of many files goes in parts, and is gone on with after a kill between two of them")
    func parts() throws {
        let study = try fixture.openStudy(1)
        for number in 2...7 { try fixture.receive(fixture.receipt(instance: number, study: 1)) }
        try fixture.queue.complete(study, evidence: .release, at: fixture.time(0))
        try fixture.finish(try fixture.leaseAnalysis(at: 0), at: 0)
        try fixture.deliverAll(try fixture.leaseDelivery(at: 0), at: 0)
        try fixture.queue.keep(from: RetentionClock(at: fixture.time(0)))
        // Killed after the commit and before the files were removed: the next start removes them.
        let first = try #require(
            try fixture.queue.retireFiles(ofStudyKeptSince: fixture.time(1), limit: 3, at: fixture.time(1)))
        #expect(first.files.count == 3)
        #expect(try fixture.balance().isBalanced)
        #expect(try fixture.balance().unclaimedFiles == 3 && files == 7)
        #expect(try SpoolRecovery(fixture.pool, spool: fixture.spool, at: fixture.time(1)).removed.count == 3)
        #expect(try takeFiles(keptSince: 1, limit: 3) == 4)
        #expect(try fixture.balance().retired == 7)
        #expect(try fixture.balance().isBalanced)
    }

    // MARK: Late images and repetitions

    @Test("an image that comes again after its file went is a duplicate: nothing is done again")
    func repetition() throws {
        let study = try delivered(1, at: 0)
        try takeFiles(keptSince: 1)
        #expect(try fixture.receive(fixture.receipt(instance: 1), at: 2) == .alreadyCommitted)
        #expect(try fixture.state(of: study) == .delivered)
        #expect(try files == 0)
        #expect(try fixture.balance().isBalanced)
    }

    @Test("a late image for a study whose files are gone lacks them, until the whole study has come again")
    func lateImage() throws {
        let study = try delivered(1, at: 0)
        try takeFiles(keptSince: 1)
        #expect(try !fixture.queue.lacksPixels(try delivered(9, at: 1)))
        try fixture.receive(fixture.receipt(instance: 2, study: 1), at: 2)
        #expect(try fixture.queue.lacksPixels(study))
        // As the worker does it.
        try fixture.queue.complete(study, evidence: .release, at: fixture.time(3))
        try fixture.queue.failAnalysis(
            try fixture.leaseAnalysis(at: 3), reason: .pixelsRetired, isPermanent: true, at: fixture.time(3))
        #expect(try fixture.queue.show(study).summary.reason == .pixelsRetired)
        #expect(try fixture.balance().isBalanced)

        let again = try fixture.receive(fixture.receipt(instance: 1, study: 1, file: 5001), at: 4)
        guard case .replaced(let reference, _) = again else { return #expect(Bool(false), "\(again)") }
        #expect(reference.revision == 2)
        #expect(try fixture.state(of: study) == .receiving)
        #expect(try !fixture.queue.lacksPixels(study))
        let balance = try fixture.balance()
        #expect(balance.isBalanced && balance.discarded == ["retention=pixels": 1], "\(balance)")
        // Both images are in the next revision, and it is delivered and taken like any other.
        try fixture.queue.complete(study, evidence: .release, at: fixture.time(5))
        try fixture.finish(try fixture.leaseAnalysis(at: 5), at: 5)
        #expect(try fixture.queue.analysis(of: StudyReference(study: study, revision: 2))?.analyses.count == 2)
        try fixture.deliverAll(try fixture.leaseDelivery(at: 5), at: 5)
        try fixture.queue.keep(from: RetentionClock(at: fixture.time(5)))
        #expect(try takeFiles(keptSince: 5) == 3)
        #expect(try fixture.balance().isBalanced)
    }

    // MARK: Journal

    @Test("the journal's beginning goes up to the first line of a study that is not delivered; the chain holds on")
    func journal() throws {
        for number in 1...3 { try delivered(number, at: Double(number)) }
        _ = try fixture.openStudy(4)
        try delivered(5, at: 5)
        #expect(try fixture.queue.retireJournal(keptSince: .distantFuture, maximum: nil, at: fixture.time(9)) == 0)
        try takeFiles(keptSince: 9)
        #expect(try fixture.queue.retireJournal(keptSince: fixture.time(2), maximum: nil, at: fixture.time(9)) == 2)
        #expect(try fixture.queue.retireJournal(keptSince: fixture.time(9), maximum: nil, at: fixture.time(9)) == 1)
        #expect(try fixture.queue.retireJournal(keptSince: fixture.time(9), maximum: nil, at: fixture.time(9)) == 0)
        let balance = try fixture.balance()
        #expect(balance.isBalanced && balance.journalLines == 2 && balance.instances == 5, "\(balance)")
        try fixture.receive(fixture.receipt(instance: 6))
        #expect(try fixture.balance().isBalanced)
        try byHand(
            "DROP TRIGGER journal_no_update; UPDATE journal SET at = at + 1 WHERE seq = 4")
        #expect(try fixture.balance().findings.map(\.kind) == [.journalLineAltered])
    }

    @Test("too many lines go before their time, but not those of what is not delivered")
    func journalSize() throws {
        for number in 1...4 { try delivered(number, at: Double(number)) }
        try takeFiles(keptSince: 9)
        _ = try fixture.openStudy(5)
        #expect(try fixture.queue.retireJournal(keptSince: .distantPast, maximum: 3, at: fixture.time(9)) == 2)
        #expect(try fixture.queue.retireJournal(keptSince: .distantPast, maximum: 1, at: fixture.time(9)) == 2)
        #expect(try fixture.balance().journalLines == 1)
        #expect(try fixture.balance().isBalanced)
    }

    @Test("a journal that was altered is evidence: it is not retired")
    func alteredJournal() throws {
        for number in 1...3 { try delivered(number, at: Double(number)) }
        try takeFiles(keptSince: 9)
        try byHand("DROP TRIGGER journal_no_update; UPDATE journal SET bytes = bytes + 1 WHERE seq = 2")
        #expect(try fixture.queue.retireJournal(keptSince: .distantFuture, maximum: nil, at: fixture.time(9)) == 1)
        #expect(try fixture.balance().findings.map(\.kind) == [.journalLineAltered])
    }

    @Test(
        "the ledger of what was taken is held against what is gone",
        arguments: [
            ("DELETE FROM disposal WHERE number = 1", [Balance.Finding.Kind.disposalMissing]),
            ("DELETE FROM disposal WHERE number = 3", [.disposalMissing, .journalBaseAltered]),
            ("UPDATE disposal SET bytes = 1 WHERE number = 2", [.disposalAltered]),
            ("UPDATE journal_base SET seq = 0, chain = zeroblob(32)", [.journalBaseAltered, .journalLineMissing]),
            ("UPDATE instance SET disposal = 1 WHERE journal_seq = 3", [.disposalAltered, .disposalMissing]),
        ])
    func ledger(sql: String, expected: [Balance.Finding.Kind]) throws {
        for number in 1...2 { try delivered(number, at: Double(number)) }
        _ = try fixture.openStudy(3)
        try takeFiles(keptSince: 9)
        #expect(try fixture.queue.retireJournal(keptSince: fixture.time(1), maximum: nil, at: fixture.time(9)) == 1)
        #expect(try fixture.balance().isBalanced)
        try byHand("DROP TRIGGER disposal_no_update; DROP TRIGGER disposal_no_delete; \(sql)")
        #expect(Set(try fixture.balance().findings.map(\.kind)) == Set(expected))
    }

    @Test("the ledger can be added to and nothing else")
    func appendOnly() throws {
        try delivered(1, at: 0)
        try takeFiles(keptSince: 9)
        for sql in ["DELETE FROM disposal", "UPDATE disposal SET count = 0"] {
            #expect(throws: DatabaseError.self) { try fixture.pool.write { try $0.execute(sql: sql) } }
        }
    }

    // MARK: Events

    @Test("events go from the beginning, but not before the log has them, and never the last thousand")
    func events() throws {
        try fixture.pool.write { db in
            for number in 0..<3000 {
                try fixture.queue.recordOwnResult(source: "MAINPACS", in: db, at: fixture.time(Double(number)))
            }
        }
        func retire(before seconds: Double, maximum: Int? = nil, through position: Int64) throws -> Int {
            try fixture.queue.retireEvents(
                before: fixture.time(seconds), maximum: maximum, writtenThrough: position)
        }
        #expect(try retire(before: 499, through: 100) == 100)
        #expect(try retire(before: 499, through: 3000) == 400)
        #expect(try retire(before: 499, through: 3000) == 0)
        // By their number only when it is a thousand too many, and then down to it: never one for each that is entered.
        #expect(try retire(before: 0, maximum: 2000, through: 3000) == 0)
        #expect(try retire(before: 0, maximum: 1400, through: 3000) == 1100)
        #expect(try retire(before: 0, maximum: 1400, through: 3000) == 0)
        try fixture.queue.recordRetiredEvents(1100, at: fixture.time(9999))
        #expect(try retire(before: 0, maximum: 1400, through: 3001) == 0)
        #expect(try retire(before: 1e6, through: 3004) == 401)
        #expect(try retire(before: 1e6, through: 3004) == 0)
        #expect(try fixture.queue.events(limit: .max).count == 1000)
        #expect(try fixture.balance().isBalanced)
        #expect(try fixture.queue.events(limit: .max).last?.kind == .eventsRetired)
    }

    // MARK: Memory

    @Test("what is forgotten is not known again, but its study is: late images do not pass for all of it")
    func memory() throws {
        let study = try delivered(1, at: 1)
        try delivered(2, at: 2)
        try takeFiles(keptSince: 9)
        // The journal still has its lines.
        #expect(try fixture.queue.forgetStudy(keptSince: .distantFuture, at: fixture.time(9)) == 0)
        _ = try fixture.queue.retireJournal(keptSince: fixture.time(1), maximum: nil, at: fixture.time(9))
        #expect(try fixture.queue.forgetStudy(keptSince: fixture.time(2), at: fixture.time(9)) == 1)
        #expect(try fixture.queue.forgetStudy(keptSince: fixture.time(2), at: fixture.time(9)) == 0)
        var balance = try fixture.balance()
        #expect(balance.isBalanced && balance.instances == 1 && balance.forgotten == 1, "\(balance)")
        _ = try fixture.queue.retireJournal(keptSince: fixture.time(2), maximum: nil, at: fixture.time(9))
        #expect(try fixture.queue.forgetStudy(keptSince: .distantFuture, at: fixture.time(9)) == 1)
        balance = try fixture.balance()
        #expect(balance.isBalanced && balance.instances == 0 && balance.forgotten == 2, "\(balance)")
        #expect(try fixture.queue.show(study).summary.state == .delivered)
        try fixture.receive(fixture.receipt(instance: 3, study: 1), at: 10)
        #expect(try fixture.queue.lacksPixels(study))
        #expect(try fixture.balance().isBalanced)
    }

    // MARK: The clock

    @Test("the clock follows the machine's while that goes as time does")
    func steadyClock() {
        var clock = RetentionClock(at: fixture.time(0))
        for second in 1...100 { clock.advance(to: fixture.time(Double(second)), elapsed: .seconds(1)) }
        #expect(clock.now == fixture.time(100) && clock.lag == 0 && !clock.isSuspicious)
    }

    @Test("a clock that jumps ahead by years makes a minute ten, and is suspicious; set right, nothing has happened")
    func clockAhead() {
        var clock = RetentionClock(at: fixture.time(0))
        clock.advance(to: fixture.time(3e8), elapsed: .seconds(60))
        #expect(clock.now == fixture.time(600) && clock.isSuspicious)
        clock.advance(to: fixture.time(120), elapsed: .seconds(60))
        #expect(clock.now == fixture.time(600) && !clock.isSuspicious)
        clock.advance(to: fixture.time(660), elapsed: .seconds(540))
        #expect(clock.now == fixture.time(660))
    }

    @Test("a clock that goes back stands still until the machine's has come up again")
    func clockBack() {
        var clock = RetentionClock(at: fixture.time(1000))
        clock.advance(to: fixture.time(-1e8), elapsed: .seconds(60))
        #expect(clock.now == fixture.time(1000) && clock.lag < 0 && clock.isSuspicious)
        clock.advance(to: fixture.time(1001), elapsed: .seconds(60))
        #expect(clock.now == fixture.time(1001))
    }

    @Test("what the next process does goes on from the stored clock, and a stop is made up at ten times the pace")
    func storedClock() throws {
        #expect(try fixture.queue.retentionClock(or: fixture.time(5)).now == fixture.time(5))
        try fixture.queue.keep(from: RetentionClock(at: fixture.time(5)))
        var clock = try fixture.queue.retentionClock(or: fixture.time(1e6))
        #expect(clock.now == fixture.time(5))
        clock.advance(to: fixture.time(1005), elapsed: .zero)
        #expect(clock.now == fixture.time(5))
        clock.advance(to: fixture.time(1105), elapsed: .seconds(100))
        #expect(clock.now == fixture.time(1005))
    }

    @Test(
        "the machine's clock when a study was delivered says nothing of how long it is kept",
        arguments: [-1e8, 0, 1e8])
    func deliveredByAWrongClock(seconds: Double) throws {
        try fixture.queue.keep(from: RetentionClock(at: fixture.time(1000)))
        let study = try fixture.analysedStudy(1, at: seconds)
        try fixture.deliverAll(try fixture.leaseDelivery(at: seconds), at: seconds)
        #expect(try fixture.state(of: study) == .delivered)
        // Not seen yet by retention: not taken by time.
        #expect(try takeFiles(keptSince: 1000) == 0)
        try fixture.queue.keep(from: RetentionClock(at: fixture.time(1001)))
        #expect(try takeFiles(keptSince: 1000) == 0)
        #expect(try takeFiles(keptSince: 1001) == 1)
    }
}
