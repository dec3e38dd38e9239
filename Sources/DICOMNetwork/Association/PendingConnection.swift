import DCMTKBridge
import Glibc

/// A connection without an association.
struct PendingConnection {
    /// What is awaited.
    enum Stage {
        /// The first byte on the TLS port.
        case hello
        /// The TLS handshake.
        case handshake
        /// The A-ASSOCIATE-RQ.
        case request
        /// Our last word has been sent: only the peer's close (PS3.8 9.1.5, ARTIM).
        case closing
    }

    let descriptor: Int32
    let peer: PeerAddress
    var stage: Stage
    var deadline: ContinuousClock.Instant
    var accumulator: AssociateRequestAccumulator
    /// From the handshake on, where there is one.
    var tls: TLSSession?
    /// Until the handshake is over, nothing.
    var security = TransportSecurity.plain
    /// What poll(2) is to look for.
    var events = Int16(POLLIN)

    /// Reads what is there of the A-ASSOCIATE-RQ; nil when the peer has closed.
    mutating func readRequest() -> AssociateRequestAccumulator.Progress? {
        let wanted = min(accumulator.wanted, 65536)
        return withUnsafeTemporaryAllocation(byteCount: wanted, alignment: 1) { buffer in
            switch read(into: buffer) {
            case .bytes(let count): accumulator.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            case .wouldBlock: .incomplete
            case .ended: nil
            }
        }
    }

    private mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamSocket.Transfer {
        guard let tls else { return StreamSocket.read(descriptor, into: buffer) }
        let (step, count) = tls.read(into: buffer)
        events = Int16(step == .needsWrite ? POLLOUT : POLLIN)
        return switch step {
        case .done: .bytes(count)
        case .needsRead, .needsWrite: .wouldBlock
        case .ended: .ended
        }
    }

    /// Sends a last word, and from here on only waits for the peer to close.
    mutating func say(_ bytes: [UInt8], closingUntil deadline: ContinuousClock.Instant) {
        if let tls, stage == .request { tls.write(bytes) } else { StreamSocket.write(descriptor, bytes) }
        stage = .closing
        events = Int16(POLLIN)
        self.deadline = deadline
        accumulator = AssociateRequestAccumulator(maximumLength: 0)
    }

    /// Reads and throws away.
    ///
    /// - Returns: whether the peer has closed.
    func discard() -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) {
            StreamSocket.read(descriptor, into: $0) == .ended
        }
    }

    func closeConnection() {
        tls?.close()
        close(descriptor)
    }
}

extension [PendingConnection] {
    /// Which one goes when there are too many: the oldest of the address that weighs most, so that one host's flood does not
    /// drive out the others. Nil when nothing weighs anything.
    func evicted(weighing weight: (PendingConnection) -> Int) -> Int? {
        var weights: [String: Int] = [:]
        for connection in self { weights[connection.peer.host, default: 0] += weight(connection) }
        guard let heaviest = weights.values.max(), heaviest > 0 else { return nil }
        return firstIndex { weights[$0.peer.host] == heaviest }
    }
}
