import NodeTestSupport
import Testing

@testable import OverreadNode

@Suite struct WorkSignalTests {
    @Test func aRaiseBeforeTheWaitIsSeenAndOneAfterItWakesEveryone() async throws {
        let signal = WorkSignal()
        signal.raise()
        #expect(await wait(signal, after: 0) == 1)
        async let waiters = [wait(signal, after: 1), wait(signal, after: 1)]
        try await Task.sleep(for: .milliseconds(50))
        signal.raise()
        #expect(await waiters == [2, 2])
    }

    @Test func theStopEndsEachWaitNowAndLater() async throws {
        let signal = WorkSignal()
        async let waiter = wait(signal, after: 0)
        try await Task.sleep(for: .milliseconds(50))
        signal.stop()
        #expect(await waiter == 0)
        #expect(await wait(signal, after: 0) == 0)
        #expect(signal.isStopped)
    }

    @Test func withoutARaiseTheTimeEndsIt() async {
        #expect(await wait(WorkSignal(), after: 0, seconds: 0.05) == 0)
        #expect(await wait(WorkSignal(), after: 0, seconds: -5) == 0)
    }

    /// An hour: a waiter that is not woken runs into the limit of the test.
    private func wait(_ signal: WorkSignal, after seen: UInt64, seconds: Double = 3600) async -> UInt64 {
        await withCheckedContinuation { done in
            _ = WorkerThread("waiter") { done.resume(returning: signal.wait(after: seen, seconds: seconds)) }
        }
    }
}
