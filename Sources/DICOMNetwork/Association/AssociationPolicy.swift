import DICOMCore

/// Where a connection comes from, as the socket tells it.
package struct PeerAddress: Hashable, Sendable, CustomStringConvertible {
    /// An IPv4 address in dotted form.
    package let host: String
    /// The peer's own port.
    package let port: UInt16

    /// An address.
    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// The address alone: the port is an accident.
    package var description: String { host }
}

/// What a policy is asked about.
package struct AssociationRequest: Sendable {
    /// Nil when what the peer sent is no AE title.
    package let callingAETitle: AETitle?
    /// Nil when what the peer sent is no AE title.
    package let calledAETitle: AETitle?
    /// Where the connection comes from.
    package let peer: PeerAddress
    /// How it is protected.
    package let security: TransportSecurity

    /// A request.
    package init(
        callingAETitle: AETitle?, calledAETitle: AETitle?, peer: PeerAddress, security: TransportSecurity = .plain
    ) {
        self.callingAETitle = callingAETitle
        self.calledAETitle = calledAETitle
        self.peer = peer
        self.security = security
    }
}

/// On which terms a source gets its association.
package struct AssociationTerms: Sendable {
    /// The name of the source's entry in the configuration: the policy's own text, safe to print.
    package let sourceName: String
    /// How many associations this source may have at once; nil for the listener's limit.
    package var maximumAssociations: Int?
    /// Which transfer syntaxes are accepted for storage, preferred first.
    package var transferSyntaxes: [TransferSyntax]
    /// Whether a storage SOP class is negotiated with this source (`other-objects = refuse`).
    package var acceptsStorage: @Sendable (SOPClassUID) -> Bool
    /// Whether storage commitment is negotiated with this source (`commitment-requests = on`).
    package var acceptsCommitment: Bool

    /// Terms that accept everything that the node can store, unless told otherwise.
    package init(
        sourceName: String, maximumAssociations: Int? = nil,
        transferSyntaxes: [TransferSyntax] = TransferSyntax.received,
        acceptsStorage: @escaping @Sendable (SOPClassUID) -> Bool = { _ in true }, acceptsCommitment: Bool = false
    ) {
        self.sourceName = sourceName
        self.maximumAssociations = maximumAssociations
        self.transferSyntaxes = transferSyntaxes
        self.acceptsStorage = acceptsStorage
        self.acceptsCommitment = acceptsCommitment
    }
}

/// What a policy answers.
package enum AssociationDecision: Sendable {
    /// The association is taken up.
    case accept(AssociationTerms)
    /// It is rejected, with the reason that the peer is told, and the one that the log is.
    case reject(AssociationRejection, RejectionCause? = nil)
}

/// Decides who may talk to this node. The application context name and the protocol version have been checked before.
package protocol AssociationPolicy: Sendable {
    /// Called on the thread that accepts connections: it must not block, so host names are resolved beforehand.
    func decide(_ request: AssociationRequest) -> AssociationDecision
}

/// An association as the services, the log and the metrics know it. Holds nothing that the peer typed.
package struct AssociationContext: Sendable, Hashable {
    /// Opaque and, as good as, unique over restarts: "a-" and hexadecimal digits.
    package let id: String
    /// The name of the source in the configuration.
    package let sourceName: String
    /// Where it comes from.
    package let peer: PeerAddress
    /// How it is protected.
    package let security: TransportSecurity

    /// A context; tests make their own.
    package init(id: String, sourceName: String, peer: PeerAddress, security: TransportSecurity = .plain) {
        self.id = id
        self.sourceName = sourceName
        self.peer = peer
        self.security = security
    }
}
