import Foundation
import GRDB
import NodeTestSupport
import StudyQueue
import Synchronization
import Testing

@testable import OverreadNode

/// Instances that come together share a transaction, and none pays for another's failure.
@Suite struct GroupCommitTests {
    private struct Refused: Error {}

    private let folder: TemporaryFolder
    private let database: DatabasePool
    private let commits: GroupCommit
    /// Transactions that wrote something.
    private let observer = CommitCounter()

    init() throws {
        folder = try TemporaryFolder()
        database = try StudyDatabase.open(path: folder.path("test.sqlite"))
        try database.write { try $0.execute(sql: "CREATE TABLE instance (name TEXT PRIMARY KEY)") }
        commits = GroupCommit(database: database)
        database.add(transactionObserver: observer, extent: .databaseLifetime)
    }

    private static func outcome(_ number: Int) -> ReceiptOutcome {
        .committed(StudyReference(study: "s-0", revision: number))
    }

    private func stored() throws -> [String] {
        try database.read { try String.fetchAll($0, sql: "SELECT name FROM instance ORDER BY name") }
    }

    /// Runs the bodies on threads of their own, all of them waiting behind a first one that is in its transaction.
    private func together(_ bodies: [@Sendable (Database) throws -> ReceiptOutcome]) -> [Result<
        ReceiptOutcome, any Error
    >] {
        let (isFirstInside, mayFirstEnd) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let results = Mutex<[Int: Result<ReceiptOutcome, any Error>]>([:])
        let done = DispatchGroup()
        let commits = commits
        let start = { (number: Int, body: @escaping @Sendable (Database) throws -> ReceiptOutcome) in
            done.enter()
            Thread.detachNewThread {
                let result = Result { try commits.commit(body) }
                results.withLock { $0[number] = result }
                done.leave()
            }
        }
        start(-1) { _ in
            isFirstInside.signal()
            mayFirstEnd.wait()
            return .alreadyCommitted
        }
        isFirstInside.wait()
        for (number, body) in bodies.enumerated() { start(number, body) }
        while commits.waitingCount < bodies.count { Thread.sleep(forTimeInterval: 0.002) }
        mayFirstEnd.signal()
        done.wait()
        return results.withLock { all in bodies.indices.compactMap { all[$0] } }
    }

    @Test func instancesThatCameTogetherShareATransaction() throws {
        let results = together(
            (0..<8).map { number in
                { db in
                    try db.execute(sql: "INSERT INTO instance VALUES (?)", arguments: ["i\(number)"])
                    return Self.outcome(number)
                }
            })
        #expect(try results.map { try $0.get() } == (0..<8).map(Self.outcome))
        #expect(try stored() == (0..<8).map { "i\($0)" })
        #expect(observer.count == 1)
    }

    @Test func oneThatIsRefusedTakesItsRowsWithItAndNoOthers() throws {
        let results = together(
            (0..<5).map { number in
                { db in
                    try db.execute(sql: "INSERT INTO instance VALUES (?)", arguments: ["i\(number)"])
                    if number == 2 { throw Refused() }
                    return Self.outcome(number)
                }
            })
        #expect(try stored() == ["i0", "i1", "i3", "i4"])
        for (number, result) in results.enumerated() {
            if number == 2 {
                #expect(throws: Refused.self) { try result.get() }
            } else {
                #expect(try result.get() == Self.outcome(number))
            }
        }
    }

    @Test func whenTheDatabaseEndsTheTransactionNobodyIsToldSuccess() throws {
        let results = together(
            (0..<3).map { number in
                { db in
                    try db.execute(sql: "INSERT INTO instance VALUES (?)", arguments: ["i\(number)"])
                    // What SQLite does by itself when the disk is full.
                    if number == 1 {
                        try db.execute(sql: "ROLLBACK")
                        throw DatabaseError(resultCode: .SQLITE_FULL)
                    }
                    return Self.outcome(number)
                }
            })
        #expect(try stored() == [])
        for result in results { #expect(throws: DatabaseError.self) { try result.get() } }
        // And the next one is not held up by it.
        #expect(try commits.commit { _ in Self.outcome(9) } == Self.outcome(9))
    }
}

/// Counts commits. `@unchecked Sendable`: the count is behind a lock.
private final class CommitCounter: TransactionObserver, @unchecked Sendable {
    private let commits = Mutex(0)
    private var hasChanges = false
    var count: Int { commits.withLock { $0 } }

    func observes(eventsOfKind eventKind: DatabaseEventKind) -> Bool { true }
    func databaseDidChange(with event: DatabaseEvent) { hasChanges = true }
    func databaseDidCommit(_ db: Database) {
        if hasChanges { commits.withLock { $0 += 1 } }
        hasChanges = false
    }
    func databaseDidRollback(_ db: Database) { hasChanges = false }
}
