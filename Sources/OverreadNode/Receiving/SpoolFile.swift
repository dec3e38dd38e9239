import Foundation
import Glibc

/// What a file system call said no to.
package struct SpoolError: Error, Equatable, CustomStringConvertible {
    /// The call, by its own name.
    package let call: String
    /// errno.
    package let code: Int32

    /// Whether the disk, or the quota, has no room: the sender may try again later (A700).
    package var isOutOfSpace: Bool { code == ENOSPC || code == EDQUOT }
    /// Call and error text; no path.
    package var description: String { "\(call): \(String(cString: strerror(code)))" }
}

/// One spool file while it is written: under its final name from the start, synced, and only then committed by a row. A
/// file without a row is nothing that was answered for, and is removed at the next start.
///
/// A new file needs two barriers: its own, and its folder's. One that was made ahead (``SpareFiles``) is in its folder
/// durably already and is written over blocks that it has, so that one `fdatasync` is enough, with nothing in it for the
/// file system's journal. What it has too much is cut off after that, unsynced: after a power failure the next start does it (``SpoolRecovery``).
///
/// Used by one thread. After a failed sync the descriptor is never used again: the kernel may have dropped the pages and
/// cleared the error (DESIGN.md, "de-identify before anything is stored").
package final class SpoolFile {
    /// The instance that the file is for; random, ours.
    package let instanceID: String
    /// Path below the spool folder.
    package let relativePath: String
    /// Bytes written so far.
    package private(set) var byteCount = 0

    private let path: String
    private let folder: String
    private var descriptor: Int32
    /// Bytes that the file had durably before anything was written; 0 for a new file.
    private let madeAhead: Int
    private var pending: [UInt8] = []
    private static let pendingLimit = 64 * 1024

    /// Opens a file of the spool.
    ///
    /// - Parameter madeAhead: the size of a durable file that is there; nil makes one that must not be there.
    init(in folder: SpoolFolder, instanceID: String, madeAhead: Int? = nil) throws(SpoolError) {
        self.instanceID = instanceID
        self.relativePath = SpoolFolder.relativePath(instanceID)
        self.path = folder.path(relativePath)
        self.folder = folder.root + "/" + relativePath.prefix { $0 != "/" }
        self.madeAhead = madeAhead ?? 0
        let creation = madeAhead == nil ? O_CREAT | O_EXCL : 0
        self.descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | creation, 0o600)
        guard descriptor >= 0 else { throw SpoolError(call: "open", code: errno) }
    }

    deinit { if descriptor >= 0 { discard() } }

    /// Appends bytes; small pieces are gathered, large ones go to the kernel at once.
    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        byteCount += bytes.count
        if pending.count + bytes.count < Self.pendingLimit {
            pending.append(contentsOf: bytes)
            return
        }
        try flush()
        if bytes.count < Self.pendingLimit {
            pending.append(contentsOf: bytes)
        } else {
            try writeAll(bytes, to: descriptor)
        }
    }

    /// Appends bytes of an array.
    package func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { buffer in try write(buffer) }
    }

    /// Makes the file and its name durable. After an error the file is gone.
    package func commit() throws {
        do {
            try flush()
            try sync()
            close(descriptor)
            descriptor = -1
        } catch {
            discard()
            throw error
        }
    }

    private func sync() throws(SpoolError) {
        guard madeAhead > 0 else {
            guard fsync(descriptor) == 0 else { throw SpoolError(call: "fsync", code: errno) }
            return try SpoolFolder.syncFolder(folder)
        }
        // A file that outgrew what was made ahead has its new size and blocks synced with the data.
        guard fdatasync(descriptor) == 0 else { throw SpoolError(call: "fdatasync", code: errno) }
        guard byteCount >= madeAhead || ftruncate(descriptor, byteCount) == 0 else {
            throw SpoolError(call: "ftruncate", code: errno)
        }
    }

    /// Closes and removes the file; used when its instance is refused.
    package func discard() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        unlink(path)
    }

    private func flush() throws {
        if pending.isEmpty { return }
        // The closure only lends the array's storage to write(2).
        try pending.withUnsafeBytes { buffer in try writeAll(buffer, to: descriptor) }
        pending.removeAll(keepingCapacity: true)
    }
}
