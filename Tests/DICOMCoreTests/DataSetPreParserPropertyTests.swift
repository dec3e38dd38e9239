import DICOMCore
import Testing

/// Whatever the bytes are: no trap, the same answer for every fragmentation, and nothing added or lost.
@Suite struct DataSetPreParserPropertyTests {
    /// Changes a few bytes, or cuts, repeats or inserts some. Lengths and delimiters are hit often, being most of a header.
    private static func mutate(_ bytes: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            guard !bytes.isEmpty else { return bytes }
            let at = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<7, using: &generator) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 2: bytes[at] = [0, 1, 8, 0xFE, 0xFF].randomElement(using: &generator) ?? 0
            case 3: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...12, using: &generator)))
            case 4: bytes.insert(contentsOf: [0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF], at: at)
            case 5: bytes.insert(contentsOf: [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0], at: at)
            default:
                let end = min(bytes.count, at + Int.random(in: 1...40, using: &generator))
                bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &generator))
            }
        }
        return bytes
    }

    private static func outcome(
        _ bytes: [UInt8], _ syntax: TransferSyntax, fragments size: (Int) -> Int = { _ in .max }
    ) throws -> Result<Split, PreParseError> {
        do {
            return .success(try Split(bytes, syntax, fragments: size))
        } catch let error as PreParseError {
            return .failure(error)
        }
    }

    @Test(arguments: Sample.kinds)
    func mutatedDataSetsAreAnsweredTheSameHoweverTheyAreCut(_ sample: Sample) throws {
        var generator = SeededGenerator(seed: 20_261_120)
        var accepted = 0
        for round in 0..<500 {
            let bytes = Self.mutate(sample.bytes, using: &generator)
            let whole = try Self.outcome(bytes, sample.syntax)
            let size = Int.random(in: 1...30, using: &generator)
            #expect(
                try Self.outcome(bytes, sample.syntax) { _ in size } == whole, "round \(round), fragments of \(size)")
            if case .success(let split) = whole {
                accepted += 1
                #expect(split.whole == bytes, "round \(round)")
            }
        }
        // Both outcomes must occur, or the mutations test nothing.
        #expect((10..<450).contains(accepted), "\(accepted) accepted")
    }

    @Test func randomBytesAreAnswered() throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<500 {
            let count = Int.random(in: 0..<300, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            for syntax in [TransferSyntax.explicitVRLittleEndian, .implicitVRLittleEndian, .rleLossless] {
                let whole = try Self.outcome(bytes, syntax)
                #expect(try Self.outcome(bytes, syntax) { _ in 1 } == whole)
            }
        }
    }
}
