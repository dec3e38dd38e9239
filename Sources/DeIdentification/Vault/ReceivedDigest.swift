import Crypto
import Foundation

/// The keyed digest of an instance's received bytes: with the SOP Instance UID it is the instance's identity in the
/// journal. It is keyed (HMAC-SHA256) because the bytes hold identity, and what is kept in clear must not be a test for a
/// guess at them.
package struct ReceivedDigest: Sendable {
    private var code: HMAC<SHA256>

    fileprivate init(key: SymmetricKey) { code = HMAC<SHA256>(key: key) }

    /// Adds received bytes, in order.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) { code.update(data: bytes) }

    /// The digest of all bytes so far, 32 bytes.
    package func finalize() -> [UInt8] { Array(code.finalize()) }
}

extension ReceiverKeys {
    /// A digest at the start of an instance, under a key of its own that is derived from the UID key.
    package func receivedDigest() -> ReceivedDigest {
        let info = Data("overread received digest 1".utf8)
        return ReceivedDigest(key: HKDF<SHA256>.deriveKey(inputKeyMaterial: uid, info: info, outputByteCount: 32))
    }
}
