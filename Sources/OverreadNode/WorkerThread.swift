import Foundation

/// A named thread for work that blocks: Swift's cooperative pool never waits for a disk, a model or a peer.
final class WorkerThread: Sendable {
    private let finished: DispatchGroup

    /// Starts the thread.
    init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let finished = DispatchGroup()
        self.finished = finished
        finished.enter()
        let thread = Thread {
            body()
            finished.leave()
        }
        thread.name = name
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Whether it has ended.
    var isFinished: Bool { finished.wait(timeout: .now()) == .success }

    /// Waits for the thread's end. False when the time is over first.
    @available(*, noasync, message: "blocks: call it from a thread")
    func join(seconds: Double) -> Bool { finished.wait(timeout: .now() + seconds) == .success }
}
