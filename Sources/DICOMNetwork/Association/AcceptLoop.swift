import DCMTKBridge
import Glibc

/// The work of the thread "dicom-accept".
///
/// `@unchecked Sendable`: made by one thread and handed to another, which alone runs it.
final class AcceptLoop: @unchecked Sendable {
    /// A connection without an association.
    private struct Pending {
        let descriptor: Int32
        let peer: PeerAddress
        var deadline: ContinuousClock.Instant
        var accumulator: AssociateRequestAccumulator
        /// Whether our last word has been sent, and only the peer's close is awaited (PS3.8 9.1.5, ARTIM).
        var isClosing = false
    }

    private let listener: AssociationListener
    private let listeningSocket: Int32
    /// In the order in which they came.
    private var pending: [Pending] = []
    /// Until then no connection is taken: the system had no descriptor left.
    private var pauseEnd: ContinuousClock.Instant?

    init(listener: AssociationListener, listeningSocket: Int32) {
        self.listener = listener
        self.listeningSocket = listeningSocket
    }

    private var configuration: ListenerConfiguration { listener.configuration }

    /// Until the listener stops.
    func run() {
        defer {
            close(listeningSocket)
            for connection in pending { close(connection.descriptor) }
        }
        while true {
            var descriptors = [
                pollfd(fd: listener.stopDescriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: pauseEnd == nil ? listeningSocket : -1, events: Int16(POLLIN), revents: 0),
            ]
            descriptors += pending.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            let ready = poll(&descriptors, nfds_t(descriptors.count), timeout())
            if ready < 0, errno != EINTR { usleep(100_000) }  // out of memory: nothing else can make it fail
            if descriptors[0].revents != 0 { return }
            let now = ContinuousClock.now
            if let end = pauseEnd, now >= end { pauseEnd = nil }
            readPending(ready > 0 ? descriptors.dropFirst(2).map { $0.revents != 0 } : [])
            dropLate(now)
            if ready > 0, descriptors[1].revents != 0 { acceptAll() }
        }
    }

    /// Milliseconds until the next deadline.
    private func timeout() -> Int32 {
        let times = pending.map(\.deadline) + [pauseEnd].compactMap { $0 }
        guard let next = times.min() else { return -1 }
        let left = ContinuousClock.now.duration(to: next)
        let (seconds, attoseconds) = left.components
        return Int32(clamping: max(0, seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1))
    }

    private func acceptAll() {
        while true {
            do {
                guard let (descriptor, peer) = try StreamSocket.accept(listeningSocket) else { return }
                if pending.count >= configuration.maximumPendingConnections { drop(0, .evicted) }
                pending.append(
                    Pending(
                        descriptor: descriptor, peer: peer, deadline: .now + configuration.requestTimeout,
                        accumulator: AssociateRequestAccumulator(maximumLength: configuration.maximumRequestLength)))
            } catch {
                // No descriptor or no memory. The oldest of the waiting gives its own back; without one, associations
                // hold them all, and the kernel keeps the connection for us.
                if pending.isEmpty {
                    pauseEnd = .now + .milliseconds(100)
                    return
                }
                drop(0, .evicted)
            }
        }
    }

    private func readPending(_ isReady: [Bool]) {
        // From the end, so that what goes leaves the places before it as they are.
        for index in isReady.indices.reversed() where isReady[index] {
            if pending[index].isClosing { discard(index) } else { read(index) }
        }
        while pending.reduce(0, { $0 + $1.accumulator.bytes.count }) > configuration.maximumPendingBytes {
            drop(0, .evicted)
        }
    }

    /// After our last word: read on, so that our close does not destroy what the peer has not read yet.
    private func discard(_ index: Int) {
        let transfer = withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) {
            StreamSocket.read(pending[index].descriptor, into: $0)
        }
        if transfer == .ended { remove(index) }
    }

    private func read(_ index: Int) {
        let descriptor = pending[index].descriptor
        let wanted = min(pending[index].accumulator.wanted, 65536)
        let progress: AssociateRequestAccumulator.Progress? = withUnsafeTemporaryAllocation(
            byteCount: wanted, alignment: 1
        ) { buffer in
            switch StreamSocket.read(descriptor, into: buffer) {
            case .bytes(let count):
                pending[index].accumulator.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            case .wouldBlock: .incomplete
            case .ended: nil
            }
        }
        switch progress {
        case nil: drop(index, .closedByPeer)
        case .incomplete: break
        case .notARequest: abort(index, .unrecognizedPDU, .notARequest)
        case .tooLong: abort(index, .invalidParameterValue, .malformed)
        case .complete: decide(index)
        }
    }

    /// A whole A-ASSOCIATE-RQ is there.
    private func decide(_ index: Int) {
        let connection = pending[index]
        guard let request = try? AssociateRequestPDU(parsing: connection.accumulator.bytes) else {
            abort(index, .invalidParameterValue, .malformed)
            return
        }
        if request.protocolVersion & 1 == 0 { return reject(index, .protocolVersionNotSupported) }
        if request.applicationContextName != AssociateRequestPDU.dicomApplicationContextName {
            return reject(index, .applicationContextNameNotSupported)
        }
        let question = AssociationRequest(
            callingAETitle: request.callingAETitle, calledAETitle: request.calledAETitle, peer: connection.peer)
        switch listener.policy.decide(question) {
        case .reject(let rejection):
            reject(index, rejection)
        case .accept(let terms):
            guard let place = listener.active.enter(peer: connection.peer, terms: terms) else {
                return reject(index, .localLimitExceeded)
            }
            let isServed = listener.serve(
                socket: connection.descriptor, peer: connection.peer, pdu: connection.accumulator.bytes,
                request: request, terms: terms, place: place)
            guard isServed else {
                listener.active.leave(place)
                return reject(index, .temporaryCongestion)
            }
            pending.remove(at: index)
        }
    }

    private func reject(_ index: Int, _ rejection: AssociationRejection) {
        listener.observer.observe(.rejected(pending[index].peer, rejection))
        say(index, UpperLayerPDU.associateReject(rejection))
    }

    private func abort(_ index: Int, _ reason: UpperLayerPDU.AbortReason, _ drop: ConnectionDropReason) {
        listener.observer.observe(.dropped(pending[index].peer, drop))
        say(index, UpperLayerPDU.abort(reason))
    }

    /// Sends our last word and waits for the peer to close.
    private func say(_ index: Int, _ bytes: [UInt8]) {
        StreamSocket.write(pending[index].descriptor, bytes)
        pending[index].isClosing = true
        pending[index].deadline = .now + configuration.options.artimTimeout
        pending[index].accumulator = AssociateRequestAccumulator(maximumLength: 0)
    }

    private func dropLate(_ now: ContinuousClock.Instant) {
        for index in pending.indices.reversed() where pending[index].deadline <= now {
            drop(index, .slow)
        }
    }

    private func drop(_ index: Int, _ reason: ConnectionDropReason) {
        let connection = pending[index]
        if !connection.isClosing { listener.observer.observe(.dropped(connection.peer, reason)) }
        remove(index)
    }

    private func remove(_ index: Int) {
        close(pending[index].descriptor)
        pending.remove(at: index)
    }
}
