import Glibc

/// Reads one file after the other into memory. Files of usual size are read into one buffer, so that the pages of the
/// first serve them all; large ones are mapped, and one that shrinks meanwhile ends the program.
///
/// Used by one thread.
final class InputBuffer {
    private static let largestRead = 16 << 20

    private var buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    deinit { buffer.deallocate() }

    /// The bytes of the file, valid during the call of `body` only.
    ///
    /// - Throws: ``FileRefusal/unreadable``, and what `body` throws.
    func withBytes(of path: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileRefusal.unreadable }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw FileRefusal.unreadable
        }
        let size = Int(status.st_size)
        if size <= Self.largestRead { return try body(read(size, from: descriptor)) }
        guard let mapped = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), mapped != MAP_FAILED else {
            throw FileRefusal.unreadable
        }
        defer { munmap(mapped, size) }
        try body(UnsafeRawBufferPointer(start: mapped, count: size))
    }

    private func read(_ size: Int, from descriptor: Int32) throws -> UnsafeRawBufferPointer {
        if buffer.count < size {
            buffer.deallocate()
            buffer = .allocate(byteCount: max(size, 1 << 20), alignment: 16)
        }
        var filled = 0
        while filled < size, let base = buffer.baseAddress {
            let count = Glibc.read(descriptor, base + filled, size - filled)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw FileRefusal.unreadable }
            filled += count
        }
        return UnsafeRawBufferPointer(rebasing: buffer.prefix(size))
    }
}
