import DeIdentification
import Foundation
import GRDB
import Glibc
import Logging
import StudyQueue
import Synchronization

/// Checks the books while the node runs, on a thread of low priority: everything at start, then in every period the lines
/// that are new and some of the others in turn, so that the work of a period does not grow with the store.
///
/// What does not balance is an alert at once. It is over when a whole pass found nothing.
final class BalanceWatch: Sendable {
    /// Lines of one read transaction: a long one would keep the write-ahead log from being emptied.
    private static let step = 1000
    /// Lines of a period that are new; more wait for the next.
    private static let newLines = 20_000
    /// Lines of a period that are looked at in turn: 1 000 000 in 200 periods.
    private static let oldLines = 5000

    private let store: NodeStore
    private let period: TimeInterval
    private let signals: WorkSignals
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var known: [Balance.Finding] = []
        /// Whether a pass was finished, so that finding nothing means something.
        var isLooked = false
    }

    init(store: NodeStore, period: Duration, signals: WorkSignals, logger: Logger) {
        self.store = store
        self.period = period / .seconds(1)
        self.signals = signals
        self.logger = logger
    }

    /// The alert, if there is one, in a list; nil before the first pass has an answer.
    var alerts: [Alert]? {
        state.withLock { state in
            if let first = state.known.first {
                return [Alert(.balanceBroken, count: state.known.count, finding: first)]
            }
            return state.isLooked ? [] : nil
        }
    }

    /// Works until the signal stops.
    @available(*, noasync, message: "blocks: call it from a thread")
    func run() {
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
        var pass = Pass(newWalk())
        var recent = newWalk()
        var isFirst = true
        var seen: UInt64 = 0
        var next = ContinuousClock.now
        while !signals.work.isStopped {
            if .now >= next {
                do {
                    note(try Balance.checkOpenStudies(store.database), in: &pass)
                    if !isFirst { _ = try look(&recent, lines: Self.newLines, noting: &pass) }
                    var walk = pass.walk
                    pass.isAtEnd = try look(&walk, lines: isFirst ? .max : Self.oldLines, noting: &pass)
                    pass.walk = walk
                    // What is new from now on comes after everything that the first pass saw.
                    if isFirst { recent = pass.walk }
                    isFirst = false
                    if pass.isAtEnd { try finish(&pass) }
                } catch {
                    logger.error("balance", metadata: ["error": "\(error)"])
                }
                next = .now + .seconds(period)
            }
            seen = signals.work.wait(after: seen, seconds: next.secondsLeft)
        }
    }

    /// One time through everything.
    private struct Pass {
        var walk: BalanceWalk
        var findings: [Balance.Finding] = []
        var isAtEnd = false

        init(_ walk: BalanceWalk) { self.walk = walk }
    }

    private func newWalk() -> BalanceWalk {
        BalanceWalk(spool: URL(filePath: store.spool.root), isSealed: SealedIdentity.isStored)
    }

    /// Goes on with a walk, and notes what each step finds at once: a later one may fail. Whether it came to the end.
    @available(*, noasync)
    private func look(_ walk: inout BalanceWalk, lines: Int, noting pass: inout Pass) throws -> Bool {
        var (count, isAtEnd) = (0, false)
        while count < lines, !isAtEnd, !signals.work.isStopped {
            let step = try walk.step(store.database, lines: Self.step)
            note(step.findings, in: &pass)
            (count, isAtEnd) = (count + step.lines, step.isAtEnd)
        }
        return isAtEnd
    }

    /// The end of a pass: with nothing found in it the books balance, and the next begins.
    @available(*, noasync)
    private func finish(_ pass: inout Pass) throws {
        note(try Balance.checkLedgers(store.database), in: &pass)
        let found = pass.findings
        let wasBroken = state.withLock { state in
            defer { state = State(known: found, isLooked: true) }
            return !state.known.isEmpty
        }
        if wasBroken, found.isEmpty { logger.notice("the books balance again") }
        pass = Pass(newWalk())
    }

    private func note(_ findings: [Balance.Finding], in pass: inout Pass) {
        guard !findings.isEmpty else { return }
        pass.findings = Array((pass.findings + findings).prefix(Self.step))
        let isNew = state.withLock { state in
            let (known, room) = (state.known, max(0, Self.step - state.known.count))
            state.known += findings.filter { !known.contains($0) }.prefix(room)
            return known.isEmpty
        }
        if isNew, let first = findings.first {
            logger.critical(
                "the books do not balance: overread queue balance says more", metadata: ["first": "\(first)"])
        }
    }
}
