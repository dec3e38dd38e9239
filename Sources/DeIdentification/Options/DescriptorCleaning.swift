import DICOMCore

/// Cleaning of text (PS3.15 E.3.5): what remains is words of ``DescriptorVocabulary`` in their order, and none that is one of
/// this patient's strings. Nothing of the original's other bytes is left.
enum DescriptorCleaning {
    /// The words that remain; nil when none does. `isEchoed` says whether text holds one of the patient's strings.
    static func words(
        of value: UnsafeRawBufferPointer, as vr: ValueRepresentation, isEchoed: (UnsafeRawBufferPointer) -> Bool
    ) -> [UInt8]? {
        if !vr.isMultiValued { return one(value[...], as: vr, isEchoed) }
        let values = value.split(separator: 0x5C).compactMap { one($0, as: vr, isEchoed) }
        return values.isEmpty ? nil : Array(values.joined(separator: [0x5C]))
    }

    private static func one(
        _ value: Slice<UnsafeRawBufferPointer>, as vr: ValueRepresentation,
        _ isEchoed: (UnsafeRawBufferPointer) -> Bool
    ) -> [UInt8]? {
        let separator: UInt8 = vr == .AE ? 0x5F : 0x20
        var kept: [[UInt8]] = []
        for token in value.split(whereSeparator: isSeparator) {
            // With a point between digits "1.5mm" is one word; at the end of a sentence it belongs to none.
            let word = Array(token.trimmed(of: [0x2D, 0x2E, 0x2A]))
            guard DescriptorVocabulary.contains(String(decoding: word, as: UTF8.self).lowercased()),
                !word.withUnsafeBytes(isEchoed)
            else { continue }
            kept.append(vr == .CS ? word.map { (0x61...0x7A).contains($0) ? $0 & 0xDF : $0 } : word)
        }
        let text = Array(kept.joined(separator: [separator]))
        // A term of two words is found only in what stands together.
        return text.isEmpty || text.withUnsafeBytes(isEchoed) ? nil : text
    }

    /// Everything but letters, digits, "-", "." and "*". Bytes above ASCII are part of a word, so that "Pölker" is one.
    private static func isSeparator(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2A, 0x80...: false
        default: true
        }
    }
}

extension BidirectionalCollection<UInt8> {
    fileprivate func trimmed(of bytes: [UInt8]) -> SubSequence {
        var rest = self[...]
        while let first = rest.first, bytes.contains(first) { rest = rest.dropFirst() }
        while let last = rest.last, bytes.contains(last) { rest = rest.dropLast() }
        return rest
    }
}
