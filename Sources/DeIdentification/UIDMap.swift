import Crypto
import DICOMCore
import Foundation
import Synchronization

/// Maps UIDs by key: the same value gives the same UID under 2.25 at every occurrence, in every object, after every
/// restart,
/// and without the key nobody can test a guess (PS3.15 E.1.1 note 3; PS3.5 B.2).
///
/// Safe to share between threads. What was mapped lately is remembered: a series repeats a few UIDs in each object.
package final class UIDMap: Sendable {
    private let key: SymmetricKey
    private let recent = Mutex(Generations())

    /// How many values each of the two generations of the memory holds.
    static let capacity = 4096

    package init(keys: ReceiverKeys) { self.key = keys.uid }

    /// The UID that stands for `original`, which is taken as bytes without padding: a value that is no valid UID is
    /// mapped as
    /// well.
    package func mapped(_ original: some Collection<UInt8>) -> UID {
        let bytes = Array(original)
        if let known = recent.withLock({ $0[bytes] }) { return known }
        let made = compute(bytes)
        recent.withLock { $0.insert(made, for: bytes) }
        return made
    }

    /// The UID that stands for `original`.
    package func mapped(_ original: UID) -> UID { mapped(original.value.utf8) }

    private func compute(_ bytes: [UInt8]) -> UID {
        var hmac = HMAC<SHA256>(key: key)
        hmac.update(data: Data("overread uid 1".utf8))
        hmac.update(data: bytes)
        var digest = Array(hmac.finalize().prefix(16))
        // A UUID of version 8 (RFC 9562), as PS3.5 B.2 asks for a UUID under 2.25.
        digest[6] = digest[6] & 0x0F | 0x80
        digest[8] = digest[8] & 0x3F | 0x80
        return UID(uuidBytes: digest)
    }

    /// Two generations: when the younger is full, the older is forgotten. Close to least recently used, without a list.
    private struct Generations {
        private var younger: [[UInt8]: UID] = [:]
        private var older: [[UInt8]: UID] = [:]

        subscript(bytes: [UInt8]) -> UID? {
            mutating get {
                if let known = younger[bytes] { return known }
                guard let known = older[bytes] else { return nil }
                insert(known, for: bytes)
                return known
            }
        }

        mutating func insert(_ uid: UID, for bytes: [UInt8]) {
            if younger.count >= UIDMap.capacity {
                older = younger
                younger = [:]
            }
            younger[bytes] = uid
        }
    }
}
