import DICOMCore
import DICOMNetwork
import Logging

/// Associations in the node's log: opaque identifiers and the operator's own names only.
struct AssociationLog: AssociationObserver {
    let logger: Logger
    /// A flood of connections must not become a flood of lines.
    private let refusals = LogThrottle(interval: .seconds(1), maximumKeys: 1024)

    init(logger: Logger) { self.logger = logger }

    func observe(_ event: AssociationEvent) {
        switch event {
        case .dropped(let peer, let reason):
            warn("connection dropped", peer, reason.rawValue)
        case .handshakeFailed(let peer, let error):
            warn("TLS handshake failed", peer, "\(error)")
        case .rejected(let peer, let rejection, let cause):
            warn("association rejected", peer, "\(rejection)\(cause.map { " (\($0))" } ?? "")")
        case .opened(let context, let accepted, let proposed):
            logger.info(
                "association opened",
                metadata: [
                    "association": "\(context.id)", "source": "\(context.sourceName)", "peer": "\(context.peer)",
                    "contexts": "\(accepted)/\(proposed)", "tls": "\(context.security)",
                ])
        case .answered(let context, let field, let status):
            let level: Logger.Level = status.isStored ? .debug : .warning
            logger.log(
                level: level, "request answered",
                metadata: ["association": "\(context.id)", "command": "\(field)", "status": "\(status)"])
        case .closed(let context, let outcome, let counts):
            logger.info(
                "association closed",
                metadata: [
                    "association": "\(context.id)", "outcome": "\(outcome)", "stored": "\(counts.stored)",
                    "refused": "\(counts.refused)", "bytes": "\(counts.dataSetBytes)",
                ])
        }
    }

    private func warn(_ message: Logger.Message, _ peer: PeerAddress, _ reason: String) {
        guard let unsaid = refusals.admit("\(peer) \(reason)", at: .now) else { return }
        var metadata: Logger.Metadata = ["peer": "\(peer)", "reason": "\(reason)"]
        if unsaid > 0 { metadata["before"] = "\(unsaid)" }
        logger.warning(message, metadata: metadata)
    }
}
