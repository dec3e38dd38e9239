/// The values of AETitles.conf that are more than a word. Each reader answers nil for what it does not understand.
package enum AETitleValue {
    /// Digits only.
    static func number(_ text: String) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }

    /// A number and `ms`, `s`, `m`, `h` or `d`: "30s", "5m".
    package static func duration(_ text: String) -> Duration? {
        guard let (number, unit) = quantity(text) else { return nil }
        let milliseconds: Int
        switch unit {
        case "ms": milliseconds = 1
        case "s": milliseconds = 1000
        case "m": milliseconds = 60_000
        case "h": milliseconds = 3_600_000
        case "d": milliseconds = 86_400_000
        default: return nil
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: milliseconds)
        return overflow ? nil : .milliseconds(product)
    }

    /// A duration as it is written in the file.
    package static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] as [(String, Int64)]
        where milliseconds > 0 && milliseconds % length == 0 {
            return "\(milliseconds / length)\(unit)"
        }
        return "\(milliseconds)ms"
    }

    /// Bytes: a number and `MB`, `GB`, `TB` (powers of 1000) or `MiB`, `GiB`, `TiB` (powers of 1024).
    package static func size(_ text: String) -> Int64? {
        guard let (number, unit) = quantity(text) else { return nil }
        let bytes: Int
        switch unit.lowercased() {
        case "mb": bytes = 1_000_000
        case "gb": bytes = 1_000_000_000
        case "tb": bytes = 1_000_000_000_000
        case "mib": bytes = 1 << 20
        case "gib": bytes = 1 << 30
        case "tib": bytes = 1 << 40
        default: return nil
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: bytes)
        return overflow ? nil : Int64(product)
    }

    /// What a `host` names.
    enum Host: Equatable {
        case any
        /// Dotted decimal, without leading zeros.
        case address(String)
        case name(String)
        /// Nothing of these, and why.
        case invalid(String)
    }

    static func host(_ text: String) -> Host {
        if text == "*" { return .any }
        if text.contains(":") { return .invalid("IPv6 addresses are not yet supported.") }
        if text.contains("/") { return .invalid("Address ranges are not supported.") }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        if parts.allSatisfy({ number($0) != nil }) {
            let isAddress =
                parts.count == 4
                && parts.allSatisfy { part in
                    number(part).map { $0 <= 255 && String($0) == part } ?? false
                }
            return isAddress ? .address(text) : .invalid("\"\(text)\" is not an IPv4 address.")
        }
        let isName =
            text.utf8.count <= 253
            && parts.allSatisfy { part in
                (1...63).contains(part.utf8.count) && part.first != "-" && part.last != "-"
                    && part.utf8.allSatisfy { isNameCharacter($0) }
            }
        return isName ? .name(text) : .invalid("\"\(text)\" is neither an address nor a host name.")
    }

    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
        default: false
        }
    }

    private static func quantity(_ text: String) -> (number: Int, unit: String)? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = number(String(digits)) else { return nil }
        let unit = text[digits.endIndex...].drop { $0 == " " }
        return (number, String(unit))
    }
}
