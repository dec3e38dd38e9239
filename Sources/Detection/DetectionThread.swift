import Foundation

/// A thread of its own for what blocks: runs the jobs of the actors that name it as their executor, one at a time, in the
/// order in which they come. Swift's cooperative pool never waits for a model.
package final class DetectionThread: SerialExecutor {
    private let jobs = JobQueue()

    /// Starts the thread; it ends after the executor is gone.
    ///
    /// - Parameter name: The thread's name, as `ps -L` shows it (15 characters).
    package init(name: String = "detection") {
        let jobs = jobs
        let thread = Thread {
            while let job = jobs.next() { job() }
        }
        thread.name = name
        // Codecs and the engine's compiler use more stack than a default thread of some systems has.
        thread.stackSize = 8 << 20
        thread.start()
    }

    deinit { jobs.stop() }

    /// Takes a job from an actor.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedSerialExecutor()
        jobs.append { job.runSynchronously(on: executor) }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}

/// The jobs that wait. Unchecked because the compiler cannot see that `waiting` and `isStopped` are only touched with the
/// condition locked.
private final class JobQueue: @unchecked Sendable {
    private let condition = NSCondition()
    private var waiting: [@Sendable () -> Void] = []
    private var isStopped = false

    func append(_ job: @escaping @Sendable () -> Void) {
        condition.withLock {
            waiting.append(job)
            condition.signal()
        }
    }

    func stop() {
        condition.withLock {
            isStopped = true
            condition.signal()
        }
    }

    /// Waits for a job; nil once stopped and empty.
    func next() -> (@Sendable () -> Void)? {
        condition.withLock {
            while waiting.isEmpty, !isStopped { condition.wait() }
            return waiting.isEmpty ? nil : waiting.removeFirst()
        }
    }
}

/// The detector for asynchronous callers: its work is done on a ``DetectionThread``.
package actor DetectionService {
    private let thread: DetectionThread
    private let detector: Detector

    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// The model as results name it.
    package nonisolated let model: ModelIdentity

    /// A service on a thread of its own.
    package init(_ detector: Detector) {
        self.detector = detector
        model = detector.model
        thread = DetectionThread()
    }

    /// ``Detector/analyse(file:)`` on the service's thread.
    package func analyse(file: String) throws -> ImageAnalysis { try detector.analyse(file: file) }
}
