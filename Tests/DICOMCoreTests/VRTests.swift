import DICOMCore
import Testing

@Suite struct VRTests {
    /// PS3.5 tables 6.2-1 and 7.1-1, 2026d.
    private static let short = [
        "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM",
        "UI",
        "UL", "US",
    ]
    private static let long = ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]

    @Test func thirtyFourPairsOfLettersAreVRsAndNoOthers() {
        let known = Set(Self.short + Self.long)
        #expect(known.count == 34)
        for code in UInt16.min...UInt16.max {
            let letters = String(decoding: [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)], as: UTF8.self)
            #expect((VR(code: code) != nil) == known.contains(letters), "\(letters)")
        }
    }

    @Test func thirteenHaveALengthOf32Bits() throws {
        for letters in Self.short { #expect(try #require(VR(letters)).hasLongLength == false, "\(letters)") }
        for letters in Self.long { #expect(try #require(VR(letters)).hasLongLength, "\(letters)") }
        #expect(VR("OW")?.description == "OW")
        #expect(VR("ob") == nil && VR("O") == nil && VR("OBX") == nil && VR("") == nil)
    }
}
