import Dispatch
import GRDB
import StudyQueue
import Synchronization

/// Commits the instances of all associations, as many in a transaction as have come together, so that they share one
/// sync of the database.
///
/// There is no thread of its own: the first association that comes writes the rows of all that wait by then, while the
/// next ones queue up behind it. A single association never waits for another thread.
final class GroupCommit: Sendable {
    /// Writes an instance's rows. Called on the thread of any association; once.
    typealias Record = @Sendable (Database) throws -> ReceiptOutcome

    private struct State {
        var waiting: [Entry] = []
        /// Whether somebody writes, or has been told to.
        var isCommitting = false
    }

    private let database: any DatabaseWriter
    private let state = Mutex(State())

    /// Groups for one database.
    init(database: any DatabaseWriter) { self.database = database }

    /// Blocks until the rows are durable. The instance's file must be so already.
    ///
    /// - Throws: what `record` threw, or the database's error: nothing was recorded then, unless it is a
    ///   ``CommitInDoubt``.
    @available(*, noasync, message: "blocks: use a thread of its own")
    func commit(_ record: @escaping Record) throws -> ReceiptOutcome {
        let entry = Entry(record)
        let isFirst = state.withLock { state in
            state.waiting.append(entry)
            defer { state.isCommitting = true }
            return !state.isCommitting
        }
        // Woken with an outcome, or to write what waits by then.
        if !isFirst { entry.turn.wait() }
        if entry.outcome.withLock({ $0 == nil }) { commitWaiting() }
        return try entry.outcome.withLock { $0 ?? .failure(StudyQueueError(.notInTransaction)) }.get()
    }

    /// Writes the rows of all that wait, the caller's own first, and tells the others; who has come meanwhile goes on.
    private func commitWaiting() {
        let group = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for (entry, outcome) in zip(group, outcomes(of: group)) { entry.outcome.withLock { $0 = outcome } }
        let next = state.withLock { state in
            state.isCommitting = !state.waiting.isEmpty
            return state.waiting.first
        }
        next?.turn.signal()
        for entry in group.dropFirst() { entry.turn.signal() }
    }

    /// Instances that wait behind a transaction, for tests.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

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

/// One instance on its way through a group.
private final class Entry: Sendable {
    let record: GroupCommit.Record
    let outcome = Mutex<Outcome?>(nil)
    /// Raised once, where its thread waits: there is an outcome, or it is to write.
    let turn = DispatchSemaphore(value: 0)

    init(_ record: @escaping GroupCommit.Record) { self.record = record }
}
