import Foundation
import GRDB
import StudyQueue

/// Commits the instances of all associations, as many in a transaction as have come together, so that they share one
/// sync of the database.
///
/// There is no thread of its own: the first association that comes writes the rows of all that wait by then, while the
/// next ones queue up behind it. A single association never waits for another thread.
///
/// `@unchecked Sendable`: the list, the flag and the entries' outcomes are touched only with the condition's lock held;
/// an entry's `record` never changes, and the one thread that has set the flag calls it.
final class GroupCommit: @unchecked Sendable {
    /// Writes an instance's rows. Called on the thread of any association; once.
    typealias Record = @Sendable (Database) throws -> ReceiptOutcome

    private let database: any DatabaseWriter
    private let condition = NSCondition()
    private var waiting: [Entry] = []
    private var isCommitting = false

    /// Groups for one database.
    init(database: any DatabaseWriter) { self.database = database }

    /// Blocks until the rows are durable. The instance's file must be so already.
    ///
    /// - Throws: what `record` threw, or the database's error: nothing was recorded then, unless it is a
    ///   ``CommitInDoubt``.
    @available(*, noasync, message: "blocks: use a thread of its own")
    func commit(_ record: @escaping Record) throws -> ReceiptOutcome {
        let entry = Entry(record)
        condition.lock()
        waiting.append(entry)
        while isCommitting, entry.outcome == nil { condition.wait() }
        if let outcome = entry.outcome {
            condition.unlock()
            return try outcome.get()
        }
        let group = waiting
        waiting = []
        isCommitting = true
        condition.unlock()

        let outcomes = outcomes(of: group)

        condition.lock()
        for (entry, outcome) in zip(group, outcomes) { entry.outcome = outcome }
        let own = entry.outcome
        isCommitting = false
        condition.broadcast()
        condition.unlock()
        return try (own ?? .failure(StudyQueueError(.notInTransaction))).get()
    }

    /// Instances that wait behind a transaction, for tests.
    var waitingCount: Int {
        condition.lock()
        defer { condition.unlock() }
        return waiting.count
    }

    private func outcomes(of group: [Entry]) -> [Outcome] {
        var isRecorded = false
        do {
            return try database.write { db in
                // One alone is rolled back with its transaction and needs no savepoint.
                let outcomes =
                    try group.count == 1
                    ? [.success(group[0].record(db))] : group.map { try GroupCommit.record($0, in: db) }
                isRecorded = true
                return outcomes
            }
        } catch let error as DatabaseError where isRecorded && error.resultCode == .SQLITE_IOERR {
            return group.map { _ in .failure(CommitInDoubt(cause: error)) }
        } catch {
            return group.map { _ in .failure(error) }
        }
    }

    /// The rows of one instance: all of them or none, whatever becomes of the others.
    private static func record(_ entry: Entry, in db: Database) throws -> Outcome {
        do {
            var outcome: ReceiptOutcome?
            try db.inSavepoint {
                outcome = try entry.record(db)
                return .commit
            }
            return outcome.map { .success($0) } ?? .failure(StudyQueueError(.notInTransaction))
        } catch {
            // A full disk ends the whole transaction by itself.
            guard db.isInsideTransaction else { throw error }
            return .failure(error)
        }
    }
}

private typealias Outcome = Result<ReceiptOutcome, any Error>

/// The sync of the database's log failed at COMMIT: the rows may be on the disk or not, and the next start will tell.
struct CommitInDoubt: Error {
    /// What SQLite said.
    let cause: DatabaseError
}

/// One instance on its way through a group. Its outcome is touched only with the group's lock held.
private final class Entry {
    let record: GroupCommit.Record
    var outcome: Outcome?

    init(_ record: @escaping GroupCommit.Record) { self.record = record }
}
