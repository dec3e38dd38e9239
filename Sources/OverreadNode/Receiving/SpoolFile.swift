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

/// One spool file while it is written: created under its final name, synced, and only then committed by a row. A file
/// without a row is nothing that was answered for, and is removed at the next start.
///
/// Used by one thread. After a failed sync the descriptor is never used again: the kernel may have dropped the pages and
/// cleared the error (DESIGN.md, "de-identify before anything is stored").
package final class SpoolFile {
    /// Path below the spool folder.
    package let relativePath: String
    /// Bytes written so far.
    package private(set) var byteCount = 0

    private let path: String
    private let folder: String
    private var descriptor: Int32
    private var pending: [UInt8] = []
    private static let pendingLimit = 64 * 1024

    fileprivate init(root: String, relativePath: String) throws {
        self.relativePath = relativePath
        self.path = root + "/" + relativePath
        self.folder = root + "/" + String(relativePath.prefix { $0 != "/" })
        self.descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
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

    /// Makes file and folder entry durable: fsync of the file, then of its folder. After an error the file is gone.
    package func commit() throws {
        do {
            try flush()
            guard fsync(descriptor) == 0 else { throw SpoolError(call: "fsync", code: errno) }
            close(descriptor)
            descriptor = -1
            try SpoolFolder.syncFolder(folder)
        } catch {
            discard()
            throw error
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

/// The folder of de-identified files: `spool/<two hexadecimal digits>/<instance ID>.dcm`.
package struct SpoolFolder: Sendable {
    /// Absolute path.
    package let root: String

    /// Makes the folder and its 256 subfolders (mode 0700), durably, if they are not there.
    package init(root: String) throws {
        self.root = root
        if mkdir(root, 0o700) == 0 {
            try Self.syncFolder(root + "/..")
        } else if errno != EEXIST {
            throw SpoolError(call: "mkdir", code: errno)
        }
        var made = false
        for number in 0..<256 {
            if mkdir(root + "/" + Self.folderName(number), 0o700) == 0 {
                made = true
            } else if errno != EEXIST {
                throw SpoolError(call: "mkdir", code: errno)
            }
        }
        if made { try Self.syncFolder(root) }
    }

    /// A new file for an instance. `instanceID` is ours: lower-case hexadecimal, at least two digits.
    package func create(instanceID: String) throws -> SpoolFile {
        precondition(instanceID.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        return try SpoolFile(root: root, relativePath: "\(instanceID.prefix(2))/\(instanceID).dcm")
    }

    /// Absolute path of a file of ours.
    package func path(_ relativePath: String) -> String { root + "/" + relativePath }

    /// Bytes that the file system still has for us.
    package func freeBytes() -> UInt64 {
        var status = statvfs()
        guard statvfs(root, &status) == 0 else { return 0 }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    static func syncFolder(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SpoolError(call: "open", code: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw SpoolError(call: "fsync", code: errno) }
    }

    private static func folderName(_ number: Int) -> String {
        (number < 16 ? "0" : "") + String(number, radix: 16)
    }
}
