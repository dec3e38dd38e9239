import DICOMCore
import Testing

@Suite struct DataSetPreParserTests {
    @Test(arguments: Sample.all)
    func aDataSetIsSplitAtItsPixelData(_ sample: Sample) throws {
        let split = try Split(sample.bytes, sample.syntax)
        #expect(split.header == sample.header)
        #expect(split.pixelData == sample.pixelData)
        #expect(split.trailing == sample.trailing)
        let element = try #require(split.element)
        #expect(element.encodedHeader == sample.element)
        #expect(element.isEncapsulated == sample.syntax.isEncapsulated)
        #expect(element.length == (sample.syntax.isEncapsulated ? nil : UInt32(sample.pixelData.count)))
        #expect(element.offset == UInt64(sample.header.count))
        #expect(element.vr == (sample.syntax.isEncapsulated ? .ob : .ow))
    }

    @Test(arguments: Sample.kinds)
    func everyFragmentationGivesTheSameRuns(_ sample: Sample) throws {
        let whole = try Split(sample.bytes, sample.syntax)
        for size in [1, 2, 3, 5, 7, 11, 12, 13, 64] {
            #expect(try Split(sample.bytes, sample.syntax, fragments: { _ in size }) == whole, "fragments of \(size)")
        }
        for cut in 1..<sample.bytes.count {
            #expect(try Split(sample.bytes, sample.syntax) { $0 < cut ? cut : .max } == whole, "cut at \(cut)")
        }
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<200 {
            #expect(
                try Split(sample.bytes, sample.syntax) { _ in Int.random(in: 1...40, using: &generator) } == whole)
        }
    }

    @Test func anObjectWithoutPixelDataIsAllHeader() throws {
        let bytes = Encoder.explicitLE.text(0x0008_0016, "UI", "1.2")
        let split = try Split(bytes, .explicitVRLittleEndian)
        #expect(split.header == bytes)
        #expect(split.element == nil)
        #expect(try Split([], .explicitVRLittleEndian).element == nil)
    }

    @Test func emptyPixelDataAreFoundAndTheRestTrails() throws {
        let encoder = Encoder.explicitLE
        let trailing = encoder.element(0xFFFC_FFFC, "OB", [0, 0])
        for syntax in [TransferSyntax.explicitVRLittleEndian, .jpegBaseline] {
            let split = try Split(encoder.header(0x7FE0_0010, "OB", 0) + trailing, syntax)
            #expect(split.element?.length == 0)
            #expect(split.pixelData.isEmpty)
            #expect(split.trailing == trailing)
        }
    }

    @Test func floatPixelDataBelongToTheHeader() throws {
        let bytes = Encoder.explicitLE.element(0x7FE0_0008, "OF", [1, 2, 3, 4])
        #expect(try Split(bytes, .explicitVRLittleEndian).header == bytes)
    }

    @Test func pixelDataAreKnownBeforeTheirFirstRun() throws {
        let sample = Sample.sample(.explicitVRLittleEndian)
        var parser = DataSetPreParser(transferSyntax: sample.syntax)
        var seen = 0
        try sample.header.withUnsafeBytes { try parser.consume($0) { _, _ in } }
        #expect(parser.pixelData == nil)
        try sample.element.withUnsafeBytes { try parser.consume($0) { _, _ in seen += 1 } }
        #expect(parser.pixelData?.length == 1000)
        #expect(seen == 0)
    }

    @Test func aFragmentOfNativePixelDataIsGivenOutInOnePieceAndNotCopied() throws {
        let sample = Sample.sample(.explicitVRLittleEndian)
        var parser = DataSetPreParser(transferSyntax: sample.syntax)
        try (sample.header + sample.element).withUnsafeBytes { try parser.consume($0) { _, _ in } }
        try sample.pixelData.withUnsafeBytes { fragment in
            var runs: [UnsafeRawBufferPointer] = []
            try parser.consume(fragment) { _, run in runs.append(run) }
            #expect(runs.count == 1)
            #expect(runs.first?.baseAddress == fragment.baseAddress)
            #expect(runs.first?.count == fragment.count)
        }
    }

    @Test func whatTheBodyThrowsComesOut() {
        struct Stop: Error {}
        let bytes = Encoder.explicitLE.text(0x0008_0016, "UI", "1.2")
        var parser = DataSetPreParser(transferSyntax: .explicitVRLittleEndian)
        #expect(throws: Stop.self) {
            try bytes.withUnsafeBytes { try parser.consume($0) { _, _ in throw Stop() } }
        }
    }

    @Test func afterARefusalEveryCallIsRefusedTheSame() throws {
        var parser = DataSetPreParser(transferSyntax: .explicitVRLittleEndian)
        let error = try #require(throws: PreParseError.self) {
            try Encoder.explicitLE.text(0x0002_0016, "UI", "1.2").withUnsafeBytes { try parser.consume($0) { _, _ in } }
        }
        #expect(throws: error) {
            try Encoder.explicitLE.text(0x0008_0016, "UI", "1.2").withUnsafeBytes { try parser.consume($0) { _, _ in } }
        }
        #expect(throws: error) { try parser.finish() }
    }

    @Test(arguments: Sample.kinds)
    func aDataSetCutAtAnyByteIsTruncatedUnlessItEndsBetweenTwoElements(_ sample: Sample) throws {
        var boundaries: Set<Int> = [0]
        for count in 1...sample.bytes.count {
            if let error = try refusal(of: Array(sample.bytes.prefix(count)), sample.syntax) {
                #expect(error.reason == .truncated)
            } else {
                boundaries.insert(count)
            }
        }
        #expect(boundaries.count == Sample.topLevelElements + 1)
        #expect(boundaries.contains(sample.header.count))
        #expect(boundaries.contains(sample.bytes.count))
    }
}
