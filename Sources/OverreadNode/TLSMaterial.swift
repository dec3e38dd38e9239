import DCMTKBridge
import DICOMNetwork
import Glibc

/// What keeps the files of TLS from being used; a sentence for the administrator.
package enum TLSMaterialError: Error, Equatable, CustomStringConvertible {
    /// A file cannot be read.
    case notReadable(String, Int32)
    /// The key belongs to another user.
    case otherOwner(String)
    /// Group or others may read the key.
    case openToOthers(String)
    /// OpenSSL does not take what is in the files.
    case unusable(NodeTLS, TLSContextError)

    /// In words.
    package var description: String {
        switch self {
        case .notReadable(let path, let number): "\(path) cannot be read: \(String(cString: strerror(number)))"
        case .otherOwner(let path): "\(path) belongs to another user: the node's user must own the private key"
        case .openToOthers(let path): "others may read \(path): run chmod 600 \(path)"
        case .unusable(let tls, .certificate): "tls-certificate: \(TLSContextError.certificate) in \(tls.certificate)"
        case .unusable(let tls, .key): "tls-key: \(TLSContextError.key) in \(tls.key)"
        case .unusable(let tls, .trust): "tls-trust: \(TLSContextError.trust) in \(tls.trust ?? "")"
        case .unusable(_, let error): "TLS: \(error)"
        }
    }
}

extension NodeTLS {
    /// Reads the files. The private key is as secret as the vault's, and has to be closed to others in the same way.
    package func open() throws(TLSMaterialError) -> TLSContext {
        for path in [certificate, key] + [trust].compactMap({ $0 }) {
            guard access(path, R_OK) == 0 else { throw .notReadable(path, errno) }
        }
        var status = stat()
        guard stat(key, &status) == 0 else { throw .notReadable(key, errno) }
        guard status.st_uid == geteuid() else { throw .otherOwner(key) }
        guard status.st_mode & 0o077 == 0 else { throw .openToOthers(key) }
        do {
            return try TLSContext(certificateFile: certificate, keyFile: key, trustFile: trust)
        } catch {
            throw .unusable(self, error)
        }
    }
}
