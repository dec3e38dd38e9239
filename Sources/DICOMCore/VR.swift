/// A value representation: one of the 34 of PS3.5 6.2 (2026d).
package struct VR: Hashable, Sendable, CustomStringConvertible {
    /// The two letters, first one in the high byte.
    package let code: UInt16

    private init(unchecked code: UInt16) { self.code = code }

    /// Fails for two bytes that are not one of the 34. DCMTK's inner ones ("ox", "px", "??") are not among them.
    package init?(code: UInt16) {
        guard VR.isKnown(code) else { return nil }
        self.code = code
    }

    /// Fails for a text that is not one of the 34.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count == 2 else { return nil }
        self.init(code: UInt16(bytes[0]) << 8 | UInt16(bytes[1]))
    }

    /// Other Byte.
    package static let ob = VR(unchecked: 0x4F42)
    /// Other Word.
    package static let ow = VR(unchecked: 0x4F57)
    /// Sequence of Items.
    package static let sq = VR(unchecked: 0x5351)
    /// Unknown.
    package static let un = VR(unchecked: 0x554E)

    /// Whether an explicit VR header has two reserved bytes and a 32-bit length (PS3.5 7.1.2, table 7.1-1).
    package var hasLongLength: Bool {
        switch code {
        case 0x4F42, 0x4F44, 0x4F46, 0x4F4C, 0x4F56, 0x4F57: true  // OB OD OF OL OV OW
        case 0x5351, 0x5356: true  // SQ SV
        case 0x5543, 0x554E, 0x5552, 0x5554, 0x5556: true  // UC UN UR UT UV
        default: false
        }
    }

    /// The two letters.
    package var description: String {
        String(decoding: [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)], as: UTF8.self)
    }

    private static func isKnown(_ code: UInt16) -> Bool {
        switch code {
        case 0x4145, 0x4153, 0x4154: true  // AE AS AT
        case 0x4353: true  // CS
        case 0x4441, 0x4453, 0x4454: true  // DA DS DT
        case 0x4644, 0x464C: true  // FD FL
        case 0x4953: true  // IS
        case 0x4C4F, 0x4C54: true  // LO LT
        case 0x4F42, 0x4F44, 0x4F46, 0x4F4C, 0x4F56, 0x4F57: true  // OB OD OF OL OV OW
        case 0x504E: true  // PN
        case 0x5348, 0x534C, 0x5351, 0x5353, 0x5354, 0x5356: true  // SH SL SQ SS ST SV
        case 0x544D: true  // TM
        case 0x5543, 0x5549, 0x554C, 0x554E, 0x5552, 0x5553, 0x5554, 0x5556: true  // UC UI UL UN UR US UT UV
        default: false
        }
    }
}
