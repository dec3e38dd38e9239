/// Why this node rejected, where the three numbers that the peer is told do not say it.
package enum RejectionCause: String, Error, Sendable {
    /// `max-associations` of this node.
    case limitOfNode = "max-associations of this node"
    /// Half of that, where the source has no `max-associations`.
    case limitOfHost = "as many associations as one host may have"
    /// `max-associations` of the source.
    case limitOfSource = "max-associations of the source"
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
