/// The name that stands for a patient in de-identified objects: 128 random bits, so it says nothing and cannot be
/// computed from
/// the patient. An opaque identifier: it may be printed and logged.
package struct Pseudonym: Hashable, Sendable, CustomStringConvertible {
    /// "OVR-" and 26 characters of base 32: a valid LO for (0010,0020).
    package let value: String

    static let prefix = "OVR-"
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    private static let digits = 26

    /// A new one, from the system's random source.
    package static func random() -> Pseudonym {
        var generator = SystemRandomNumberGenerator()
        return Pseudonym(bits: UInt128(generator.next()) << 64 | UInt128(generator.next()))
    }

    init(bits: UInt128) {
        var rest = bits
        var characters: [Character] = []
        for _ in 0..<Self.digits {
            characters.append(Self.alphabet[Int(truncatingIfNeeded: rest & 31)])
            rest >>= 5
        }
        value = Self.prefix + String(characters)
    }

    /// One that was stored. Nil for anything else.
    package init?(stored value: String) {
        guard value.hasPrefix(Self.prefix) else { return nil }
        let code = value.dropFirst(Self.prefix.count)
        guard code.count == Self.digits, code.allSatisfy({ Self.alphabet.contains($0) }) else { return nil }
        self.value = value
    }

    /// What (0010,0010) becomes.
    package var personName: String { "\(DummyValue.familyName)^\(value)" }

    /// The value.
    package var description: String { value }
}
