import Crypto
import Foundation

/// What the receiving side needs: it maps UIDs, finds pseudonyms and indexes again, and seals. It cannot open what it
/// sealed.
/// Prints nothing.
package struct ReceiverKeys: Sendable, CustomStringConvertible, CustomReflectable {
    /// Maps UIDs.
    let uid: SymmetricKey
    /// Finds a patient's pseudonym.
    let patientIndex: SymmetricKey
    /// Finds studies by Study Instance UID.
    let studyIndex: SymmetricKey
    /// Finds studies by accession number.
    let accessionIndex: SymmetricKey

    /// New keys from the system's random source.
    package static func random() -> ReceiverKeys {
        ReceiverKeys(
            uid: SymmetricKey(size: .bits256), patientIndex: SymmetricKey(size: .bits256),
            studyIndex: SymmetricKey(size: .bits256), accessionIndex: SymmetricKey(size: .bits256))
    }

    /// Prints nothing.
    package var description: String { "<receiver keys>" }
    /// Shows nothing.
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Seals identity (HPKE, X25519). Public.
package struct VaultPublicKey: Sendable {
    let key: Curve25519.KeyAgreement.PublicKey

    /// Names the pair: the first 8 bytes of the key's SHA-256 in hexadecimal.
    package var id: String { KeyText.hexadecimal(SHA256.hash(data: key.rawRepresentation).prefix(8)) }
}

/// Opens what was sealed. Needed only where results are built. Prints nothing.
package struct VaultPrivateKey: Sendable, CustomStringConvertible, CustomReflectable {
    let key: Curve25519.KeyAgreement.PrivateKey

    /// A new key from the system's random source.
    package static func random() -> VaultPrivateKey { VaultPrivateKey(key: Curve25519.KeyAgreement.PrivateKey()) }

    /// Its other half.
    package var publicKey: VaultPublicKey { VaultPublicKey(key: key.publicKey) }
    /// Prints nothing.
    package var description: String { "<vault private key>" }
    /// Shows nothing.
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// The text form of a key file: JSON with a format, a version and keys in base 64.
struct KeyText: Codable {
    var format: String
    var version: Int
    var keys: [String: Data]

    static let receiverFormat = "overread receiver keys"
    static let publicFormat = "overread vault public key"
    static let privateFormat = "overread vault private key"
    private static let current = 1
    private static let length = 32

    init(_ keys: ReceiverKeys) {
        format = Self.receiverFormat
        version = Self.current
        self.keys = [
            "uid": keys.uid.data, "patient": keys.patientIndex.data, "study": keys.studyIndex.data,
            "accession": keys.accessionIndex.data,
        ]
    }

    init(_ key: VaultPublicKey) {
        format = Self.publicFormat
        version = Self.current
        keys = ["x25519": key.key.rawRepresentation]
    }

    init(_ key: VaultPrivateKey) {
        format = Self.privateFormat
        version = Self.current
        keys = ["x25519": key.key.rawRepresentation]
    }

    init(parsing text: [UInt8]) throws { self = try JSONDecoder().decode(KeyText.self, from: Data(text)) }

    var text: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(self)) + [0x0A]
        }
    }

    /// Nil when it is of another kind or version, or a key is missing or not 32 bytes.
    var receiverKeys: ReceiverKeys? {
        guard let uid = symmetric("uid"), let patient = symmetric("patient"), let study = symmetric("study"),
            let accession = symmetric("accession"), format == Self.receiverFormat
        else { return nil }
        return ReceiverKeys(uid: uid, patientIndex: patient, studyIndex: study, accessionIndex: accession)
    }

    /// Nil when it is of another kind or version, or not a key.
    var publicKey: VaultPublicKey? {
        guard format == Self.publicFormat, let data = data("x25519") else { return nil }
        return (try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: data)).map(VaultPublicKey.init(key:))
    }

    /// Nil when it is of another kind or version, or not a key.
    var privateKey: VaultPrivateKey? {
        guard format == Self.privateFormat, let data = data("x25519") else { return nil }
        return (try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: data)).map(VaultPrivateKey.init(key:))
    }

    private func symmetric(_ name: String) -> SymmetricKey? { data(name).map { SymmetricKey(data: $0) } }

    private func data(_ name: String) -> Data? {
        guard version == Self.current, let data = keys[name], data.count == Self.length else { return nil }
        return data
    }

    static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}

extension SymmetricKey {
    fileprivate var data: Data { withUnsafeBytes { Data($0) } }
}

/// HMAC-SHA256 over parts, each behind its length, so that no two lists of parts are the same bytes; the first 16
/// bytes.
enum Index {
    static func digest(_ parts: [[UInt8]], key: SymmetricKey) -> Data {
        var message: [UInt8] = []
        for part in parts {
            withUnsafeBytes(of: UInt32(clamping: part.count).bigEndian) { message.append(contentsOf: $0) }
            message.append(contentsOf: part)
        }
        return Data(HMAC<SHA256>.authenticationCode(for: message, using: key).prefix(16))
    }
}
