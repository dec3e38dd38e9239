import DCMTKBridge
import DICOMCore

/// How an association ended.
package enum AssociationOutcome: Sendable, Equatable, CustomStringConvertible {
    /// The peer released it: all that it wanted to send has been sent.
    case released
    /// Nothing came for the idle time; we aborted.
    case idle
    /// The node stops; we aborted after the message in progress.
    case stopped
    /// It broke.
    case failed(AssociationError)

    /// In words.
    package var description: String {
        switch self {
        case .released: "released"
        case .idle: "aborted by us: idle for too long"
        case .stopped: "aborted by us: the node stops"
        case .failed(let error): "failed: \(error)"
        }
    }
}

/// What passed over an association.
package struct AssociationCounts: Sendable, Equatable {
    /// C-STORE requests that were answered with Success or a warning.
    package var stored = 0
    /// C-STORE requests that were answered with a failure.
    package var refused = 0
    /// C-ECHO requests.
    package var echoes = 0
    /// Bytes of data sets received.
    package var dataSetBytes: Int64 = 0

    /// Nothing yet.
    package init() {}
}

/// Why a connection was dropped before there was an association.
package enum ConnectionDropReason: String, Sendable {
    /// The whole A-ASSOCIATE-RQ did not come in time.
    case slow = "no whole A-ASSOCIATE-RQ in time"
    /// The first PDU was something else.
    case notARequest = "the first bytes are no A-ASSOCIATE-RQ"
    /// The A-ASSOCIATE-RQ makes no sense, or is too long.
    case malformed = "malformed A-ASSOCIATE-RQ"
    /// A DICOM peer without TLS has called the TLS port.
    case plainOnTLSPort = "an A-ASSOCIATE-RQ without TLS on the port for TLS"
    /// The first byte on the TLS port begins no handshake.
    case noClientHello = "the first byte on the port for TLS begins no handshake"
    /// A TLS peer has called the other port.
    case tlsOnPlainPort = "a TLS handshake on the port without TLS"
    /// The handshake was not over in time.
    case slowHandshake = "the TLS handshake was not over in time"
    /// The peer closed.
    case closedByPeer = "closed before the A-ASSOCIATE-RQ was whole"
    /// Too many connections waited; this was the oldest.
    case evicted = "evicted: too many connections without an association"
    /// DCMTK, or the system, could not take it up.
    case failed = "could not be taken up"
}

/// What a listener tells. No case holds anything that a peer typed.
package enum AssociationEvent: Sendable {
    /// A connection never became an association.
    case dropped(PeerAddress, ConnectionDropReason)
    /// There is no TLS with that peer.
    case handshakeFailed(PeerAddress, TLSHandshakeError)
    /// A-ASSOCIATE-RJ was sent.
    case rejected(PeerAddress, AssociationRejection, RejectionCause?)
    /// A-ASSOCIATE-AC was sent; how many of the proposed contexts were accepted.
    case opened(AssociationContext, accepted: Int, proposed: Int)
    /// A request was answered.
    case answered(AssociationContext, CommandField, DIMSEStatus)
    /// The association has ended.
    case closed(AssociationContext, AssociationOutcome, AssociationCounts)
}

/// Gets a listener's events, on the threads where they happen: it must be quick.
package protocol AssociationObserver: Sendable {
    /// Called from several threads at once.
    func observe(_ event: AssociationEvent)
}
