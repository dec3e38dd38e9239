import Foundation
import Glibc

/// Wakes threads that wait for work. A raise is never lost: each waiter remembers the number of the last raise it saw.
///
/// Waits are by the clock that nobody sets: with NSCondition's, a machine whose clock is set back by an hour would stand still
/// for it.
///
/// `@unchecked Sendable`: `raised` and `stopped`, all that changes, are touched only with the mutex held. Several threads wait
/// for the same raise, each until its own deadline: that takes a condition, which Synchronization's Mutex, whose contents the
/// compiler would check, does not have. Mutex and condition are made before and destroyed after anybody else has the object.
final class WorkSignal: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var raised: UInt64 = 0
    private var stopped = false

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    private func locked<Value>(_ body: () -> Value) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    /// There may be work for everyone who waits.
    func raise() {
        locked {
            raised &+= 1
            pthread_cond_broadcast(condition)
        }
    }

    /// Ends all waiting, now and later.
    func stop() {
        locked {
            stopped = true
            pthread_cond_broadcast(condition)
        }
    }

    /// Whether the node is stopping.
    var isStopped: Bool { locked { stopped } }

    /// Blocks until a raise after `seen`, for so many seconds at most, or until the stop. Returns the number of the last
    /// raise.
    @available(*, noasync, message: "blocks: call it from a thread")
    func wait(after seen: UInt64, seconds: TimeInterval) -> UInt64 {
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        let nanoseconds = deadline.tv_nsec + Int(max(0, min(seconds, 86_400)) * 1e9)
        deadline.tv_sec += nanoseconds / 1_000_000_000
        deadline.tv_nsec = nanoseconds % 1_000_000_000
        return locked {
            while raised == seen, !stopped, pthread_cond_timedwait(condition, mutex, &deadline) == 0 {}
            return raised
        }
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

extension ContinuousClock.Instant {
    /// How long until then; 0 when it has passed.
    var secondsLeft: TimeInterval { max(0, (self - .now) / .seconds(1)) }
}
