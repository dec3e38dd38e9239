import DICOMCore
import Foundation
import GRDB
import NodeTestSupport
import Testing

@testable import StudyQueue

@Suite("The queue log")
struct QueueLogTests {
    private func lines(_ fixture: QueueFixture, _ name: String) throws -> [String] {
        let text = try String(contentsOf: fixture.folder.url.appending(path: "log/\(name)"), encoding: .utf8)
        #expect(text.isEmpty || text.hasSuffix("\n"))
        return text.split(separator: "\n").map(String.init)
    }

    private func writer(_ fixture: QueueFixture) -> QueueLogWriter {
        QueueLogWriter(fixture.pool, folder: fixture.folder.url.appending(path: "log"))
    }

    /// Writes to the end of a log file, as a crash in the middle of a line does.
    private func append(_ text: String, to name: String, _ fixture: QueueFixture) throws {
        let file = try FileHandle(forUpdating: fixture.folder.url.appending(path: "log/\(name)"))
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    /// Checks that both files hold every event, once, in order.
    private func expectComplete(_ fixture: QueueFixture) throws {
        let numbers = try fixture.queue.events(limit: .max).map(\.sequence)
        #expect(numbers == Array(1...Int64(numbers.count)))
        #expect(try lines(fixture, "queue.log").map { QueueLogFormat.human.sequence(ofLine: $0) } == numbers)
        #expect(try lines(fixture, "queue.jsonl").map { QueueLogFormat.json.sequence(ofLine: $0) } == numbers)
    }

    @Test("a line is for eyes and for programs")
    func format() {
        let event = QueueEvent(
            sequence: 12, time: Date(timeIntervalSince1970: 1_800_000_000.25), study: "s-0123456789", source: "CT ROOM",
            kind: .objectFailed,
            fields: [
                QueueEventField.state(.delivering), .revision(1), .reason(.destinationRefused), .attempt(2),
                .retryIn(seconds: 5), .destination("MAINPACS"), .object(.structuredReport),
                .status(.sopClassNotSupported),
            ].map { QueueEvent.Field(key: $0.key, value: $0.value) })
        #expect(
            QueueLogFormat.human.line(event) == """
                time=2027-01-15T08:00:00.250Z seq=12 event=object-failed study=s-0123456789 source="CT ROOM" \
                state=delivering revision=1 reason=destination-refused attempt=2 retry-in=5 destination=MAINPACS \
                object=sr status=0122
                """)
        #expect(
            QueueLogFormat.json.line(event) == """
                {"time":"2027-01-15T08:00:00.250Z","seq":12,"event":"object-failed","study":"s-0123456789",\
                "source":"CT ROOM","state":"delivering","revision":1,"reason":"destination-refused","attempt":2,\
                "retry-in":5,"destination":"MAINPACS","object":"sr","status":"0122"}
                """)
    }

    @Test("no value can break a line or drive a terminal")
    func escapes() throws {
        let event = QueueEvent(
            sequence: 1, time: QueueFixture.start, study: nil, source: "a\"b\\c\n\u{1B}[31mé\u{1F600}",
            kind: .ownResult,
            fields: [QueueEvent.Field(key: "policy", value: .text(""))])
        for format in QueueLogFormat.allCases {
            #expect(format.line(event).utf8.allSatisfy { (0x20...0x7E).contains($0) })
        }
        #expect(QueueLogFormat.human.line(event).hasSuffix("policy=\"\""))
        let read = try JSONDecoder().decode(
            [String: String].self,
            from: Data(
                QueueLogFormat.object([
                    QueueEvent.Field(key: "source", value: .text(event.source ?? ""))
                ]).utf8))
        #expect(read["source"] == event.source)
    }

    @Test("the log is the projection of the events, in both forms")
    func projection() throws {
        let fixture = try QueueFixture()
        _ = try fixture.analysedStudy(1)
        let writer = writer(fixture)
        #expect(try writer.catchUp() == 8)
        #expect(try writer.catchUp() == 0)
        _ = try fixture.analysedStudy(2)
        #expect(try writer.catchUp() == 8)
        try expectComplete(fixture)
        let last = try #require(try lines(fixture, "queue.log").last)
        #expect(last.contains(" event=analysis-finished study=s-"))
        #expect(last.hasSuffix(" source=CR_ROOM_1 state=analysed revision=1 objects=2"))
    }

    @Test(
        "after a crash nothing is missing and nothing is twice",
        arguments: [
            "", "time=2027-01-15T08:00:0", "time=2027-01-15T08:00:00.000Z seq=99 event=study-", "\u{0}\u{0}\u{0}",
        ])
    func tornLine(torn: String) throws {
        let fixture = try QueueFixture()
        _ = try fixture.analysedStudy(1)
        try writer(fixture).catchUp()
        try append(torn, to: "queue.log", fixture)
        try append(torn.isEmpty ? "" : "{\"time\":\"2027\",\"seq\":99", to: "queue.jsonl", fixture)
        _ = try fixture.analysedStudy(2)
        #expect(try writer(fixture).catchUp() == 8)
        try expectComplete(fixture)
    }

    @Test("each file goes on from its own end")
    func filesDiffer() throws {
        let fixture = try QueueFixture()
        _ = try fixture.analysedStudy(1)
        try writer(fixture).catchUp()
        // One file was cut in the middle of its second line, as a crash between the two writes leaves it.
        let url = fixture.folder.url.appending(path: "log/queue.jsonl")
        try Data(Data(contentsOf: url).prefix(250)).write(to: url)
        #expect(try writer(fixture).catchUp() == 3)
        try expectComplete(fixture)
    }

    @Test("a file that was cut to less than a line, or removed, is begun anew")
    func begunAnew() throws {
        let fixture = try QueueFixture()
        _ = try fixture.analysedStudy(1)
        try writer(fixture).catchUp()
        try Data("time=20".utf8).write(to: fixture.folder.url.appending(path: "log/queue.log"))
        try FileManager.default.removeItem(at: fixture.folder.url.appending(path: "log/queue.jsonl"))
        #expect(try writer(fixture).catchUp() == 8)
        try expectComplete(fixture)
    }

    @Test("a file that is moved away while the node runs is gone on with in a new one")
    func rotated() throws {
        let fixture = try QueueFixture()
        _ = try fixture.openStudy(1)
        let writer = writer(fixture)
        try writer.catchUp()
        let url = fixture.folder.url.appending(path: "log/queue.log")
        try FileManager.default.moveItem(at: url, to: url.appendingPathExtension("1"))
        _ = try fixture.openStudy(2)
        try writer.catchUp()
        #expect(try lines(fixture, "queue.log").map { QueueLogFormat.human.sequence(ofLine: $0) } == [2])
    }

    // MARK: Rotation

    /// Every line of a form, from the oldest file to the newest.
    private func everything(_ fixture: QueueFixture, _ name: String) throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path("log"))
        let old = names.filter { $0.hasPrefix(name + ".") }.compactMap { Int($0.dropFirst(name.count + 1)) }
        return try (old.sorted(by: >).map { "\(name).\($0)" } + [name]).flatMap { try lines(fixture, $0) }
    }

    private func rotating(_ fixture: QueueFixture, _ rotation: QueueLogRotation) -> QueueLogWriter {
        QueueLogWriter(fixture.pool, folder: fixture.folder.url.appending(path: "log"), rotation: rotation)
    }

    @Test(
        "files of a size, of which the last ones stay; no line is lost or twice between two files",
        arguments: [false, true])
    func rotatedBySize(isKilledEachTime: Bool) throws {
        let fixture = try QueueFixture()
        let rotation = QueueLogRotation(maximumBytes: 400, kept: 3)
        var writer = rotating(fixture, rotation)
        for number in 1...12 {
            _ = try fixture.openStudy(number)
            if isKilledEachTime { writer = rotating(fixture, rotation) }
            try writer.catchUp()
        }
        for (name, format) in [("queue.log", QueueLogFormat.human), ("queue.jsonl", .json)] {
            let numbers = try everything(fixture, name).compactMap { format.sequence(ofLine: $0) }
            #expect(numbers.last == 12 && numbers == Array((13 - Int64(numbers.count))...12))
            let names = try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path("log"))
            #expect(
                Set(names.filter { $0.hasPrefix(name) }) == [name, "\(name).1", "\(name).2", "\(name).3"])
        }
    }

    @Test("a process that ended after moving the file away and before beginning the next is gone on from")
    func killedWhileRotating() throws {
        let fixture = try QueueFixture()
        _ = try fixture.analysedStudy(1)
        try writer(fixture).catchUp()
        for name in ["queue.log", "queue.jsonl"] {
            let url = fixture.folder.url.appending(path: "log/\(name)")
            try FileManager.default.moveItem(at: url, to: url.appendingPathExtension("1"))
        }
        _ = try fixture.analysedStudy(2)
        #expect(try writer(fixture).catchUp() == 8)
        let numbers = try everything(fixture, "queue.log").compactMap { QueueLogFormat.human.sequence(ofLine: $0) }
        #expect(numbers == Array(1...8))
    }

    @Test("a file whose first line is old enough is put aside, whatever its size; a clock that goes back does nothing")
    func rotatedByAge() throws {
        let fixture = try QueueFixture()
        let writer = rotating(fixture, QueueLogRotation(maximumAge: .seconds(100)))
        for (number, seconds) in [0.0, 99, 101, 50, 200].enumerated() {
            _ = try fixture.openStudy(number + 1, at: seconds)
            try writer.catchUp()
        }
        #expect(try lines(fixture, "queue.log.1").count == 2)
        #expect(try lines(fixture, "queue.log").count == 3)
        #expect(try lines(fixture, "queue.jsonl").count == 3)
    }

    @Test("a folder that cannot be written keeps nothing from being recorded, and is caught up with")
    func unwritable() throws {
        let fixture = try QueueFixture()
        // A file where the folder should be: root could write into any folder.
        let url = fixture.folder.url.appending(path: "log")
        try Data().write(to: url)
        let writer = writer(fixture)
        _ = try fixture.openStudy(1)
        #expect(throws: StudyQueueError(.logUnwritable)) { try writer.catchUp() }
        #expect(writer.position == 0)
        try FileManager.default.removeItem(at: url)
        _ = try fixture.openStudy(2)
        #expect(try writer.catchUp() == 4)
        #expect(writer.position == 2)
        try expectComplete(fixture)
    }

    @Test("one file that cannot be written does not keep the other from being written")
    func oneUnwritable() throws {
        let fixture = try QueueFixture()
        let url = fixture.folder.url.appending(path: "log/queue.log")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        _ = try fixture.openStudy(1)
        let writer = writer(fixture)
        #expect(throws: StudyQueueError(.logUnwritable)) { try writer.catchUp() }
        #expect(try lines(fixture, "queue.jsonl").count == 1)
        try FileManager.default.removeItem(at: url)
        #expect(try writer.catchUp() == 1)
        try expectComplete(fixture)
    }

    @Test("colour is for terminals, and takes nothing away from the line")
    func colour() throws {
        #expect(QueueLogColour.isWanted(isTerminal: true, environment: ["TERM": "xterm", "NO_COLOR": ""]))
        #expect(!QueueLogColour.isWanted(isTerminal: false, environment: ["TERM": "xterm"]))
        #expect(!QueueLogColour.isWanted(isTerminal: true, environment: ["TERM": "xterm", "NO_COLOR": "1"]))
        #expect(!QueueLogColour.isWanted(isTerminal: true, environment: ["TERM": "dumb"]))
        let fixture = try QueueFixture()
        _ = try fixture.analysedStudy(1)
        for event in try fixture.queue.events() {
            let plain = QueueLogColour.line(event).replacing(/\u{1B}\[[0-9;]*m/, with: "")
            #expect(plain == QueueLogFormat.human.line(event) && plain != QueueLogColour.line(event))
        }
    }

    @Test("the last events are those of the study that is asked for")
    func lastEvents() throws {
        let fixture = try QueueFixture()
        let study = try fixture.openStudy(1)
        for number in 2...9 { _ = try fixture.openStudy(number) }
        try fixture.queue.complete(study, evidence: .mpps, at: fixture.time(1))
        #expect(try StudyListing.start(fixture.pool, ofLast: 1, study: study) == 1)
        #expect(try StudyListing.start(fixture.pool, ofLast: 5, study: study) == 0)
        #expect(try StudyListing.start(fixture.pool, ofLast: 3) == 7)
    }

    @Test("a person's note at the end is passed over")
    func note() throws {
        let fixture = try QueueFixture()
        _ = try fixture.openStudy(1)
        try writer(fixture).catchUp()
        try append("the PACS was moved today\n", to: "queue.log", fixture)
        _ = try fixture.openStudy(2)
        try writer(fixture).catchUp()
        #expect(try lines(fixture, "queue.log").map { QueueLogFormat.human.sequence(ofLine: $0) } == [1, nil, 2])
    }

    @Test("a long log is caught up in parts and recovered from its end")
    func longLog() throws {
        let fixture = try QueueFixture()
        try fixture.pool.write { db in
            for number in 0..<2500 {
                try EventTable.insert(
                    .ownResult, study: nil, source: "MAINPACS", fields: [.files(number)], in: db, at: fixture.time(0))
            }
        }
        #expect(try writer(fixture).catchUp() == 5000)
        // A note longer than what is read at a time.
        try append(
            String(repeating: "x", count: 200_000) + "\n" + String(repeating: "y", count: 70_000), to: "queue.log",
            fixture)
        try fixture.pool.write { db in
            try fixture.queue.recordOwnResult(source: "MAINPACS", in: db, at: fixture.time(1))
        }
        #expect(try writer(fixture).catchUp() == 2)
        let numbers = try lines(fixture, "queue.log").compactMap { QueueLogFormat.human.sequence(ofLine: $0) }
        #expect(numbers == Array(1...2501))
    }

    @Test("a log that is ahead of its database is not written to")
    func ahead() throws {
        let fixture = try QueueFixture()
        _ = try fixture.openStudy(1)
        try writer(fixture).catchUp()
        try append(
            "time=2027-01-15T08:00:00.000Z seq=99 event=own-result\n", to: "queue.log", fixture)
        #expect(throws: StudyQueueError(.logAheadOfDatabase)) { try writer(fixture).catchUp() }
    }

    @Test("events are found by study, source and number")
    func events() throws {
        let fixture = try QueueFixture()
        let study = try fixture.openStudy(1)
        _ = try fixture.openStudy(2)
        try fixture.queue.complete(study, evidence: .mpps, at: fixture.time(1))
        #expect(try fixture.queue.events(study: study).map(\.kind) == [.studyOpened, .studyComplete])
        #expect(try fixture.queue.events(after: 1).map(\.sequence) == [2, 3])
        #expect(try fixture.queue.events(source: "NONE").isEmpty)
        #expect(try fixture.queue.events(limit: 1).count == 1)
    }

    @Test("every event and field is in the documented vocabulary, and no other")
    func vocabulary() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "docs/queue-log.md"), encoding: .utf8)
        func words(_ heading: String) -> Set<String> {
            let section = text.components(separatedBy: "## \(heading)\n").last?.components(separatedBy: "\n## ").first
            let rows = (section ?? "").split(separator: "\n").filter { $0.hasPrefix("| `") }
            return Set(rows.compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) })
        }
        #expect(words("Events") == Set(QueueEventKind.allCases.map(\.rawValue)))
        #expect(words("Fields") == Set(["time", "seq", "event", "study", "source"] + QueueEventField.order))
    }

    @Test("nothing of the de-identified objects is in a log line either")
    func noIdentifiers() throws {
        let fixture = try QueueFixture()
        _ = try fixture.analysedStudy()
        try fixture.deliverAll(fixture.leaseDelivery(at: 1), at: 1)
        try writer(fixture).catchUp()
        let text = try lines(fixture, "queue.log").joined() + lines(fixture, "queue.jsonl").joined()
        for secret in ["2.25.", "P1", "1.2.840"] { #expect(!text.contains(secret)) }
    }
}

