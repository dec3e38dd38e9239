/// A DICOM Unique Identifier: 1 to 64 characters of digits and periods, no empty component, no leading zero in a
/// component (PS3.5 9.1). A value of this type can therefore never hold "..", "/" or a shell character.
///
/// Instance UIDs count as identity (DESIGN.md, promise 2), so `description` prints nothing of the value. Use
/// ``value`` where the characters are needed.
package struct UID: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The characters, without padding.
    package let value: String

    /// Fails for anything that is not a valid UID. Trailing NUL and space padding is taken off first, as PS3.5 6.2 pads.
    package init?(_ text: some StringProtocol) {
        var bytes = Array(text.utf8)
        while let last = bytes.last, last == 0 || last == 0x20 { bytes.removeLast() }
        guard UID.isValid(bytes) else { return nil }
        self.value = String(decoding: bytes, as: UTF8.self)
    }

    /// A UID under 2.25 (PS3.5 B.2) from 128 bits, most significant byte first. Missing bytes count as zero.
    package init(uuidBytes bytes: some Sequence<UInt8>) {
        var number: UInt128 = 0
        for byte in bytes.prefix(16) { number = number << 8 | UInt128(byte) }
        self.value = "2.25.\(number)"
    }

    /// Prints no character of the value.
    package var description: String { "<uid>" }
    /// Prints no character of the value.
    package var debugDescription: String { "<uid>" }

    private static func isValid(_ bytes: [UInt8]) -> Bool {
        guard (1...64).contains(bytes.count) else { return false }
        for component in bytes.split(separator: 0x2E, omittingEmptySubsequences: false) {
            guard let first = component.first, component.allSatisfy({ (0x30...0x39).contains($0) }) else {
                return false
            }
            if first == 0x30, component.count > 1 { return false }
        }
        return true
    }
}

/// A SOP Class UID. Registered values are public, so it may be printed (PS3.4 B.5, PS3.6 Annex A).
package struct SOPClassUID: Hashable, Sendable, CustomStringConvertible {
    /// The UID.
    package let uid: UID
    /// Wraps a valid UID.
    package init(_ uid: UID) { self.uid = uid }
    /// Fails for anything that is not a valid UID.
    package init?(_ text: some StringProtocol) {
        guard let uid = UID(text) else { return nil }
        self.uid = uid
    }
    /// The characters where they are of DICOM's own root; nothing of a private class, which may name an institution.
    package var description: String { uid.value.hasPrefix("1.2.840.10008.") ? uid.value : "<private SOP class>" }
}

/// A SOP Instance UID: identity, never printed.
package struct SOPInstanceUID: Hashable, Sendable {
    /// The UID.
    package let uid: UID
    /// Wraps a valid UID.
    package init(_ uid: UID) { self.uid = uid }
}

/// A Series Instance UID: identity, never printed.
package struct SeriesInstanceUID: Hashable, Sendable {
    /// The UID.
    package let uid: UID
    /// Wraps a valid UID.
    package init(_ uid: UID) { self.uid = uid }
}

/// A Study Instance UID: identity, never printed.
package struct StudyInstanceUID: Hashable, Sendable {
    /// The UID.
    package let uid: UID
    /// Wraps a valid UID.
    package init(_ uid: UID) { self.uid = uid }
}
