import Foundation
import GRDB
import Synchronization

/// How long a log file gets before the next one is begun, and how many old ones stay.
package struct QueueLogRotation: Hashable, Sendable {
    /// Bytes; nil: any size.
    package var maximumBytes: Int?
    /// From a file's first line to its last; nil: any time.
    package var maximumAge: Duration?
    /// Old files of each form that stay: `queue.log.1` is the newest.
    package var kept: Int

    /// Limits. None by themselves.
    package init(maximumBytes: Int? = nil, maximumAge: Duration? = nil, kept: Int = 10) {
        self.maximumBytes = maximumBytes
        self.maximumAge = maximumAge
        self.kept = max(kept, 1)
    }
}

/// Projects event rows into `queue.log` (for eyes) and `queue.jsonl` (for programs).
///
/// The files' own last complete lines tell how far they are, so after a crash nothing is missing and nothing is twice.
/// A file that was moved away is begun anew and goes on where the old one stopped. One writer at a time may be used for
/// a folder; the value may be shared by threads, which then wait for one another.
package final class QueueLogWriter: Sendable {
    private let database: any DatabaseReader
    private let files: Mutex<[QueueLogFile]>

    /// A writer of a folder, which is made when it is missing. Nothing is written until ``catchUp()``.
    package init(_ database: any DatabaseReader, folder: URL, rotation: QueueLogRotation = QueueLogRotation()) {
        self.database = database
        files = Mutex([
            QueueLogFile(url: folder.appending(path: "queue.log"), format: .human, rotation: rotation),
            QueueLogFile(url: folder.appending(path: "queue.jsonl"), format: .json, rotation: rotation),
        ])
    }

    /// Appends what the files lack and returns the number of lines written to both. What one file does not take does not
    /// keep the other from being written. Throws `logUnwritable`, with the files still ending in a complete line if the
    /// disk allows, and `logAheadOfDatabase`; the next call goes on where this one stopped.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func catchUp() throws -> Int {
        try files.withLock { files in
            let last = try StudyListing.lastEventSequence(database)
            var written = 0
            var failure: (any Error)?
            for index in files.indices {
                do {
                    written += try files[index].catchUp(to: last, from: database)
                } catch {
                    failure = failure ?? error
                }
            }
            if let failure { throw failure }
            return written
        }
    }

    /// The number of the last event that both files have; 0 before the first ``catchUp()``.
    package var position: Int64 { files.withLock { files in files.map { $0.last ?? 0 }.min() ?? 0 } }
}

/// One file of the queue log.
struct QueueLogFile: Sendable {
    let url: URL
    let format: QueueLogFormat
    let rotation: QueueLogRotation
    /// The number of the last line written; nil until the file was looked at.
    private(set) var last: Int64?

    /// How many events are read and written at a time.
    private static let batch = 1000

    init(url: URL, format: QueueLogFormat, rotation: QueueLogRotation) {
        self.url = url
        self.format = format
        self.rotation = rotation
    }

    @available(*, noasync)
    mutating func catchUp(to end: Int64, from database: any DatabaseReader) throws -> Int {
        var position = try last ?? recover()
        last = position
        guard position <= end else {
            throw StudyQueueError(.logAheadOfDatabase, "the log is at \(position), the database at \(end)")
        }
        var written = 0
        while position < end {
            let events = try StudyListing.events(database, after: position, limit: QueueLogFile.batch)
            guard let final = events.last else { break }
            try append(events.map { format.line($0) + "\n" }.joined(), until: final.time)
            position = final.sequence
            last = position
            written += events.count
        }
        return written
    }

    /// Cuts a torn last line off and returns the number of the last complete one. A process may have ended between moving
    /// a file away and beginning the next: then the old one tells. 0 when neither does.
    private func recover() throws -> Int64 {
        let own = try recover(url)
        return own > 0 ? own : try recover(old(1))
    }

    private func recover(_ url: URL) throws -> Int64 {
        guard FileManager.default.fileExists(atPath: url.path) else { return 0 }
        do {
            let file = try FileHandle(forUpdating: url)
            defer { try? file.close() }
            return try QueueLogTail(file: file, format: format).recover()
        } catch let error as StudyQueueError {
            throw error
        } catch {
            throw StudyQueueError(.logUnwritable, "\(url.lastPathComponent) cannot be read")
        }
    }

