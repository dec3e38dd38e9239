import Dispatch
import Foundation
import Glibc
import Synchronization

/// A thread of its own for what blocks: runs the jobs of the actors that name it as their executor, one at a time, in the
/// order in which they come. Swift's cooperative pool never waits for a model.
package final class DetectionThread: SerialExecutor {
    private let jobs: JobQueue

    /// Starts the thread; it ends after the executor is gone.
    ///
    /// - Parameter name: The thread's name, as `ps -L` shows it (15 characters).
    /// - Throws: ``ModelError`` of code `engine` when the system gives no thread.
    package init(name: String = "detection") throws(ModelError) {
        jobs = JobQueue(name: name)
        // A POSIX thread and not Foundation's, whose names come and go on Linux. The queue is handed over by one retain,
        // which the thread takes back.
        let context = Unmanaged.passRetained(jobs)
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<JobQueue>.fromOpaque(context).takeRetainedValue().work()
                return nil
            }, context.toOpaque())
        guard status == 0 else {
            context.release()
            throw ModelError(.engine, file: name, "the system gives no thread: \(String(cString: strerror(status)))")
        }
        pthread_detach(thread)
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

/// The jobs that wait.
private final class JobQueue: Sendable {
    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var isStopped = false
    }

    private let name: String
    private let state = Mutex(State())
    /// Raised once for each job, and once for the stop.
    private let changes = DispatchSemaphore(value: 0)

    init(name: String) { self.name = name }

    /// The thread's life: names itself, then does the jobs as they come.
    func work() {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        if file >= 0 {
            _ = write(file, name, min(15, name.utf8.count))
            close(file)
        }
        while let job = next() { job() }
    }

    func append(_ job: @escaping @Sendable () -> Void) {
        state.withLock { $0.waiting.append(job) }
        changes.signal()
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        changes.signal()
    }

    /// Waits for a job; nil once stopped and empty.
    private func next() -> (@Sendable () -> Void)? {
        while true {
            changes.wait()
            let (job, isStopped) = state.withLock { state in
                (state.waiting.isEmpty ? nil : state.waiting.removeFirst(), state.isStopped)
            }
            if let job { return job }
            if isStopped { return nil }
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
    ///
    /// - Throws: ``ModelError`` of code `engine` when the system gives no thread.
    package init(_ detector: Detector) throws(ModelError) {
        self.detector = detector
        model = detector.model
        thread = try DetectionThread()
    }

    /// ``Detector/analyse(file:)`` on the service's thread.
    package func analyse(file: String) throws -> ImageAnalysis { try detector.analyse(file: file) }
}
