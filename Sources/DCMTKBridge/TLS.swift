import CDCMTKShims

/// Why there is no TLS: the files, or what OpenSSL makes of them.
package enum TLSContextError: Error, Equatable, CustomStringConvertible {
    /// The file of our certificate and of what leads to a root.
    case certificate
    /// The file of our private key.
    case key
    /// The key is another certificate's.
    case mismatch
    /// The file of the certificates that clients' ones must lead to.
    case trust
    /// OpenSSL lacks what the profile needs.
    case profile

    /// In words.
    package var description: String {
        switch self {
        case .certificate: "no certificate in PEM form"
        case .key: "no private key in PEM form without a password"
        case .mismatch: "the private key is not the certificate's"
        case .trust: "no trusted certificates in PEM form"
        case .profile: "OpenSSL has not what the TLS profile needs"
        }
    }
}

/// Our certificate, key and whom we trust, for any number of connections: the non-downgrading BCP 195 profile (PS3.15 B.10).
///
/// `@unchecked Sendable`: all settings are made in the initialiser, before anybody else has it. What OpenSSL itself changes in an
/// SSL_CTX afterwards (reference counts, what it remembers of a certificate) it does with atomic operations or under its own
/// locks, and there are no sessions or tickets: sharing one among threads is what an SSL_CTX is for.
package final class TLSContext: @unchecked Sendable {
    fileprivate let handle: OpaquePointer

    /// Reads the files. Without `trustFile` no client is asked for a certificate; with it each is, and may have none, but
    /// what it shows must lead to one of the file.
    package init(certificateFile: String, keyFile: String, trustFile: String?) throws(TLSContextError) {
        var made: OpaquePointer?
        do {
            try calling { cdcmtk_tls_context_create(certificateFile, keyFile, trustFile, &made, $0) }
            self.handle = try owned(made)
        } catch {
            switch error.code {
            case UInt16(CDCMTK_TLS_CERTIFICATE.rawValue): throw .certificate
            case UInt16(CDCMTK_TLS_KEY.rawValue): throw .key
            case UInt16(CDCMTK_TLS_MISMATCH.rawValue): throw .mismatch
            case UInt16(CDCMTK_TLS_TRUST.rawValue): throw .trust
            default: throw .profile
            }
        }
    }

    deinit { cdcmtk_tls_context_destroy(handle) }

    /// Until when our certificate is valid, in seconds since 1970.
    package var certificateEnd: Int64? {
        var end: Int64 = 0
        return cdcmtk_tls_context_end(handle, &end, nil) == CDCMTK_OK ? end : nil
    }
}

/// Why there was no handshake, in OpenSSL's own words, which hold nothing that a peer typed.
package struct TLSHandshakeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// "no shared cipher", "certificate has expired" and the like.
    package let description: String
}

/// What a TLS connection is.
package struct TLSFacts: Hashable, Sendable {
    /// "TLSv1.3"
    package let protocolVersion: String
    /// OpenSSL's name of the cipher suite.
    package let cipher: String
    /// SHA-256 of the client's certificate, which leads to one that we trust; nil when it has shown none.
    package let clientCertificate: [UInt8]?

    /// Facts; tests make their own.
    package init(protocolVersion: String, cipher: String, clientCertificate: [UInt8]?) {
        self.protocolVersion = protocolVersion
        self.cipher = cipher
        self.clientCertificate = clientCertificate
    }
}

/// The acceptor's end of a TLS connection, before there is an association. Nothing here blocks.
///
/// `@unchecked Sendable`: one thread calls it at a time. The accepting thread does until it has started the association's
/// thread; from then on it only drops its reference. The association's thread takes the C++ session over in
/// ``AcceptedAssociation`` and calls nothing here. The start of a thread orders the one before the other.
package final class TLSSession: @unchecked Sendable {
    /// What came of a step.
    package enum Step: Equatable {
        /// It is done.
        case done
        /// Again when the socket is readable.
        case needsRead
        /// Again when the socket takes bytes.
        case needsWrite
        /// The peer has closed.
        case ended
    }

    let handle: OpaquePointer

    /// On a connected socket, which stays the caller's.
    package init(_ context: TLSContext, socket: Int32) throws(DCMTKError) {
        var made: OpaquePointer?
        try calling { cdcmtk_tls_session_create(context.handle, socket, &made, $0) }
        self.handle = try owned(made)
    }

    deinit { cdcmtk_tls_session_destroy(handle) }

    /// As much of the handshake as can be done now.
    package func handshake() throws(TLSHandshakeError) -> Step {
        var wish = CDCMTK_TLS_NOTHING
        do {
            try calling { cdcmtk_tls_session_handshake(handle, &wish, $0) }
        } catch {
            if error.kind == .aborted { return .ended }
            throw TLSHandshakeError(description: error.unredactedText)
        }
        return Step(wish)
    }

    /// Reads what is there.
    ///
    /// - Returns: how many bytes, with ``Step/done``.
    package func read(into buffer: UnsafeMutableRawBufferPointer) -> (step: Step, count: Int) {
        var wish = CDCMTK_TLS_NOTHING
        var count = 0
        let status = cdcmtk_tls_session_read(handle, buffer.baseAddress, buffer.count, &count, &wish, nil)
        return status == CDCMTK_OK ? (Step(wish), count) : (.ended, 0)
    }

    /// Whether something can be read though the socket is silent.
    package var hasBuffered: Bool { cdcmtk_tls_session_has_buffered(handle) != 0 }

    /// Writes a few bytes, as far as the socket takes them.
    package func write(_ bytes: [UInt8]) { cdcmtk_tls_session_write(handle, bytes, bytes.count) }

    /// Says goodbye; before the socket is closed.
    package func close() { cdcmtk_tls_session_close(handle) }

    /// What was agreed on, after the handshake.
    package func facts() throws(DCMTKError) -> TLSFacts {
        var facts = cdcmtk_tls_facts()
        try calling { cdcmtk_tls_session_facts(handle, &facts, $0) }
        let hash = withUnsafeBytes(of: facts.certificate_sha256) { Array($0) }
        return TLSFacts(
            protocolVersion: withUnsafeBytes(of: facts.protocol) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            },
            cipher: withUnsafeBytes(of: facts.cipher) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) },
            clientCertificate: facts.has_certificate != 0 ? hash : nil)
    }
}

extension TLSSession.Step {
    fileprivate init(_ wish: cdcmtk_tls_wish) {
        self =
            switch wish {
            case CDCMTK_TLS_READABLE: .needsRead
            case CDCMTK_TLS_WRITABLE: .needsWrite
            default: .done
            }
    }
}
