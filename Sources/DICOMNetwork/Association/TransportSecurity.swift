import DCMTKBridge

/// How a connection is protected.
package enum TransportSecurity: Hashable, Sendable, CustomStringConvertible {
    /// Not at all.
    case plain
    /// By TLS.
    ///
    /// - Parameters:
    ///   - version: "TLSv1.3"
    ///   - certificate: the client's, which leads to one that we trust; nil when it has shown none.
    case tls(version: String, certificate: CertificateFingerprint?)

    init(_ facts: TLSFacts) {
        self = .tls(
            version: facts.protocolVersion,
            certificate: facts.clientCertificate.flatMap { (bytes: [UInt8]) in CertificateFingerprint(bytes) })
    }

    /// "off", or the version.
    package var description: String {
        switch self {
        case .plain: "off"
        case .tls(let version, let certificate): certificate == nil ? version : "\(version) with certificate"
        }
    }
}

extension SourceSettings {
    /// Why a connection is not protected as this source wants it; nil when it is.
    package func objection(to security: TransportSecurity) -> RejectionCause? {
        switch (security, clientCertificate) {
        case (.tls, _) where tls == .off: .tlsNotWanted
        case (.plain, .any), (.plain, .oneOf): .tlsRequired
        case (.plain, .notAsked): tls == .required ? .tlsRequired : nil
        case (.tls, .notAsked): nil
        case (.tls(_, nil), .any), (.tls(_, nil), .oneOf): .noCertificate
        case (.tls(_, .some), .any): nil
        case (.tls(_, let certificate?), .oneOf(let allowed)):
            allowed.contains(certificate) ? nil : .otherCertificate(certificate)
        }
    }
}
