/// A data element tag (PS3.5 7.1).
package struct Tag: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Group number.
    package let group: UInt16
    /// Element number.
    package let element: UInt16

    /// A tag from its two numbers.
    package init(_ group: UInt16, _ element: UInt16) {
        self.group = group
        self.element = element
    }

    /// A tag from one number, group in the high half.
    package init(_ rawValue: UInt32) {
        self.init(UInt16(truncatingIfNeeded: rawValue >> 16), UInt16(truncatingIfNeeded: rawValue))
    }

    /// Group and element as one number.
    package var rawValue: UInt32 { UInt32(group) << 16 | UInt32(element) }
    /// Odd groups are private (PS3.5 7.8).
    package var isPrivate: Bool { group & 1 == 1 }

    /// Order of elements in a data set.
    package static func < (a: Tag, b: Tag) -> Bool { a.rawValue < b.rawValue }

    /// "(gggg,eeee)" in upper-case hexadecimal.
    package var description: String { "(\(Tag.hexadecimal(group)),\(Tag.hexadecimal(element)))" }

    private static func hexadecimal(_ number: UInt16) -> String {
        let digits = String(number, radix: 16, uppercase: true)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }
}
