/// An Application Entity title: 1 to 16 characters of the default repertoire without control characters and backslash,
/// leading and trailing spaces without meaning (PS3.8 9.3.2, PS3.5 6.2 "AE").
///
/// A title that a peer typed is that peer's text, so it is printed only once it has been found in AETitles.conf: take it
/// from the configuration's entry there. `description` therefore prints nothing.
package struct AETitle: Hashable, Sendable, CustomStringConvertible {
    /// The characters without padding.
    package let value: String

    /// Fails for an empty, over-long or unprintable title.
    package init?(_ text: some StringProtocol) {
        var bytes = Array(text.utf8)
        while let last = bytes.last, last == 0x20 || last == 0 { bytes.removeLast() }
        while bytes.first == 0x20 { bytes.removeFirst() }
        guard (1...16).contains(bytes.count), bytes.allSatisfy({ (0x20...0x7E).contains($0) && $0 != 0x5C }) else {
            return nil
        }
        self.value = String(decoding: bytes, as: UTF8.self)
    }

    /// Prints no character of the value.
    package var description: String { "<AE title>" }
}