    private func append(_ text: String, until time: Date) throws {
        do {
            if try isFull(adding: text.utf8.count, until: time) { try rotate() }
            if !FileManager.default.fileExists(atPath: url.path) {
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(), withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700])
                _ = FileManager.default.createFile(
                    atPath: url.path, contents: nil, attributes: [.posixPermissions: 0o600])
            }
            let file = try FileHandle(forUpdating: url)
            defer { try? file.close() }
            let end = try file.seekToEnd()
            do {
                try file.write(contentsOf: Data(text.utf8))
            } catch {
                // A full disk can take half a line; better none of it.
                try? file.truncate(atOffset: end)
                throw error
            }
        } catch {
            throw StudyQueueError(.logUnwritable, "\(url.lastPathComponent) cannot be written")
        }
    }

    // MARK: Rotation

    /// Whether the next lines belong into a new file. The clock is the events' own, so that a node that was stopped for a
    /// month and a machine whose clock jumps need no rule of their own.
    private func isFull(adding bytes: Int, until time: Date) throws -> Bool {
        guard let file = try? FileHandle(forReadingFrom: url) else { return false }
        defer { try? file.close() }
        let size = try file.seekToEnd()
        guard size > 0 else { return false }
        if let limit = rotation.maximumBytes, Int(size) + bytes > limit { return true }
        guard let limit = rotation.maximumAge else { return false }
        try file.seek(toOffset: 0)
        let start = String(decoding: try file.read(upToCount: 64) ?? Data(), as: UTF8.self)
        guard let begun = format.time(ofLineStart: start) else { return false }
        return time.timeIntervalSince(begun) > limit / .seconds(1)
    }

    /// Moves the file to `.1`, that one to `.2`, and drops the last. The contents are synced first: after a power failure
    /// the new file tells how far the log is, and what came before must be there.
    private func rotate() throws {
        let file = try FileHandle(forUpdating: url)
        try file.synchronize()
        try file.close()
        try? FileManager.default.removeItem(at: old(rotation.kept))
        for number in (1..<rotation.kept).reversed() where FileManager.default.fileExists(atPath: old(number).path) {
            try FileManager.default.moveItem(at: old(number), to: old(number + 1))
        }
        try FileManager.default.moveItem(at: url, to: old(1))
    }

    private func old(_ number: Int) -> URL { url.appendingPathExtension("\(number)") }
}

/// The end of a log file.
struct QueueLogTail {
    let file: FileHandle
    let format: QueueLogFormat

    /// How much is read at a time, from the end.
    private static let block: UInt64 = 65_536

    /// Cuts off what comes after the last complete line of the form, and returns that line's number. Lines of another
    /// form (a person's note) are passed over and stay.
    func recover() throws -> Int64 {
        let size = try file.seekToEnd()
        var tail: [UInt8] = []
        var start = size
        var isCut = false
        while true {
            if !isCut, let newline = tail.lastIndex(of: 0x0A) {
                try cut(start + UInt64(newline) + 1, of: size)
                tail.removeSubrange((newline + 1)...)
                isCut = true
            }
            if isCut, let sequence = lastSequence(in: tail, isWhole: start == 0) { return sequence }
            guard start > 0 else { break }
            let length = min(start, QueueLogTail.block)
            start -= length
            try file.seek(toOffset: start)
            guard let bytes = try file.read(upToCount: Int(length)), bytes.count == Int(length) else {
                throw StudyQueueError(.logUnwritable, "the log changed while it was read")
            }
            tail = Array(bytes) + tail
        }
        if !isCut { try cut(0, of: size) }
        return 0
    }

    private func cut(_ end: UInt64, of size: UInt64) throws {
        if end < size { try file.truncate(atOffset: end) }
    }

    /// The number of the last line that has one. The first line of a tail that is not the whole file may be half of
    /// one.
    private func lastSequence(in tail: [UInt8], isWhole: Bool) -> Int64? {
        let lines = tail.split(separator: 0x0A, omittingEmptySubsequences: true)
        for line in lines.dropFirst(isWhole ? 0 : 1).reversed() {
            if let sequence = format.sequence(ofLine: String(decoding: line, as: UTF8.self)) { return sequence }
        }
        return nil
    }
}
