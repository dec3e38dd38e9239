import DICOMCore
import Testing

/// Depth: what is nested, what merely looks so, and what could lead a parser with a dictionary astray.
@Suite struct DataSetPreParserNestingTests {
    struct Nest: CustomTestStringConvertible {
        let name: String
        let syntax: TransferSyntax
        let bytes: @Sendable (Int) -> [UInt8]
        var testDescription: String { name }
    }

    static let nests: [Nest] = [
        Nest(name: "explicit, undefined", syntax: .explicitVRLittleEndian) {
            Encoder.explicitLE.nested($0, defined: false)
        },
        Nest(name: "explicit, defined", syntax: .explicitVRLittleEndian) {
            Encoder.explicitLE.nested($0, defined: true)
        },
        Nest(name: "implicit, undefined", syntax: .implicitVRLittleEndian) {
            Encoder.implicitLE.nested($0, defined: false)
        },
        Nest(name: "implicit, defined", syntax: .implicitVRLittleEndian) {
            Encoder.implicitLE.nested($0, defined: true)
        },
        Nest(name: "big endian, undefined", syntax: .explicitVRBigEndian) {
            Encoder.explicitBE.nested($0, defined: false)
        },
        Nest(name: "big endian, defined", syntax: .explicitVRBigEndian) {
            Encoder.explicitBE.nested($0, defined: true)
        },
        Nest(name: "in UN, undefined", syntax: .explicitVRLittleEndian) {
            Encoder.explicitLE.nested($0, defined: false, vr: "UN", inner: .implicitLE)
        },
        Nest(name: "in UN, defined", syntax: .explicitVRLittleEndian) {
            Encoder.explicitLE.nested($0, defined: true, vr: "UN", inner: .implicitLE)
        },
        Nest(name: "in UN of big endian, defined", syntax: .explicitVRBigEndian) {
            Encoder.explicitBE.nested($0, defined: true, vr: "UN", inner: .implicitLE)
        },
    ]

    @Test(arguments: nests)
    func thirtyTwoLevelsAreAcceptedAndThirtyThreeAreNot(_ nest: Nest) throws {
        #expect(try refusal(of: nest.bytes(32), nest.syntax) == nil)
        let error = try #require(try refusal(of: nest.bytes(33), nest.syntax))
        #expect(error.reason == .tooDeep)
        #expect(error.tag == Tag(0x0008, 0x1140))
        #expect(try refusal(of: nest.bytes(33), nest.syntax, fragments: { _ in 1 }) == error)
    }

    @Test(arguments: nests)
    func fiftyThousandLevelsAreRefusedAtTheThirtyThird(_ nest: Nest) throws {
        let error = try #require(try refusal(of: nest.bytes(50_000), nest.syntax, fragments: { _ in 4096 }))
        #expect(error.reason == .tooDeep)
        #expect(error.offset < 33 * 20)
    }

    /// The walk does not recurse: with the limit lifted, fifty thousand levels need no stack.
    @Test(arguments: nests)
    func depthCostsNoStack(_ nest: Nest) throws {
        let limits = DataSetPreParser.Limits(depth: 50_000)
        #expect(try refusal(of: nest.bytes(50_000), nest.syntax, limits: limits, fragments: { _ in 65_536 }) == nil)
    }

    // MARK: Values that look like sequences

    private static let i = Encoder.implicitLE
    private static let last = i.text(0x0010_0010, "PN", "Nobody")

