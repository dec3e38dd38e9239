import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The folder of received files, as the balance looks at it. It follows no link.
struct SpoolFolder {
    let url: URL

    /// The size of a regular file, nil when there is none. Throws `spoolUnreadable` when that cannot be told: a file
    /// that cannot be looked at is not a lost file.
    func size(of file: String) throws -> Int64? {
        var status = stat()
        if lstat(url.appending(path: file).path, &status) == 0 {
            return status.st_mode & S_IFMT == S_IFREG ? Int64(status.st_size) : nil
        }
        let cause = errno
        guard cause == ENOENT || cause == ENOTDIR else {
            throw StudyQueueError(.spoolUnreadable, "a spool file cannot be looked at (errno \(cause))")
        }
        return nil
    }

    /// Calls `body` with the relative path of every regular file below the folder. A missing folder has none.
    func forEachFile(_ body: (String) throws -> Void) throws {
        guard let paths = FileManager.default.enumerator(atPath: url.path) else { return }
        while let path = paths.nextObject() as? String {
            if try size(of: path) != nil { try body(path) }
        }
    }

    /// Whether a file begins with zeros where an instance has its preamble and prefix (PS3.10 7.1), and so is one that
    /// was made ahead.
    func isBlank(_ file: String) -> Bool {
        guard let start = try? read(file, from: 0, count: 132) else { return false }
        return start.count == 132 && start.allSatisfy { $0 == 0 }
    }

    /// Whether everything from `offset` on is zeros, in pieces: nobody knows how long it is.
    func isZero(_ file: String, from offset: Int64) throws -> Bool {
        let handle = try FileHandle(forReadingFrom: url.appending(path: file))
        defer { try? handle.close() }
        try handle.seek(toOffset: UInt64(offset))
        while let bytes = try handle.read(upToCount: 1 << 20), !bytes.isEmpty {
            if bytes.contains(where: { $0 != 0 }) { return false }
        }
        return true
    }

    /// Cuts a file to `size` where all that follows is zeros, durably. Whether it was cut.
    func trim(_ file: String, to size: Int64) throws -> Bool {
        guard try isZero(file, from: size) else { return false }
        let handle = try FileHandle(forWritingTo: url.appending(path: file))
        try handle.truncate(atOffset: UInt64(size))
        try handle.synchronize()
        try handle.close()
        return true
    }

    private func read(_ file: String, from offset: Int64, count: Int) throws -> Data {
        let handle = try FileHandle(forReadingFrom: url.appending(path: file))
        try handle.seek(toOffset: UInt64(offset))
        return try handle.read(upToCount: count) ?? Data()
    }

    /// Removes a file.
    func remove(_ file: String) throws {
        guard unlink(url.appending(path: file).path) == 0 || errno == ENOENT else {
            throw StudyQueueError(
                .spoolUnreadable, "a file that belongs to no instance cannot be removed (errno \(errno))")
        }
    }

    /// The instance that a file is of, by its name: what stands before the first period, when that is an instance ID.
    static func instanceID(ofFile path: some StringProtocol) -> String? {
        let name = path.split(separator: "/").last ?? ""
        let base = String(name.prefix { $0 != "." })
        return InstanceReceipt.isInstanceID(base) ? base : nil
    }
}
