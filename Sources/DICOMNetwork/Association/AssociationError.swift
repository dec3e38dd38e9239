import DCMTKBridge

/// Why an association could not be had, or came to an early end. Holds nothing that a peer typed.
package enum AssociationError: Error, Equatable, CustomStringConvertible {
    /// There is no connection to the peer: nobody listens, no route, no such host.
    case unreachable
    /// The peer does not want the association.
    case rejected(AssociationRejection)
    /// The peer sent A-ABORT.
    case aborted
    /// The connection broke, or was shut down from our side by an interrupter.
    case connectionLost
    /// The peer released the association where something else was due.
    case released
    /// Nothing came in time, or the peer did not take what we sent.
    case timeout
    /// The peer broke the protocol, in one of our own words.
    case protocolViolation(String)
    /// The peer has accepted no presentation context for what we want to send.
    case contextNotAccepted
    /// DCMTK failed in another way.
    case failed(DCMTKError)

    init(_ error: DCMTKError) {
        self =
            switch error.kind {
            case .unreachable: .unreachable
            case .timeout: .timeout
            case .released: .released
            case .aborted: error.isConnectionLost ? .connectionLost : .aborted
            default: .failed(error)
            }
    }

    init(_ error: AssociationRequestError) {
        switch error {
        case .rejected(let result, let source, let reason):
            self = .rejected(AssociationRejection(result: result, source: source, reason: reason))
        case .failed(let error):
            self = AssociationError(error)
        }
    }

    /// Whether trying again later may help: the peer is away, busy or slow.
    package var isTransient: Bool {
        switch self {
        case .unreachable, .aborted, .connectionLost, .released, .timeout: true
        case .rejected(let rejection): rejection.isTransient
        case .protocolViolation, .contextNotAccepted, .failed: false
        }
    }

    /// In words.
    package var description: String {
        switch self {
        case .unreachable: "could not connect"
        case .rejected(let rejection): "association \(rejection)"
        case .aborted: "the peer aborted the association"
        case .connectionLost: "the connection is lost"
        case .released: "the peer released the association too early"
        case .timeout: "the peer did not answer in time"
        case .protocolViolation(let what): "the peer broke the protocol: \(what)"
        case .contextNotAccepted: "the peer accepts no presentation context for this SOP class and transfer syntax"
        case .failed(let error): "\(error)"
        }
    }
}