    /// Values that begin with an item tag and are no sequence, or a damaged one.
    static let lookAlikes: [[UInt8]] = [
        i.header(0xFFFE_E000, "", 0)[0..<4] + [],
        i.header(0xFFFE_E000, "", 0)[0..<4] + [1, 2],
        i.header(0xFFFE_E000, "", 100) + [1, 2, 3, 4],
        i.header(0xFFFE_E000, "", Encoder.undefined),
        i.header(0xFFFE_E000, "", Encoder.undefined) + i.text(0x0008_1155, "UI", "1.2"),
        i.item([1, 2, 3, 4]),
        i.item([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        i.item([]) + [1, 2],
        i.item([]) + [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        i.item(i.text(0x0002_0010, "UI", "1")),
        i.item(i.item([])),
        i.item(i.sequence(0x0008_1140, [i.text(0x0008_1155, "UI", "1")]) + [1, 2, 3]),
        i.item(i.text(0x0008_1155, "UI", "1") + i.text(0x0008_1155, "UI", "1") + [7]),
        i.header(0xFFFE_E0DD, "", 0) + [1, 2, 3, 4],
        i.item([], defined: false) + i.header(0xFFFE_E0DD, "", 0),
    ]

    @Test(arguments: lookAlikes)
    func aValueThatMerelyLooksLikeASequenceIsAnOpaqueOne(_ value: [UInt8]) throws {
        let bytes = Self.i.element(0x0009_1001, "UN", value) + Self.last
        #expect(try Split(bytes, .implicitVRLittleEndian).header == bytes)
        #expect(try Split(bytes, .implicitVRLittleEndian) { _ in 1 }.header == bytes)
        let explicit = Encoder.explicitLE.element(0x0009_1001, "UN", value)
        #expect(try Split(explicit, .explicitVRLittleEndian).header == explicit)
        let inside = Self.i.sequence(0x0008_1140, [bytes], defined: false) + Self.last
        #expect(try Split(inside, .implicitVRLittleEndian).header == inside)
    }

    @Test func aTagTwiceInWhatIsNoSequenceAfterAllIsForgotten() throws {
        let twice = Self.i.item(Self.i.text(0x0008_1155, "UI", "1") + Self.i.text(0x0008_1155, "UI", "1") + [7])
        let sequence = Self.i.sequence(0x0010_1002, [Self.i.text(0x0010_0020, "LO", "1")])
        let bytes = Self.i.element(0x0009_1001, "UN", twice) + sequence
        #expect(try refusal(of: bytes, .implicitVRLittleEndian) == nil)
    }

    @Test func aTagOfAnItemIsNoneOfTheDataSetAround() throws {
        let e = Encoder.explicitLE
        let sequence = e.sequence(0x0010_1002, [e.text(0x0010_0020, "LO", "1")])
        #expect(try refusal(of: sequence + e.text(0x0010_0020, "LO", "1")) == nil)
        let error = try refusal(of: e.text(0x0010_0020, "LO", "1") + sequence + e.text(0x0010_0020, "LO", "1"))
        #expect(error?.reason == .duplicateTag)
    }

    /// A parser whose dictionary says SQ may go on inside a damaged sequence, and find in later values what is hidden there.
    @Test(arguments: lookAlikes)
    func aDamagedSequenceMayNotBeFollowedByManyItems(_ value: [UInt8]) throws {
        let damaged = Self.i.element(0x0008_1140, "SQ", value)
        for shift in 0..<4 {
            let hidden = [UInt8](repeating: 1, count: shift) + Self.i.nested(500, defined: false)
            let bytes = damaged + Self.i.element(0x0042_0011, "OB", [0] + hidden)
            let error = try refusal(of: bytes, .implicitVRLittleEndian)
            #expect(error?.reason == .ambiguousNesting)
            #expect(error?.offset ?? .max <= UInt64(damaged.count))
            #expect(try refusal(of: bytes, .implicitVRLittleEndian, fragments: { _ in 5 }) == error)
            let few = damaged + Self.i.element(0x0042_0011, "OB", [0] + Self.i.nested(200, defined: false))
            #expect(try refusal(of: few, .implicitVRLittleEndian) == nil)
        }
    }

    @Test func theFirstDamagedSequenceIsTheOneThatIsNamed() throws {
        let damaged = Self.i.item([1, 2, 3])
        let two = Self.i.element(0x0008_1140, "SQ", damaged) + Self.i.element(0x0008_1199, "SQ", damaged)
        let bytes = two + Self.i.element(0x0042_0011, "OB", Self.i.nested(500, defined: false))
        #expect(try refusal(of: bytes, .implicitVRLittleEndian)?.tag == Tag(0x0008, 0x1140))
    }

    @Test func itemsBeforeADamagedSequenceDoNotCount() throws {
        let items = Self.i.sequence(0x0008_1140, Array(repeating: [], count: 500), defined: false)
        let bytes = items + Self.i.element(0x0009_1001, "UN", Self.i.item([1, 2, 3]))
        #expect(try refusal(of: bytes, .implicitVRLittleEndian) == nil)
        #expect(try refusal(of: bytes, .implicitVRLittleEndian, fragments: { _ in 9 }) == nil)
    }

    @Test func aWellFormedSequenceIsNoReasonToCountItems() throws {
        let sequence = Self.i.sequence(0x0008_1140, [Self.i.text(0x0008_1155, "UI", "1.2")])
        let bytes = sequence + Self.i.sequence(0x0008_1199, Array(repeating: [], count: 500))
        #expect(try refusal(of: bytes, .implicitVRLittleEndian) == nil)
    }

    /// A value of one to three bytes, taken for a sequence, has its item tag across its own end: FE FF | 00 E0.
    @Test func aShortValueThatMakesAnItemTagWithTheNextHeaderCounts() throws {
        let items = Self.i.sequence(0xE000_0010, Array(repeating: [], count: 500), defined: false)
        let short = Self.i.element(0x0008_1140, "SQ", [0xFE, 0xFF])
        #expect(try refusal(of: short + items, .implicitVRLittleEndian)?.reason == .ambiguousNesting)
        #expect(
            try refusal(of: short + items, .implicitVRLittleEndian, fragments: { _ in 1 })?.reason == .ambiguousNesting)
        let harmless = Self.i.sequence(0x5200_9230, Array(repeating: [], count: 500), defined: false)
        #expect(try refusal(of: short + harmless, .implicitVRLittleEndian) == nil)
    }

    /// Pixel padding of FFFE and native pixels that begin like an item are no sequences.
    @Test func nativePixelsInAnIconAreNotLookedInto() throws {
        let pixels = Self.i.header(0xFFFE_E000, "", 9) + [1, 2]
        let icon = Self.i.sequence(0x0088_0200, [Self.i.element(0x7FE0_0010, "OW", pixels)])
        let bytes = icon + Self.i.sequence(0x5200_9230, Array(repeating: [], count: 500), defined: false)
        #expect(try refusal(of: bytes, .implicitVRLittleEndian) == nil)
    }
}
