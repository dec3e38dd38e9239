/// Why something was parked, failed or closed: a short code of lower-case letters, digits and hyphens.
///
/// It can be made only from a literal or from a case of a closed enumeration, never from text that came in at run
/// time, so that no message of a peer, a decoder or a model ends up in the queue log.
package struct ReasonCode: Hashable, Sendable, Codable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// The code.
    package let rawValue: String

    /// A code from a literal. Traps, at the programmer's desk, when it is not of the form above.
    package init(stringLiteral value: StaticString) {
        let text = value.withUTF8Buffer { String(decoding: $0, as: UTF8.self) }
        precondition(ReasonCode.isValid(text), "a reason code is lower-case letters, digits and hyphens")
        rawValue = text
    }

    /// The code of an enumeration's case: its raw value, with `camelCase` written as `camel-case`. What does not fit
    /// the form after that becomes `unspecified`.
    package init<Cause: RawRepresentable & CaseIterable>(_ cause: Cause) where Cause.RawValue == String {
        var text = ""
        for character in cause.rawValue {
            if character.isUppercase, !text.isEmpty, text.last != "-" { text += "-" }
            text += character.lowercased()
        }
        rawValue = ReasonCode.isValid(text) ? text : ReasonCode.unspecified.rawValue
    }

    /// A code as stored; nil when it is not one.
    init?(stored text: String) {
        guard ReasonCode.isValid(text) else { return nil }
        rawValue = text
    }

    /// Reads a code from JSON; throws when it is not of the form above.
    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let code = ReasonCode(stored: text) else {
            throw StudyQueueError(.databaseDamaged, "a reason code is malformed")
        }
        self = code
    }

    /// Writes the code as a string.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    /// The code.
    package var description: String { rawValue }

    /// An operator asked for it.
    package static let byOperator: ReasonCode = "by-operator"
    /// The work was cut short each time it was tried: the process that did it went away.
    package static let interrupted: ReasonCode = "interrupted"
    /// The destination could not be reached for as long as its deliveries may wait.
    package static let destinationUnreachable: ReasonCode = "destination-unreachable"
    /// AETitles.conf no longer has the destination.
    package static let destinationUnknown: ReasonCode = "destination-unknown"
    /// The destination answered, and refused the object for good.
    package static let destinationRefused: ReasonCode = "destination-refused"
    /// The destination took the object and later did not confirm that it has it.
    package static let commitmentFailed: ReasonCode = "commitment-failed"
    /// The study came with another patient than before, and nobody has decided whose it is.
    package static let identityCorrection: ReasonCode = "identity-correction"
    /// Late images came for a study whose earlier ones are gone by retention: send the whole study again.
    package static let pixelsRetired: ReasonCode = "pixels-retired"
    /// Nothing more precise is known.
    package static let unspecified: ReasonCode = "unspecified"

    private static func isValid(_ text: String) -> Bool {
        (1...48).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }
}