@Suite("The database and its lists")
struct StudyDatabaseTests {
    @Test("every commit is synced: WAL, synchronous FULL, foreign keys")
    func durability() throws {
        let fixture = try QueueFixture()
        let settings = try fixture.pool.writeWithoutTransaction { db in
            try ["journal_mode", "synchronous", "foreign_keys"].map { try String.fetchOne(db, sql: "PRAGMA \($0)") }
        }
        #expect(settings == ["wal", "2", "1"])
    }

    @Test("GRDB's own setting of a pool is noticed")
    func plainPool() throws {
        let fixture = try QueueFixture()
        let pool = try DatabasePool(
            path: fixture.folder.path("other.sqlite"), configuration: StudyDatabase.configuration())
        #expect(throws: StudyQueueError(.databaseNotDurable)) {
            try pool.writeWithoutTransaction { try StudyDatabase.checkDurability(of: $0) }
        }
    }

    @Test("another process reads the lists while the node has the file")
    func reading() throws {
        let fixture = try QueueFixture()
        let study = try fixture.openStudy()
        let reader = try StudyDatabase.openForReading(path: fixture.folder.path("overread.sqlite"))
        #expect(try StudyListing.list(reader).map(\.study) == [study])
        #expect(try StudyListing.show(reader, study).instances.count == 1)
        #expect(try Balance.check(reader, spool: fixture.spool).isBalanced)
        #expect(throws: DatabaseError.self) { try reader.write { try $0.execute(sql: "DELETE FROM event") } }
    }

    @Test("the lists can be read while no node has the file")
    func readingWhenStopped() throws {
        let fixture = try QueueFixture()
        let study = try fixture.openStudy()
        try fixture.pool.close()
        let reader = try StudyDatabase.openForReading(path: fixture.folder.path("overread.sqlite"))
        #expect(try StudyListing.list(reader).map(\.study) == [study])
    }

    @Test("a list goes by pages, newest first, and by state and source")
    func pages() throws {
        let fixture = try QueueFixture()
        let studies = try (1...5).map { try fixture.openStudy($0, at: Double($0)) }
        try fixture.queue.complete(studies[2], evidence: .count, at: fixture.time(6))
        var seen: [String] = []
        var cursor: Int64?
        while true {
            let page = try fixture.queue.list(after: cursor, limit: 2)
            guard let last = page.last else { break }
            seen += page.map(\.study)
            cursor = last.cursor
        }
        #expect(seen == studies.reversed())
        #expect(try fixture.queue.list(states: [.complete, .parked]).map(\.study) == [studies[2]])
        #expect(try fixture.queue.list(states: [.complete], source: "NONE").isEmpty)
        #expect(try fixture.queue.list(source: "CR_ROOM_1").count == 5)
    }

    @Test("what is listed is JSON for a program")
    func json() throws {
        let fixture = try QueueFixture()
        let study = try fixture.analysedStudy()
        let detail = try fixture.queue.show(study)
        #expect(try JSONDecoder().decode(StudyDetail.self, from: JSONEncoder().encode(detail)) == detail)
    }
}
