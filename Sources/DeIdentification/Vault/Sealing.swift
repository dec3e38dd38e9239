import Crypto
import Foundation

/// What something is sealed for: a thing sealed for one purpose does not open for another.
package enum SealingPurpose: String, Sendable {
    /// The identity of an instance that was taken in.
    case identity
    /// The original UIDs of a request for storage commitment.
    case request
    /// An object that was put aside as a whole.
    case quarantine
}

/// Bytes that only the private key opens: HPKE base mode (RFC 9180), X25519, HKDF-SHA256, AES-256-GCM.
package struct SealedBytes: Hashable, Sendable {
    /// Which pair sealed it.
    package let keyID: String
    /// HPKE's encapsulated key, 32 bytes.
    package let encapsulatedKey: Data
    /// Ciphertext and tag.
    package let ciphertext: Data

    /// As read back from where it was stored.
    package init(keyID: String, encapsulatedKey: Data, ciphertext: Data) {
        self.keyID = keyID
        self.encapsulatedKey = encapsulatedKey
        self.ciphertext = ciphertext
    }
}

/// Why something sealed did not open.
package enum SealingError: Error, Equatable, CustomStringConvertible {
    /// It was sealed under another pair of keys, whose name this is.
    case otherKey(String)
    /// It is damaged, was sealed for another purpose, or belongs to another instance or study.
    case notAuthentic
    /// The public key could not be used.
    case notSealed

    /// One sentence.
    package var description: String {
        switch self {
        case .otherKey(let id):
            "sealed under the key \(id), which is not this vault.key: restore that one from its backup"
        case .notAuthentic: "sealed bytes are damaged or do not belong here"
        case .notSealed: "sealing failed: vault.pub is not usable"
        }
    }
}

private let suite = HPKE.Ciphersuite(kem: .Curve25519_HKDF_SHA256, kdf: .HKDF_SHA256, aead: .AES_GCM_256)

extension SealingPurpose {
    /// HPKE's info.
    fileprivate var info: Data { Data("overread \(rawValue) 1".utf8) }

    /// HPKE's additional data: what the sealed bytes are bound to, each behind its length.
    fileprivate func binding(_ parts: [String]) -> Data {
        var bytes = Data()
        for part in [rawValue] + parts {
            withUnsafeBytes(of: UInt32(clamping: part.utf8.count).bigEndian) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: part.utf8)
        }
        return bytes
    }
}

extension VaultPublicKey {
    /// Seals bytes for a purpose, bound to `parts` (an instance's name, a study's): they must be given again to open.
    package func seal(
        _ bytes: [UInt8], for purpose: SealingPurpose, boundTo parts: [String]
    ) throws(SealingError) -> SealedBytes {
        do {
            var sender = try HPKE.Sender(recipientKey: key, ciphersuite: suite, info: purpose.info)
            let ciphertext = try sender.seal(bytes, authenticating: purpose.binding(parts))
            return SealedBytes(keyID: id, encapsulatedKey: sender.encapsulatedKey, ciphertext: ciphertext)
        } catch {
            throw .notSealed
        }
    }
}

extension VaultPrivateKey {
    /// Opens what ``VaultPublicKey/seal(_:for:boundTo:)`` sealed for the same purpose and parts.
    package func open(
        _ sealed: SealedBytes, for purpose: SealingPurpose, boundTo parts: [String]
    ) throws(SealingError) -> [UInt8] {
        guard sealed.keyID == publicKey.id else { throw .otherKey(sealed.keyID) }
        do {
            var recipient = try HPKE.Recipient(
                privateKey: key, ciphersuite: suite, info: purpose.info, encapsulatedKey: sealed.encapsulatedKey)
            return Array(try recipient.open(sealed.ciphertext, authenticating: purpose.binding(parts)))
        } catch {
            throw .notAuthentic
        }
    }
}
