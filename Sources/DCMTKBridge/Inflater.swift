import CDCMTKShims

/// Inflates a deflated data set (PS3.5 A.5) as it comes. What it inflates to is given on in pieces and never held: who
/// takes it bounds it.
///
/// One owner, one thread at a time.
package final class Inflater {
    private let handle: OpaquePointer?

    /// At the start of a stream.
    package init() {
        var handle: OpaquePointer?
        self.handle = cdcmtk_inflater_create(&handle, nil) == CDCMTK_OK ? handle : nil
    }

    deinit { cdcmtk_inflater_destroy(handle) }

    /// Inflates the next bytes and gives the result to `body`, which may be called any number of times.
    ///
    /// - Throws: ``DCMTKError`` for what is no deflated stream, or what `body` throws.
    package func consume(
        _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        // The box lives on this frame for as long as the call lasts, and the callback is made on this thread.
        try withoutActuallyEscaping(body) { escaping in
            var sink = InflatedSink(body: escaping)
            do {
                try calling { error in
                    withUnsafeMutablePointer(to: &sink) { box in
                        cdcmtk_inflater_consume(
                            handle, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count,
                            forwardInflated, box, error)
                    }
                }
            } catch {
                throw sink.failure ?? error
            }
        }
    }

    /// To be called after the last bytes. Throws when the stream is cut short.
    package func finish() throws(DCMTKError) {
        guard cdcmtk_inflater_has_ended(handle) != 0 else {
            throw DCMTKError(status: CDCMTK_FAILED, error: cdcmtk_error())
        }
    }
}

private struct InflatedSink {
    let body: (UnsafeRawBufferPointer) throws -> Void
    var failure: (any Error)?
}

private func forwardInflated(
    _ context: UnsafeMutableRawPointer?, _ bytes: UnsafePointer<UInt8>?, _ count: Int
) -> Int32 {
    guard let sink = context?.assumingMemoryBound(to: InflatedSink.self) else { return 1 }
    do {
        try sink.pointee.body(UnsafeRawBufferPointer(start: bytes, count: count))
        return 0
    } catch {
        sink.pointee.failure = error
        return 1
    }
}
