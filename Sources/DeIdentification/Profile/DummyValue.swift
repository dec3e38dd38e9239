/// The dummies that stand for a value under action D: valid for their VR, the same for every patient, and never equal
/// to
/// what they replace.
enum DummyValue {
    /// A family name that marks a replaced person name.
    static let familyName = "DEID"

    /// The dummy for `vr`. `original` is the value as encoded; where it happens to be the first dummy, the second is
    /// taken.
    /// Nil for a sequence, which has no value of its own.
    static func bytes(for vr: ValueRepresentation, replacing original: UnsafeRawBufferPointer) -> [UInt8]? {
        guard let (first, second) = pair(for: vr, length: original.count) else { return nil }
        return isSame(first, original, text: !vr.isOpaque) ? second : first
    }

    private static func pair(for vr: ValueRepresentation, length: Int) -> ([UInt8], [UInt8])? {
        switch vr {
        case .AE, .CS, .LO, .LT, .SH, .ST, .UC, .UT: text("REMOVED", "DEID")
        case .PN: text("DEID^REMOVED", "DEID^DEID")
        case .DA: text("19000101", "19010101")
        case .TM: text("000000", "000001")
        case .DT: text("19000101000000", "19010101000000")
        case .AS: text("000Y", "000D")
        case .DS, .IS: text("0", "1")
        case .UR: text("http://deid.invalid/", "http://deid.invalid/removed")
        case .UI: text("2.25.0", "2.25.1")
        case .OB, .UN: ([0, 0], [1, 0])
        case .OW, .US, .SS: numbers(2)
        case .AT, .FL, .OF, .OL, .SL, .UL: numbers(4)
        case .FD, .OD, .OV, .SV, .UV: numbers(8)
        case .SQ: nil
        }
    }

    private static func text(_ first: String, _ second: String) -> ([UInt8], [UInt8]) {
        (Array(first.utf8), Array(second.utf8))
    }

    private static func numbers(_ size: Int) -> ([UInt8], [UInt8]) {
        var second = [UInt8](repeating: 0, count: size)
        second[0] = 1
        return ([UInt8](repeating: 0, count: size), second)
    }

    private static func isSame(_ dummy: [UInt8], _ original: UnsafeRawBufferPointer, text: Bool) -> Bool {
        dummy.elementsEqual(text ? original.trimmedPadding : original[...])
    }
}

extension UnsafeRawBufferPointer {
    /// The value without leading spaces and without trailing spaces and NULs (PS3.5 6.2).
    var trimmedPadding: Slice<UnsafeRawBufferPointer> { self[...].trimmedPadding }
}

extension BidirectionalCollection<UInt8> {
    /// The value without leading spaces and without trailing spaces and NULs (PS3.5 6.2).
    var trimmedPadding: SubSequence {
        var end = endIndex
        while end != startIndex {
            let previous = index(before: end)
            guard self[previous] == 0x20 || self[previous] == 0 else { break }
            end = previous
        }
        var start = startIndex
        while start != end, self[start] == 0x20 { start = index(after: start) }
        return self[start..<end]
    }
}
