import DICOMNetwork
import DeIdentification
import Foundation
import GRDB
import Glibc
import Logging
import StudyQueue
import Synchronization

/// Takes what has been kept long enough, or is more than may be kept, of studies that were delivered: files, identity, journal
/// lines, events, and the memory of what was received. The thread gives way to every other.
///
/// While the disk has less than twice `disk-reserve` free, files of delivered studies go whatever their age, those that were
/// delivered first before the others, so that images are taken again.
final class Retention: Sendable {
    /// What may be kept; nil: all of it, for ever.
    struct Limits: Sendable {
        var pixels: Duration?
        var pixelBytes: Int?
        var identity: Duration?
        var identityStudies: Int?
        var journal: Duration?
        var journalLines: Int?
        var events: Duration?
        var eventCount: Int?
        var memory: Duration?
        var memoryInstances: Int?

        /// From flags and environment. Throws ``NodeError/badSetting(_:)``.
        init(_ configuration: NodeConfiguration) throws {
            let keeping = configuration.keeping
            pixels = try keeping.time(.pixelRetention)
            pixelBytes = try keeping.size(.pixelLimit)
            identity = try configuration.identityRetention
            identityStudies = try keeping.count(.identityLimit)
            journal = try keeping.time(.journalRetention)
            journalLines = try keeping.count(.journalLimit)
            events = try keeping.time(.eventRetention)
            eventCount = try keeping.count(.eventLimit)
            memory = try keeping.time(.memoryRetention)
            memoryInstances = try keeping.count(.memoryLimit)
        }

        /// A quarter of the shortest time, a minute at most.
        var period: TimeInterval {
            [pixels, identity, journal, events, memory].compactMap { $0.map { $0 / .seconds(4) } }.reduce(60, min)
        }
    }

    private let store: NodeStore
    private let limits: Limits
    private let identity: IdentityRetention
    private let table: AETitleDirectory
    private let log: QueueLogProjection
    private let signals: WorkSignals
    private let logger: Logger
    private let clock: Mutex<RetentionClock>
    /// Between two looks at the disk.
    private static let diskPeriod = 2.0

    /// Blocks: reads the clock that the last process left.
    @available(*, noasync, message: "blocks: call it from a thread")
    init(
        store: NodeStore, vault: Vault, limits: Limits, table: AETitleDirectory, log: QueueLogProjection,
        signals: WorkSignals, logger: Logger
    ) throws {
        self.store = store
        self.limits = limits
        self.identity = IdentityRetention(store: store, vault: vault, signals: signals, logger: logger)
        self.table = table
        self.log = log
        self.signals = signals
        self.logger = logger
        var clock = try store.queue.retentionClock(or: Date())
        clock.advance(to: Date(), elapsed: .zero)
        self.clock = Mutex(clock)
    }

    /// Whether the machine's clock is so far ahead that it may be wrong.
    var isClockSuspicious: Bool { clock.withLock { $0.isSuspicious } }

    /// Works until the signal stops.
    @available(*, noasync, message: "blocks: call it from a thread")
    func run() {
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
        var last = ContinuousClock.now
        var (seen, next): (UInt64, ContinuousClock.Instant) = (0, .now)
        while !signals.work.isStopped {
            do {
                if .now >= next {
                    let now = ContinuousClock.now
                    // Before the pass: what one that fails has counted is not counted twice.
                    let elapsed = now - last
                    (last, next) = (now, now + .seconds(limits.period))
                    try pass(elapsed: elapsed)
                }
                try makeRoom()
            } catch {
                logger.error("retention", metadata: ["error": "\(error)"])
                next = .now + .seconds(limits.period)
            }
            seen = signals.work.wait(after: seen, seconds: min(next.secondsLeft, Self.diskPeriod))
        }
    }

    @available(*, noasync)
    private func pass(elapsed: Duration) throws {
        let clock = self.clock.withLock { clock in
            clock.advance(to: Date(), elapsed: elapsed)
            return clock
        }
        try store.queue.keep(from: clock)
        func limit(_ time: Duration?) -> Date { time.map { clock.now - $0 / .seconds(1) } ?? .distantPast }
        try identity.erase(keptSince: limit(limits.identity), maximum: limits.identityStudies)
        try takeFiles(until: limit(limits.pixels))
        if let bytes = limits.pixelBytes { try takeFiles(downTo: Int64(bytes)) }
        let queue = store.queue
        try untilNothingGoes("journal lines retired") {
            try queue.retireJournal(keptSince: limit(limits.journal), maximum: limits.journalLines, at: Date())
        }
        let events = try untilNothingGoes("events retired") {
            try queue.retireEvents(
                before: limit(limits.events), maximum: limits.eventCount, writtenThrough: log.position)
        }
        if events > 0 { try queue.recordRetiredEvents(events, at: Date()) }
        var excess = try limits.memoryInstances.map { try queue.rememberedInstances() - $0 } ?? 0
        try untilNothingGoes("instances forgotten") {
            let count = try queue.forgetStudy(
                keptSince: excess > 0 ? .distantFuture : limit(limits.memory), at: Date())
            excess -= count
            return count
        }
    }

    // MARK: Files

    /// While the disk is short of room, the files of what was delivered go, oldest first. Asked also between two passes.
    @available(*, noasync)
    private func makeRoom() throws {
        let wanted = 2 * UInt64(max(0, table.current.node.diskReserve))
        // What is short, and not until there is room: some file systems give it back later.
        guard let free = store.spool.freeBytes(), free < wanted else { return }
        let short = Int64(wanted - free)
        // What was delivered since the last pass counts as well.
        try store.queue.keep(from: clock.withLock { $0 })
        var taken: Int64 = 0
        while taken < short, let bytes = try takeSomeFiles(.distantFuture) { taken += bytes }
        guard taken > 0 else { return }
        logger.notice("files of delivered studies removed for room", metadata: ["bytes": "\(taken)"])
    }

    @available(*, noasync)
    private func takeFiles(until time: Date) throws {
        while try takeSomeFiles(time) != nil {}
    }

    @available(*, noasync)
    private func takeFiles(downTo limit: Int64) throws {
        var excess = try store.queue.heldBytes() - limit
        while excess > 0, let bytes = try takeSomeFiles(.distantFuture) { excess -= bytes }
    }

    /// The bytes of one batch; nil when there is none, or the node stops.
    @available(*, noasync)
    private func takeSomeFiles(_ time: Date) throws -> Int64? {
        guard !signals.work.isStopped,
            let retired = try store.queue.retireFiles(ofStudyKeptSince: time, at: Date())
        else { return nil }
        // What cannot be removed goes at the next start; more of its kind would not make room either.
        for file in retired.files where unlink(store.spool.path(file)) != 0 && errno != ENOENT {
            throw SpoolError(call: "unlink", code: errno)
        }
        signals.clock.raise()
        return retired.bytes
    }

    @available(*, noasync)
    @discardableResult
    private func untilNothingGoes(_ what: String, _ step: () throws -> Int) throws -> Int {
        var sum = 0
        while !signals.work.isStopped {
            let count = try step()
            if count == 0 { break }
            sum += count
        }
        guard sum > 0 else { return 0 }
        logger.info("\(what)", metadata: ["count": "\(sum)"])
        signals.clock.raise()
        return sum
    }
}
