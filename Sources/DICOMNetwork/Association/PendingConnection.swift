import DCMTKBridge
import Glibc

/// A connection without an association.
struct PendingConnection {
    let descriptor: Int32
    let peer: PeerAddress
    var deadline: ContinuousClock.Instant
    var accumulator: AssociateRequestAccumulator
    /// Whether our last word has been sent, and only the peer's close is awaited (PS3.8 9.1.5, ARTIM).
    var isClosing = false

    /// Reads what is there of the A-ASSOCIATE-RQ; nil when the peer has closed.
    mutating func readRequest() -> AssociateRequestAccumulator.Progress? {
        let wanted = min(accumulator.wanted, 65536)
        return withUnsafeTemporaryAllocation(byteCount: wanted, alignment: 1) { buffer in
            switch StreamSocket.read(descriptor, into: buffer) {
            case .bytes(let count): accumulator.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            case .wouldBlock: .incomplete
            case .ended: nil
            }
        }
    }

    /// Reads and throws away.
    ///
    /// - Returns: whether the peer has closed.
    func discard() -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) {
            StreamSocket.read(descriptor, into: $0) == .ended
        }
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
