import DICOMCore
import Foundation
import GRDB
import Testing

@testable import StudyQueue

@Suite("The balance")
struct BalanceTests {
    /// Five held instances of two studies, and one discarded.
    private func books() throws -> QueueFixture {
        let fixture = try QueueFixture()
        for number in 1...5 { try fixture.receive(fixture.receipt(instance: number, study: number % 2)) }
        try fixture.receive(fixture.receipt(instance: 1, content: 2, study: 1))
        #expect(try fixture.balance().isBalanced)
        return fixture
    }

    /// What a person with the sqlite3 shell can do.
    private func byHand(_ fixture: QueueFixture, _ sql: String) throws {
        try fixture.pool.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA foreign_keys = OFF")
            try db.execute(sql: sql)
            try db.execute(sql: "PRAGMA foreign_keys = ON")
        }
    }

    private let dropTriggers = "DROP TRIGGER journal_no_update; DROP TRIGGER journal_no_delete;"

    @Test("a lost file is named")
    func lostFile() throws {
        let fixture = try books()
        try FileManager.default.removeItem(at: fixture.spool.appending(path: "\(QueueFixture.instanceID(301)).dcm"))
        let findings = try fixture.balance().findings
        #expect(findings.map(\.kind) == [.fileMissing])
        #expect(findings[0].instance == QueueFixture.instanceID(301))
        #expect(findings[0].description.hasPrefix("file-missing instance=000000000000012d journal=3 study=s-"))
    }

    @Test("a file of another size is named")
    func shortFile() throws {
        let fixture = try books()
        try Data(count: 10).write(to: fixture.spool.appending(path: "\(QueueFixture.instanceID(301)).dcm"))
        #expect(try fixture.balance().findings.map(\.kind) == [.fileSizeDiffers])
    }

    @Test("a lost row is named, and its file is kept at the next start", arguments: [101, 102])
    func lostRow(number: Int) throws {
        let fixture = try books()
        let id = QueueFixture.instanceID(number)
        try byHand(fixture, "DELETE FROM instance WHERE id = '\(id)'")
        let balance = try fixture.balance()
        #expect(balance.findings.map(\.kind) == [.instanceMissing])
        #expect(balance.findings[0].instance == id)
        #expect(try SpoolRecovery(fixture.pool, spool: fixture.spool, at: fixture.time(1)).removed.isEmpty)
        #expect(balance.unclaimedFiles == (number == 101 ? 1 : 0))
    }

    @Test("a lost journal line is named, first, middle and last", arguments: [1, 3, 6])
    func lostLine(sequence: Int64) throws {
        let fixture = try books()
        let instance = try fixture.pool.read { db in
            try String.fetchOne(db, sql: "SELECT instance FROM journal WHERE seq = ?", arguments: [sequence])
        }
        try byHand(fixture, "\(dropTriggers) DELETE FROM journal WHERE seq = \(sequence)")
        let findings = try fixture.balance().findings
        #expect(findings.map(\.kind) == [.journalLineMissing])
        #expect(findings[0].sequence == sequence)
        #expect(findings[0].instance == instance)
    }

    @Test("a line that is lost with its row and file is named by its number", arguments: [2, 5])
    func lostAltogether(sequence: Int64) throws {
        let fixture = try books()
        let id = QueueFixture.instanceID(Int(sequence) * 100 + 1)
        try byHand(
            fixture,
            "\(dropTriggers) DELETE FROM journal WHERE seq = \(sequence); DELETE FROM instance WHERE id = '\(id)'")
        try FileManager.default.removeItem(at: fixture.spool.appending(path: "\(id).dcm"))
        #expect(try fixture.balance().findings == [Balance.Finding(.journalLineMissing, sequence: sequence)])
    }

    // MARK: Rows of the other tables

    @Test("a lost study or revision is named with each of its instances", arguments: ["study", "revision"])
    func lostStudy(table: String) throws {
        let fixture = try books()
        let study = try #require(try fixture.queue.list().last?.study)
        let own = try fixture.queue.show(study).instances.filter { $0.discarded == nil }.map(\.instance)
        try byHand(fixture, "DELETE FROM \(table) WHERE \(table == "study" ? "id" : "study") = '\(study)'")
        let findings = try fixture.balance().findings
        #expect(Set(findings.map(\.kind)) == [table == "study" ? .studyMissing : .revisionMissing])
        #expect(Set(findings.compactMap(\.instance)) == Set(own))
    }

    @Test("a lost analysis of what is to be delivered is named with its instance")
    func lostAnalysis() throws {
        let fixture = try QueueFixture()
        _ = try fixture.analysedStudy()
        #expect(try fixture.balance().isBalanced)
        try byHand(fixture, "DELETE FROM analysis")
        let findings = try fixture.balance().findings
        #expect(findings.map(\.kind) == [.analysisMissing])
        #expect(findings[0].instance == QueueFixture.instanceID(101))
    }

    @Test("a lost delivery is named with its study: its result would never come", arguments: ["sr", "sc"])
    func lostDelivery(kind: String) throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy()
        try byHand(fixture, "DELETE FROM delivery WHERE kind = '\(kind)'")
        #expect(try fixture.balance().findings == [Balance.Finding(.deliveryMissing, study: study)])
    }

    @Test("a lost event is named by its number", arguments: [2, 3, 4])
    func lostEvent(sequence: Int64) throws {
        let fixture = try QueueFixture()
        _ = try fixture.analysedStudy()
        try byHand(fixture, "DELETE FROM event WHERE seq = \(sequence)")
        #expect(try fixture.balance().findings == [Balance.Finding(.eventMissing, event: sequence)])
    }

    @Test("sealed identity that is not there is named with its instance")
    func lostIdentity() throws {
        let fixture = try books()
        let lost = QueueFixture.instanceID(301)
        let findings = try Balance.check(fixture.pool, spool: fixture.spool) { id, _ in id != lost }.findings
        #expect(findings.map(\.kind) == [.identityMissing] && findings[0].instance == lost)
    }

    @Test("each way an instance can end is counted, and what came besides")
    func counters() throws {
        let fixture = try books()
        try fixture.receive(fixture.receipt(instance: 1, study: 1))
        try fixture.pool.write { db in
            try fixture.queue.recordOwnResult(source: "MAINPACS", in: db, at: fixture.time(1))
            try fixture.queue.recordRefusal(
                "truncated", status: .cannotUnderstand, source: "MAINPACS", in: db, at: fixture.time(1))
        }
        try fixture.queue.park(try #require(try fixture.queue.list().last?.study), at: fixture.time(1))
        let balance = try fixture.balance()
        #expect(balance.instances == 6 && balance.waiting == 2 && balance.delivered == 0)
        #expect(balance.parked == ["by-operator": 3] && balance.discarded == ["duplicates=keep-first": 1])
        #expect(balance.duplicates == 1 && balance.ownResults == 1 && balance.refused == 1)
    }

    // MARK: In steps

    @Test("steps of any length find what a whole pass finds", arguments: [1, 2, 3, 100])
    func steps(length: Int) throws {
        let fixture = try books()
        try byHand(
            fixture,
            """
            \(dropTriggers) DELETE FROM journal WHERE seq = 2; UPDATE journal SET at = at + 1 WHERE seq = 4;
            DELETE FROM instance WHERE id = '\(QueueFixture.instanceID(501))'
            """)
        try FileManager.default.removeItem(at: fixture.spool.appending(path: "\(QueueFixture.instanceID(301)).dcm"))
        var walk = BalanceWalk(spool: fixture.spool)
        var found: [Balance.Finding] = []
        var isAtEnd = false
        while !isAtEnd {
            let step = try walk.step(fixture.pool, lines: length)
            #expect(step.lines <= length)
            found += step.findings
            isAtEnd = step.isAtEnd
        }
        #expect(Set(found) == Set(try fixture.balance().findings))
        #expect(found.count == 4)
    }

    @Test("a walk at the end sees what comes, and only that")
    func increments() throws {
        let fixture = try books()
        var walk = BalanceWalk(spool: fixture.spool)
        #expect(try walk.step(fixture.pool, lines: 100).lines == 6)
        #expect(try walk.step(fixture.pool, lines: 100).lines == 0)
        try fixture.receive(fixture.receipt(instance: 7))
        try FileManager.default.removeItem(at: fixture.spool.appending(path: "\(QueueFixture.instanceID(701)).dcm"))
        let step = try walk.step(fixture.pool, lines: 100)
        #expect(step.lines == 1 && step.isAtEnd && step.findings.map(\.kind) == [.fileMissing])
    }

    @Test("a gap of millions of lines takes no more memory than a gap of a thousand")
    func hugeGap() throws {
        let fixture = try books()
        try byHand(fixture, "UPDATE sqlite_sequence SET seq = 50000000 WHERE name = 'journal'")
        let balance = try fixture.balance()
        #expect(balance.findings.count == 1000)
    }

    @Test("the number of a lost last line is not given again")
    func lostLastLine() throws {
        let fixture = try books()
        try byHand(
            fixture,
            "\(dropTriggers) DELETE FROM journal WHERE seq = 6; DELETE FROM instance WHERE id = '\(QueueFixture.instanceID(102))'"
        )
        #expect(try fixture.balance().findings == [Balance.Finding(.journalLineMissing, sequence: 6)])
        try fixture.receive(fixture.receipt(instance: 9))
        #expect(try fixture.balance().findings == [Balance.Finding(.journalLineMissing, sequence: 6)])
    }

    @Test(
        "a changed line is named, and only it",
        arguments: [
            "bytes = bytes + 1", "at = at + 1", "digest = zeroblob(32)", "chain = zeroblob(32)",
            "instance = 'ffffffffffffffff'",
        ])
    func changedLine(change: String) throws {
        let fixture = try books()
        try byHand(fixture, "\(dropTriggers) UPDATE journal SET \(change) WHERE seq = 3")
        let findings = try fixture.balance().findings
        #expect(findings.contains { $0.kind == .journalLineAltered && $0.sequence == 3 })
        #expect(findings.allSatisfy { $0.sequence == 3 }, "\(findings)")
    }

    @Test("a line that is rewritten with a chain value to match breaks the next one")
    func rewrittenLine() throws {
        let fixture = try books()
        let (line, previous) = try fixture.pool.read { db in
            let row = try #require(try Row.fetchOne(db, sql: "SELECT * FROM journal WHERE seq = 3"))
            let chain = try #require(try Data.fetchOne(db, sql: "SELECT chain FROM journal WHERE seq = 2"))
            let line = JournalLine(
                sequence: 3, instance: row["instance"], digest: Array(row["digest"] as Data), bytes: 1, at: row["at"])
            return (line, [UInt8](chain))
        }
        try fixture.pool.write { db in
            try db.execute(sql: dropTriggers)
            try db.execute(
                sql: "UPDATE journal SET bytes = 1, chain = ? WHERE seq = 3",
                arguments: [Data(line.chain(after: previous))])
        }
        let findings = try fixture.balance().findings
        #expect(findings.map(\.kind) == [.journalLineAltered] && findings[0].sequence == 4)
    }

    @Test("a row that differs from its journal line is named")
    func changedRow() throws {
        let fixture = try books()
        try byHand(fixture, "UPDATE instance SET digest = zeroblob(32) WHERE id = '\(QueueFixture.instanceID(301))'")
        let findings = try fixture.balance().findings
        #expect(findings.map(\.kind) == [.instanceAltered])
        #expect(findings[0].instance == QueueFixture.instanceID(301))
    }

    @Test("the journal can be added to and nothing else")
    func appendOnly() throws {
        let fixture = try books()
        for sql in ["DELETE FROM journal WHERE seq = 1", "UPDATE journal SET bytes = 0 WHERE seq = 1"] {
            #expect(throws: DatabaseError.self) { try fixture.pool.write { try $0.execute(sql: sql) } }
        }
    }

    @Test("a file that is being received is no loss, and goes at the next start")
    func unclaimedFiles() throws {
        let fixture = try books()
        let names = [
            "00000000000abcde.dcm", "00000000000abcde.part", "note.txt", "\(QueueFixture.instanceID(101)).part",
        ]
        for name in names { try Data(count: 5).write(to: fixture.spool.appending(path: name)) }
        let folder = fixture.spool.appending(path: "ab")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(count: 5).write(to: folder.appending(path: "00000000000abcdf.dcm"))
        #expect(try fixture.balance().unclaimedFiles == 5)
        #expect(try fixture.balance().isBalanced)
        let removed = try SpoolRecovery(fixture.pool, spool: fixture.spool, at: fixture.time(1)).removed
        #expect(Set(removed) == Set(names + ["ab/00000000000abcdf.dcm"]))
        #expect(try fixture.balance().unclaimedFiles == 0)
        #expect(try fixture.balance().isBalanced)
        #expect(try fixture.queue.events().last?["files"] == "5")
    }

    @Test("more unclaimed files than a crash can leave are left alone, and said")
    func manyUnclaimedFiles() throws {
        let fixture = try books()
        for number in 1...4 {
            try Data(count: 5).write(
                to: fixture.spool.appending(path: "\(QueueFixture.instanceID(90_000 + number)).dcm"))
        }
        #expect(throws: StudyQueueError(.spoolAheadOfDatabase)) {
            try SpoolRecovery(fixture.pool, spool: fixture.spool, limit: 3, at: fixture.time(1))
        }
        #expect(try fixture.balance().unclaimedFiles == 4)
        let recovery = try SpoolRecovery(fixture.pool, spool: fixture.spool, limit: 4, at: fixture.time(1))
        #expect(recovery.removed.count == 4)
    }

    @Test("files that were made ahead are no litter, however many there are")
    func spareFiles() throws {
        let fixture = try books()
        let names = (1...5).map { "\(QueueFixture.instanceID(90_000 + $0)).dcm" }
        for name in names { try Data(count: 16_384).write(to: fixture.spool.appending(path: name)) }
        // What was begun in one and not committed is litter, as is what is too short for a preamble.
        let begun = Data(count: 128) + Data("DICM".utf8) + Data(count: 1000)
        try begun.write(to: fixture.spool.appending(path: names[3]))
        try Data(count: 131).write(to: fixture.spool.appending(path: names[4]))
        #expect(try fixture.balance().spareFiles == 3)
        #expect(try fixture.balance().unclaimedFiles == 2)
        let recovery = try SpoolRecovery(fixture.pool, spool: fixture.spool, limit: 2, at: fixture.time(1))
        #expect(Set(recovery.blank) == Set(names[..<3]))
        #expect(Set(recovery.removed) == Set(names[3...]))
        #expect(try fixture.balance().spareFiles == 3)
    }

    @Test("a file of zeros whose instance the journal knows is not taken for one made ahead")
    func knownBlankFiles() throws {
        let fixture = try books()
        let lost = "\(QueueFixture.instanceID(101)).dcm"
        try Data(count: 16_384).write(to: fixture.spool.appending(path: lost))
        try byHand(fixture, "DELETE FROM instance WHERE id = '\(QueueFixture.instanceID(101))'")
        #expect(try fixture.balance().spareFiles == 0)
        let recovery = try SpoolRecovery(fixture.pool, spool: fixture.spool, at: fixture.time(1))
        #expect(recovery.blank.isEmpty && recovery.removed.isEmpty)
        #expect(FileManager.default.fileExists(atPath: fixture.spool.appending(path: lost).path))

        let discarded = try QueueFixture()
        try discarded.receive(discarded.receipt(instance: 1))
        let old = "\(QueueFixture.instanceID(101)).dcm"
        try byHand(discarded, "UPDATE instance SET state = 'discarded', policy = 'duplicate'")
        try Data(count: 16_384).write(to: discarded.spool.appending(path: old))
        #expect(try SpoolRecovery(discarded.pool, spool: discarded.spool, at: discarded.time(1)).removed == [old])
    }

    @Test("zeros after an instance are cut off at the next start, and nothing else is")
    func trimmedFile() throws {
        let fixture = try books()
        let files = [101, 301].map { fixture.spool.appending(path: "\(QueueFixture.instanceID($0)).dcm") }
        let contents = try files.map { try Data(contentsOf: $0) }
        try (contents[0] + Data(count: 70_000)).write(to: files[0])
        try (contents[1] + Data(count: 70_000) + Data([1])).write(to: files[1])
        #expect(
            try fixture.balance().findings.map(\.instance) == [QueueFixture.instanceID(301)],
            "no loss: the start cuts them")
        let recovery = try SpoolRecovery(fixture.pool, spool: fixture.spool, at: fixture.time(1))
        #expect(recovery.trimmed == 1)
        #expect(recovery.removed.isEmpty)
        #expect(try Data(contentsOf: files[0]) == contents[0])
        #expect(try fixture.balance().findings.map(\.instance) == [QueueFixture.instanceID(301)])
    }

    @Test("the file of an instance that was replaced before a crash goes at the next start")
    func replacedFile() throws {
        let fixture = try QueueFixture()
        try fixture.receive(fixture.receipt(instance: 1))
        let receipt = fixture.receipt(instance: 1, content: 2, duplicates: .replace)
        try Data(count: receipt.byteCount).write(to: fixture.spool.appending(path: receipt.file))
        _ = try fixture.pool.write { db in try fixture.queue.record(receipt, in: db, at: fixture.time(1)) }
        let old = "\(QueueFixture.instanceID(101)).dcm"
        #expect(try SpoolRecovery(fixture.pool, spool: fixture.spool, at: fixture.time(2)).removed == [old])
        #expect(try fixture.balance().isBalanced)
    }

    @Test(
        "files that a power failure has brought back after their end go, however many, and are no sign of an old database"
    )
    func filesThatCameBack() throws {
        let fixture = try QueueFixture()
        for number in 1...5 { try fixture.receive(fixture.receipt(instance: number)) }
        try byHand(fixture, "UPDATE instance SET state = 'discarded', policy = 'duplicates=replace'")
        let recovery = try SpoolRecovery(fixture.pool, spool: fixture.spool, limit: 2, at: fixture.time(1))
        #expect(recovery.removed.count == 5)
    }

    @Test("a file that the disk says nothing of is named, and the others are looked at all the same")
    func unreadableFile() throws {
        let fixture = try books()
        let lost = QueueFixture.instanceID(301)
        try FileManager.default.removeItem(at: fixture.spool.appending(path: "\(lost).dcm"))
        // Longer than a file system's names may be: lstat says neither yes nor no.
        let name = String(repeating: "a", count: 300)
        try byHand(
            fixture, "UPDATE instance SET file = '\(name).dcm' WHERE id = '\(QueueFixture.instanceID(101))'")
        let findings = try fixture.balance().findings
        #expect(findings.map(\.kind) == [.fileUnreadable, .fileMissing])
        #expect(findings.map(\.instance) == [QueueFixture.instanceID(101), lost])
    }

    @Test("a study that nothing will move on is named")
    func stuckStudies() throws {
        let fixture = try QueueFixture()
        let analysing = try fixture.completeStudy(1)
        _ = try fixture.leaseAnalysis(at: 0)
        let analysed = try fixture.analysedStudy(2)
        #expect(try fixture.balance().isBalanced)
        try byHand(fixture, "DELETE FROM lease; UPDATE delivery SET state = 'sent'")
        let findings = try fixture.balance().findings
        #expect(
            findings == [Balance.Finding(.studyStuck, study: analysing), Balance.Finding(.studyStuck, study: analysed)])
    }

    @Test("it is read as JSON and back")
    func json() throws {
        let fixture = try books()
        try FileManager.default.removeItem(at: fixture.spool.appending(path: "\(QueueFixture.instanceID(301)).dcm"))
        let balance = try fixture.balance()
        #expect(try JSONDecoder().decode(Balance.self, from: JSONEncoder().encode(balance)) == balance)
    }
}
