import Foundation

/// Wakes threads that wait for work. A raise is never lost: each waiter remembers the number of the last raise it saw.
///
/// `@unchecked Sendable`: `raised` and `stopped`, all that changes, are touched only with the condition's lock held. Several
/// threads wait for the same raise, each until its own deadline: that takes a condition, which Synchronization's Mutex, whose
/// contents the compiler would check, does not have.
final class WorkSignal: @unchecked Sendable {
    private let condition = NSCondition()
    private var raised: UInt64 = 0
    private var stopped = false

    /// There may be work for everyone who waits.
    func raise() {
        condition.lock()
        raised &+= 1
        condition.broadcast()
        condition.unlock()
    }

    /// Ends all waiting, now and later.
    func stop() {
        condition.lock()
        stopped = true
        condition.broadcast()
        condition.unlock()
    }

    /// Whether the node is stopping.
    var isStopped: Bool {
        condition.lock()
        defer { condition.unlock() }
        return stopped
    }

    /// Blocks until a raise after `seen`, the deadline, or the stop. Returns the number of the last raise.
    @available(*, noasync, message: "blocks: call it from a thread")
    func wait(after seen: UInt64, until deadline: Date) -> UInt64 {
        condition.lock()
        defer { condition.unlock() }
        while raised == seen, !stopped {
            if !condition.wait(until: deadline) { break }
        }
        return raised
    }
}

/// The two signals of the node as its workers use them.
struct WorkSignals: Sendable {
    /// Wakes the queue's clock, which writes the log.
    let clock: WorkSignal
    /// Wakes the workers of analysis and delivery; its stop ends them.
    let work: WorkSignal

    /// Something was done: there is something to log, and perhaps work for others.
    func raise() {
        clock.raise()
        work.raise()
    }
}
