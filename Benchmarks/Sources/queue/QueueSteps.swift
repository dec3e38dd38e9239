import DICOMCore
import Foundation
import GRDB
import StudyQueue

/// One turn of everything that the node and the command line ask of the queue. What writes is synced, as in the node.
struct QueueSteps {
    static let names = [
        "enqueue an instance", "complete a study", "lease", "finish the analysis", "deliver", "tick of the clock",
        "list a page", "list the parked", "show a study", "find a study", "tail: what is new", "tail of a study",
    ]

    private let store: FilledStore
    private var next: Int
    private var now = Date(timeIntervalSince1970: 1_900_000_000)
    private var generator = Mixer(state: 7)

    init(store: FilledStore) {
        self.store = store
        self.next = store.studies
    }

    /// Does each step once and reports its milliseconds.
    mutating func round(_ report: (String, Double) -> Void) throws {
        next += 1
        now += 60
        let (queue, pool, time, number) = (store.queue, store.pool, now, next)
        let any = Int.random(in: 0..<store.studies, using: &generator)
        let id = store.identifiers[any]
        func timed<Value>(_ name: String, _ body: () throws -> Value) rethrows -> Value {
            let begin = ContinuousClock.now
            let value = try body()
            let elapsed = (ContinuousClock.now - begin).components
            report(name, Double(elapsed.seconds) * 1e3 + Double(elapsed.attoseconds) / 1e15)
            return value
        }

        let outcome = try timed("enqueue an instance") {
            try pool.write { try queue.record(FilledStore.receipt(0, of: number), in: $0, at: time) }
        }
        guard case .committed(let reference) = outcome else { throw QueueBenchmarkError("not committed") }
        _ = try timed("complete a study") { try queue.complete(reference.study, evidence: .quiet, at: time) }
        let lease = try timed("lease") {
            try queue.lease(.analysis, owner: "benchmark", duration: .seconds(60), at: time)
        }
        guard let lease else { throw QueueBenchmarkError("nothing to lease") }
        _ = try timed("finish the analysis") {
            try queue.finishAnalysis(lease, analyses: [], conclusion: .deliver(FilledStore.plan(lease)), at: time)
        }
        try timed("deliver") { try deliver(time) }
        try timed("tick of the clock") {
            _ = try queue.closeQuietStudies(at: Date(timeIntervalSince1970: 0))
            _ = try queue.endExpiredLeases(at: time)
            _ = try queue.waitingStudies()
            _ = try queue.nextDeadline(after: time)
        }
        _ = try timed("list a page") { try queue.list(limit: 100) }
        _ = try timed("list the parked") { try queue.list(states: [.parked], limit: 10) }
        _ = try timed("show a study") { try queue.show(id) }
        _ = try timed("find a study") { try StudyListing.list(pool, uids: [FilledStore.studyUID(any)], limit: 1) }
        try timed("tail: what is new") {
            let last = try StudyListing.lastEventSequence(pool)
            _ = try queue.events(after: last - 10)
        }
        try timed("tail of a study") {
            let start = try StudyListing.start(pool, ofLast: 10, study: id)
            _ = try queue.events(after: start, study: id)
        }
    }

    private func deliver(_ time: Date) throws {
        guard
            let lease = try store.queue.lease(.delivery, owner: "benchmark", duration: .seconds(60), at: time)
        else { throw QueueBenchmarkError("nothing to deliver") }
        for object in try store.queue.dueDeliveries(lease, at: time) {
            try store.queue.recordDelivery(
                lease, kind: object.kind, index: object.index, outcome: .stored(.success), at: time)
        }
        _ = try store.queue.finishDelivery(lease, at: time)
    }
}
