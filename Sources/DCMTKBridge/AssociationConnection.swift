import CDCMTKShims

/// What a message is made of (PS3.7 6.3.1).
package enum MessagePart: Sendable {
    /// The command set.
    case command
    /// The data set.
    case dataSet
}

/// A piece of a command set or data set, as it came in one presentation data value.
package struct MessageFragment {
    /// The presentation context that it came on.
    package let contextID: UInt8
    /// Whether the command set or data set ends here.
    package let isLast: Bool
    /// In DCMTK's receive buffer: valid during the call only.
    package let bytes: UnsafeRawBufferPointer
}

/// What to do after a fragment.
package enum FragmentAnswer: Sendable {
    /// Go on.
    case next
    /// Read the rest of this command set or data set and throw it away.
    case drain
    /// Stop at once. The association must be aborted.
    case leave
}

/// The two ends of an association have this in common: fragments go and come, and it can be broken off. Frees DCMTK's
/// association when it goes; the connection is closed then.
/// Not Sendable: the thread that makes an association is the one that uses it, to its end.
package struct AssociationConnection: ~Copyable {
    let handle: OpaquePointer

    init(owning handle: OpaquePointer) { self.handle = handle }

    deinit { cdcmtk_association_destroy(handle) }

    /// The largest PDU that the peer takes, 0 for no limit.
    package var peerMaximumPDULength: UInt32 {
        var length: UInt32 = 0
        return cdcmtk_association_peer_max_pdu(handle, &length, nil) == CDCMTK_OK ? length : 0
    }

    /// All proposed contexts in the order of the request.
    package func presentationContexts() throws(DCMTKError) -> [PresentationContext] {
        var contexts: [PresentationContext] = []
        try withUnsafeMutablePointer(to: &contexts) { target throws(DCMTKError) in
            try calling { error in
                cdcmtk_association_contexts(
                    handle,
                    { context, seen in
                        guard let context, let seen else { return 1 }
                        let list = context.assumingMemoryBound(to: [PresentationContext].self)
                        list.pointee.append(PresentationContext(seen.pointee))
                        return 0
                    }, target, error)
            }
        }
        return contexts
    }

    /// Blocks until something has come from the peer.
    ///
    /// - Parameter wakeDescriptor: a file descriptor that ends the wait when it is readable or hung up; -1 for none.
    /// - Throws: kind `stopped` when woken by it, `timeout`, `aborted`.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package func wait(wakeDescriptor: Int32, timeout: Duration) throws(DCMTKError) {
        try calling { cdcmtk_association_wait(handle, wakeDescriptor, timeout.milliseconds, $0) }
    }

    /// Receives a whole command set or data set, fragment by fragment; blocks. A command set must come whole in the time, a
    /// data set make progress (see ``AssociationOptions/leastProgress``).
    ///
    /// - Throws: kind `released` when A-RELEASE-RQ came instead, `aborted`, `timeout`, `stopped` when the sink did not
    ///   want it all, `failed` when the peer broke the protocol.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package func receive(
        _ part: MessagePart, timeout: Duration, sink: (MessageFragment) -> FragmentAnswer
    ) throws(DCMTKError) {
        // The box lives on this frame for as long as the call lasts, and the callback is made on this thread.
        var error = cdcmtk_error()
        let status = withoutActuallyEscaping(sink) { escaping in
            withUnsafePointer(to: FragmentSink(body: escaping)) { box in
                cdcmtk_association_receive(
                    handle, part == .command ? 1 : 0, timeout.milliseconds, forwardFragment,
                    UnsafeMutableRawPointer(mutating: box), &error)
            }
        }
        guard status == CDCMTK_OK else { throw DCMTKError(status: status, error: error) }
    }

    /// Sends a piece of a command set or data set; blocks. All pieces but the last have an even length.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package func send(
        _ part: MessagePart, contextID: UInt8, bytes: UnsafeRawBufferPointer, isLast: Bool = true
    ) throws(DCMTKError) {
        try calling { error in
            cdcmtk_association_send(
                handle, contextID, part == .command ? 1 : 0, isLast ? 1 : 0,
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, error)
        }
    }

    /// Sends A-ABORT and waits a moment for the peer to close. Errors do not matter any more.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package func abort() { _ = cdcmtk_association_abort(handle, nil) }

    /// The right to break this association off from another thread.
    package func interrupter() throws(DCMTKError) -> AssociationInterrupter {
        var made: OpaquePointer?
        try calling { cdcmtk_association_interrupter(handle, &made, $0) }
        return try AssociationInterrupter(owning: owned(made))
    }
}

private struct FragmentSink {
    let body: (MessageFragment) -> FragmentAnswer
}

private func forwardFragment(
    _ context: UnsafeMutableRawPointer?, _ fragment: UnsafePointer<cdcmtk_fragment>?
) -> cdcmtk_fragment_answer {
    guard let context, let fragment = fragment?.pointee else { return CDCMTK_FRAGMENT_LEAVE }
    let sink = context.assumingMemoryBound(to: FragmentSink.self).pointee
    let answer = sink.body(
        MessageFragment(
            contextID: fragment.context_id, isLast: fragment.is_last != 0,
            bytes: UnsafeRawBufferPointer(start: fragment.bytes, count: fragment.length)))
    switch answer {
    case .next: return CDCMTK_FRAGMENT_NEXT
    case .drain: return CDCMTK_FRAGMENT_DRAIN
    case .leave: return CDCMTK_FRAGMENT_LEAVE
    }
}

/// Breaks an association off from another thread, with shutdown(2): what blocks in it returns with `aborted`. It may
/// outlive the association, and then does nothing.
///
/// `@unchecked Sendable`: what it holds is C++'s shared pointer to the association's channel, and never changes. `interrupt`
/// takes the channel's lock, behind which the connection withdraws its descriptor before it closes it; the pointer goes with
/// the last reference to this object.
package final class AssociationInterrupter: @unchecked Sendable {
    private let handle: OpaquePointer

    init(owning handle: OpaquePointer) { self.handle = handle }

    deinit { cdcmtk_interrupter_destroy(handle) }

    /// From any thread, any number of times.
    package func interrupt() { cdcmtk_interrupter_interrupt(handle) }
}

/// A handle that a successful call must have filled in.
func owned(_ handle: OpaquePointer?) throws(DCMTKError) -> OpaquePointer {
    guard let handle else { throw DCMTKError(status: CDCMTK_FAILED, error: cdcmtk_error()) }
    return handle
}

extension DCMTKError {
    /// Whether an `aborted` came of a broken or closed connection rather than of an A-ABORT .
    package var isConnectionLost: Bool { kind == .aborted && code == UInt16(CDCMTK_CONNECTION_LOST) }
}
