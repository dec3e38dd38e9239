import Glibc

/// Writes all bytes, however many calls it takes.
func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws(SpoolError) {
    var rest = bytes
    while let base = rest.baseAddress, !rest.isEmpty {
        let count = write(descriptor, base, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw SpoolError(call: "write", code: count == 0 ? ENOSPC : errno) }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
}
