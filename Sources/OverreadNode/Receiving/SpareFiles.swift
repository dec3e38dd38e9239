import Dispatch
import Foundation
import Glibc
import Synchronization

/// Spool files made ahead: zeros, synced, and in their folders durably, so that taking an instance in costs one barrier
/// for its file where a new file costs two and the search for free blocks (docs/decisions/0003).
///
/// A thread of the node makes them while nothing is received; who finds none takes a new file. They stay when the node
/// stops, and the next process goes on with them: deleting hundreds of files makes the file system slow at making new
/// ones for half a minute (ext4 passes over inodes deleted a moment ago).
final class SpareFiles: Sendable {
    /// The sizes that are made, and how much of the reserve each gets: a report or a presentation state; a slice of
    /// 512 × 512 with its header. Larger objects are bound by the disk's throughput, which zeros ahead would halve.
    private static let sizes = [(bytes: 16 << 10, share: 0.05), (bytes: 576 << 10, share: 0.95)]
    /// So long nothing must have been received before files are made.
    private static let quiet = 0.5
    /// Before the disk is asked again, when it had no room or refused.
    private static let patience = 5.0

    private static var none: [[String]] { sizes.map { _ in [] } }

    private let folder: SpoolFolder
    private let targets: [Int]
    private let keepFree: UInt64
    private let freeBytes: @Sendable () -> UInt64
    private let state: Mutex<State>
    private let stopped = DispatchSemaphore(value: 0)

    private struct State {
        /// Instance IDs, by size.
        var spares: [[String]]
        /// Files of a former process, relative paths, that are not looked at yet.
        var former: [String]
        var lastUse = Date.distantPast
    }

    /// No file is made before ``run()``.
    ///
    /// - Parameters:
    ///   - reserve: bytes that all spare files together may take; 0 makes none.
    ///   - adopting: files of the spool that begin with zeros and that no instance claims.
    ///   - keepFree: bytes of the disk that are not for spare files; below it those that are there go.
    ///   - freeBytes: the disk's; nil asks it.
    init(
        in folder: SpoolFolder, reserve: Int, adopting former: [String] = [], keepFree: UInt64,
        freeBytes: (@Sendable () -> UInt64)? = nil
    ) {
        self.folder = folder
        self.keepFree = keepFree
        self.freeBytes = freeBytes ?? { folder.freeBytes() ?? 0 }
        self.targets = Self.sizes.map { Int(Double(reserve) * $0.share) / $0.bytes }
        self.state = Mutex(State(spares: Self.none, former: former))
    }

    /// A file for an instance: a spare one that fits, or a new one, also where the spare one is not there any more. Never
    /// waits.
    ///
    /// - Parameter byteCount: how long it will be, where that is known.
    func file(for byteCount: Int?) throws(SpoolError) -> SpoolFile {
        if let (instanceID, size) = take(byteCount),
            let spare = try? SpoolFile(in: folder, instanceID: instanceID, madeAhead: size)
        {
            return spare
        }
        return try folder.create()
    }

    private func take(_ byteCount: Int?) -> (instanceID: String, size: Int)? {
        let fitting = byteCount.map { count in Self.sizes.firstIndex { $0.bytes >= count } } ?? Self.sizes.indices.last
        return state.withLock { state in
            state.lastUse = Date()
            guard let fitting, let instanceID = state.spares[fitting].popLast() else { return nil }
            return (instanceID, Self.sizes[fitting].bytes)
        }
    }

    /// How many there are, of all sizes.
    var count: Int { state.withLock { $0.spares.reduce(0) { $0 + $1.count } } }

    /// How much room they take.
    private var bytes: Int { state.withLock { zip($0.spares, Self.sizes).reduce(0) { $0 + $1.0.count * $1.1.bytes } } }

    // MARK: Making them

    /// Makes files until ``stop()``. Gives way to every other thread.
    @available(*, noasync, message: "blocks: use a thread of its own")
    func run() {
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
        while let wait = makeSome(), stopped.wait(timeout: .now() + wait) == .timedOut {}
    }

    /// Ends ``run()``.
    func stop() { stopped.signal() }

    /// Makes one file where one is wanted. Returns how long to wait before the next; nil when none will be wanted.
    private func makeSome() -> TimeInterval? {
        if let path = state.withLock({ $0.former.popLast() }) {
            adopt(path)
            return 0
        }
        if targets.allSatisfy({ $0 == 0 }) { return nil }
        let free = freeBytes()
        if free < keepFree {
            release()
            return Self.patience
        }
        // Begun only where all of them have room: on a nearly full disk they would be made and removed without end.
        let whole = zip(targets, Self.sizes).reduce(0) { $0 + $1.0 * $1.1.bytes }
        guard free + UInt64(bytes) >= keepFree + UInt64(whole) else { return Self.patience }
        let wanted = state.withLock { state in
            -state.lastUse.timeIntervalSinceNow < Self.quiet
                ? nil : targets.indices.first { state.spares[$0].count < targets[$0] }
        }
        guard let wanted else { return Self.quiet }
        guard let instanceID = try? make(bytes: Self.sizes[wanted].bytes) else { return Self.patience }
        state.withLock { $0.spares[wanted].append(instanceID) }
        return 0
    }

    /// Takes over a file of a former process if it is one of ours as it was made, and removes it otherwise: what was begun
    /// in it was answered for by nobody.
    private func adopt(_ path: String) {
        let instanceID = path.split(separator: "/").last?.split(separator: ".").first.map(String.init) ?? ""
        // Its size first: what a power failure left of a large object is not read.
        if let size = Self.sizes.firstIndex(where: { $0.bytes == folder.size(path) }),
            (try? Data(contentsOf: URL(filePath: folder.path(path)))) == Data(count: Self.sizes[size].bytes),
            SpoolFolder.isInstanceID(instanceID), SpoolFolder.relativePath(instanceID) == path,
            (try? folder.sync(path)) != nil
        {
            let isTaken = state.withLock { state in
                let isWanted = state.spares[size].count < targets[size]
                if isWanted { state.spares[size].append(instanceID) }
                return isWanted
            }
            if isTaken { return }
        }
        unlink(folder.path(path))
    }

    private func make(bytes: Int) throws -> String {
        let file = try folder.create()
        let zeros = [UInt8](repeating: 0, count: min(bytes, 64 << 10))
        for _ in 0..<(bytes / zeros.count) { try file.write(zeros) }
        try file.commit()
        return file.instanceID
    }

    private func release() {
        let left = state.withLock { state in
            defer { state.spares = Self.none }
            return state.spares.flatMap { $0 }
        }
        for instanceID in left { unlink(folder.path(SpoolFolder.relativePath(instanceID))) }
    }
}
