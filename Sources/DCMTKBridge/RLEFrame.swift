/// RLE Lossless (PS3.5 Annex G, 2026d). Ours and not DCMTK's, because `DcmRLECodecDecoder::decodeFrame` of 3.6.7 follows
/// the offsets of the header without comparing them with the fragment's length.
enum RLEFrame {
    /// One frame of one sample per pixel: a segment per byte of the sample, the most significant first (G.2).
    ///
    /// A segment may be longer than its pixels need (padding); one that ends early is an error.
    static func decode(_ bytes: [UInt8], samples: Int, bytesPerSample: Int) throws(PixelDecoderError) -> [UInt16] {
        guard bytes.count >= 64 else { throw .malformedCodestream }
        func word(_ index: Int) -> Int {
            (0..<4).reduce(0) { $0 | Int(bytes[index * 4 + $1]) << (8 * $1) }
        }
        guard word(0) == bytesPerSample else { throw .differsFromDataSet }
        let starts = (1...bytesPerSample).map(word)
        guard let first = starts.first, first >= 64 else { throw .malformedCodestream }
        var out = [UInt16](repeating: 0, count: samples)
        for (index, start) in starts.enumerated() {
            let end = index + 1 < starts.count ? starts[index + 1] : bytes.count
            guard start <= end, end <= bytes.count else { throw .malformedCodestream }
            try unpack(bytes[start..<end], shift: 8 * (bytesPerSample - 1 - index), into: &out)
        }
        return out
    }

    /// The byte-oriented PackBits scheme of G.3.2.
    private static func unpack(
        _ segment: ArraySlice<UInt8>, shift: Int, into out: inout [UInt16]
    ) throws(PixelDecoderError) {
        var position = segment.startIndex
        var written = 0
        while written < out.count {
            guard position < segment.endIndex else { throw .codecFailed }
            let code = Int(Int8(bitPattern: segment[position]))
            position += 1
            if code == -128 { continue }
            // G.3.2: a run may not cross the frame's end; what would is cut there.
            let count = min(code >= 0 ? code + 1 : 1 - code, out.count - written)
            guard segment.endIndex - position >= (code >= 0 ? count : 1) else { throw .codecFailed }
            for step in 0..<count {
                out[written + step] |= UInt16(segment[code >= 0 ? position + step : position]) << UInt16(shift)
            }
            position += code >= 0 ? code + 1 : 1
            written += count
        }
    }
}
