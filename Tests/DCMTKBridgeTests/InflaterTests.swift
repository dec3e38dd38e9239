import DCMTKBridge
import Testing

@Suite struct InflaterTests {
    /// Raw deflate, by zlib's Python module, of 70 000 zeros: more than the inflater gives on at once.
    static let zeros: [UInt8] = [
        0xED, 0xC1, 0x31, 0x01, 0x00, 0x00, 0x00, 0xC2, 0xA0, 0xF5, 0x4F, 0x6D, 0x09, 0x4F,
        0xA0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0xB7,
        0x01,
    ]
    /// And of "overread " 400 times.
    static let words: [UInt8] = [
        0xED, 0xC6, 0xB1, 0x09, 0x00, 0x30, 0x08, 0x00, 0xB0, 0x57, 0xFA, 0x9A, 0x50, 0x67,
        0xC1, 0xC1, 0xFB, 0x3D, 0xC4, 0x64, 0x4A, 0x4D, 0x76, 0x67, 0xFC, 0x57, 0x22, 0x22,
        0x22, 0x22, 0x22, 0x22, 0x72, 0x29, 0x0B,
    ]

    private func inflate(_ bytes: [UInt8], pieces: Int) throws -> [UInt8] {
        let inflater = Inflater()
        var out: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            try bytes[start..<min(start + pieces, bytes.count)].withUnsafeBytes { piece in
                try inflater.consume(piece) { out.append(contentsOf: $0) }
            }
        }
        try inflater.finish()
        return out
    }

    @Test(arguments: [1, 2, 7, 1000])
    func aStreamIsInflatedHoweverItIsCut(_ pieces: Int) throws {
        #expect(try inflate(Self.zeros, pieces: pieces) == [UInt8](repeating: 0, count: 70_000))
        let words = String(repeating: "overread ", count: 400)
        #expect(try inflate(Self.words, pieces: pieces) == Array(words.utf8))
        // The padding to an even length (PS3.5 A.5).
        #expect(try inflate(Self.words + [0], pieces: pieces) == Array(words.utf8))
    }

    @Test func whatIsCutShortOrIsNoStreamIsRefused() throws {
        for count in 0..<Self.words.count {
            #expect(throws: DCMTKError.self) { try inflate(Array(Self.words.prefix(count)), pieces: 1000) }
        }
        #expect(throws: DCMTKError.self) { try inflate([0xFF, 0xFF, 0xFF], pieces: 1) }
    }

    @Test func whatTheTakerThrowsStopsIt() throws {
        struct Enough: Error {}
        let inflater = Inflater()
        var taken = 0
        #expect(throws: Enough.self) {
            try Self.zeros.withUnsafeBytes { bytes in
                try inflater.consume(bytes) { piece in
                    taken += piece.count
                    throw Enough()
                }
            }
        }
        #expect(taken <= 64 * 1024)
    }
}
