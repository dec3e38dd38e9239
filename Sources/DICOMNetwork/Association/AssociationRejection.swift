/// Why this node rejected, where the three numbers that the peer is told do not say it.
package enum RejectionCause: Error, Hashable, Sendable, CustomStringConvertible {
    /// `max-associations` of this node.
    case limitOfNode
    /// Half of that, where the source has no `max-associations`.
    case limitOfHost
    /// `max-associations` of the source.
    case limitOfSource
    /// No section has the title.
    case unknownTitle
    /// The title's section names other hosts.
    case hostNotAllowed
    /// The source may call over TLS only.
    case tlsRequired
    /// The source may not call over TLS.
    case tlsNotWanted
    /// The source has to show a certificate, and has shown none.
    case noCertificate
    /// The certificate is not the one that is bound to the title.
    case otherCertificate(CertificateFingerprint)

    /// In words. A fingerprint is what an administrator would enter, and says nothing of a patient.
    package var description: String {
        switch self {
        case .limitOfNode: "max-associations of this node"
        case .limitOfHost: "as many associations as one host may have"
        case .limitOfSource: "max-associations of the source"
        case .unknownTitle: "the title is in no section"
        case .hostNotAllowed: "the title may not call from this host"
        case .tlsRequired: "the title may call over TLS only"
        case .tlsNotWanted: "the title may not call over TLS"
        case .noCertificate: "the title has to show a certificate"
        case .otherCertificate(let fingerprint): "the title has another certificate than \(fingerprint)"
        }
    }
}

/// An A-ASSOCIATE-RJ: result, source and reason (PS3.8 9.3.4, table 9-21, 2026d).
package struct AssociationRejection: Error, Hashable, Sendable, CustomStringConvertible {
    /// 1 rejected-permanent, 2 rejected-transient.
    package let result: UInt8
    /// 1 service-user, 2 service-provider (ACSE), 3 service-provider (presentation).
    package let source: UInt8
    /// Its meaning depends on the source.
    package let reason: UInt8

    /// Any three numbers: a peer may send what the table does not hold.
    package init(result: UInt8, source: UInt8, reason: UInt8) {
        self.result = result
        self.source = source
        self.reason = reason
    }

    /// No reason given, permanent.
    package static let noReasonGiven = AssociationRejection(result: 1, source: 1, reason: 1)
    /// The application context is not DICOM's.
    package static let applicationContextNameNotSupported = AssociationRejection(result: 1, source: 1, reason: 2)
    /// The calling AE title is unknown, or may not call from where it calls.
    package static let callingAETitleNotRecognized = AssociationRejection(result: 1, source: 1, reason: 3)
    /// The called AE title is not ours.
    package static let calledAETitleNotRecognized = AssociationRejection(result: 1, source: 1, reason: 7)
    /// The peer speaks another version of the upper layer protocol.
    package static let protocolVersionNotSupported = AssociationRejection(result: 1, source: 2, reason: 2)
    /// Too busy at the moment.
    package static let temporaryCongestion = AssociationRejection(result: 2, source: 3, reason: 1)
    /// As many associations as are allowed are open already.
    package static let localLimitExceeded = AssociationRejection(result: 2, source: 3, reason: 2)

    /// Whether the peer may try again (rejected-transient).
    package var isTransient: Bool { result == 2 }

    /// The words of table 9-21.
    package var description: String {
        let cause =
            switch (source, reason) {
            case (1, 1), (2, 1): "no reason given"
            case (1, 2): "application context name not supported"
            case (1, 3): "calling AE title not recognised"
            case (1, 7): "called AE title not recognised"
            case (2, 2): "protocol version not supported"
            case (3, 1): "temporary congestion"
            case (3, 2): "local limit exceeded"
            default: "reason \(reason) of source \(source)"
            }
        return "\(isTransient ? "rejected for now" : "rejected"): \(cause)"
    }
}
