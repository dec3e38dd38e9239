import DICOMCore

/// An element as a test writes it: encoded here byte by byte, so that what DCMTK would not write can be tried too.
indirect enum TestElement {
    /// A value with the VR to write, unpadded.
    case value(Tag, String, [UInt8])
    /// Items, with defined or undefined lengths.
    case sequence(Tag, [[TestElement]], undefinedLength: Bool)
    /// A sequence hidden as UN of undefined length: its items are Implicit VR (PS3.5 6.2.2, CP-246).
    case unknownSequence(Tag, [[TestElement]])

    static func text(_ tag: Tag, _ vr: String, _ text: String) -> TestElement { .value(tag, vr, Array(text.utf8)) }
    static func items(_ tag: Tag, _ items: [[TestElement]]) -> TestElement {
        .sequence(tag, items, undefinedLength: false)
    }
    static func numbers(_ tag: Tag, _ numbers: [UInt16]) -> TestElement {
        .value(tag, "US", numbers.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })
    }

    var tag: Tag {
        switch self {
        case .value(let tag, _, _), .sequence(let tag, _, _), .unknownSequence(let tag, _): tag
        }
    }

    /// A data set, little endian, elements in order of their tags; of elements with the same tag the last counts.
    static func encode(_ elements: [TestElement], explicitVR: Bool) -> [UInt8] {
        let unique = Dictionary(elements.map { ($0.tag, $0) }, uniquingKeysWith: { _, last in last })
        return unique.values.sorted { $0.tag < $1.tag }.flatMap { $0.encoded(explicitVR: explicitVR) }
    }

    private static let longForms: Set<String> = [
        "OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV",
    ]
    private static let undefined: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]

    private func encoded(explicitVR: Bool) -> [UInt8] {
        switch self {
        case .value(let tag, let vr, var bytes):
            if bytes.count % 2 == 1 { bytes.append(["OB", "UN", "UI"].contains(vr) ? 0 : 0x20) }
            return Self.header(tag, vr, Self.long(bytes.count), explicitVR: explicitVR) + bytes
        case .sequence(let tag, let items, let undefinedLength):
            let content = items.flatMap { Self.item($0, explicitVR: explicitVR, undefinedLength: undefinedLength) }
            let length = undefinedLength ? Self.undefined : Self.long(content.count)
            let end = undefinedLength ? Self.delimiter(0xE0DD) : []
            return Self.header(tag, "SQ", length, explicitVR: explicitVR) + content + end
        case .unknownSequence(let tag, let items):
            let content = items.flatMap { Self.item($0, explicitVR: false, undefinedLength: true) }
            return Self.header(tag, "UN", Self.undefined, explicitVR: explicitVR) + content + Self.delimiter(0xE0DD)
        }
    }

    private static func header(_ tag: Tag, _ vr: String, _ length: [UInt8], explicitVR: Bool) -> [UInt8] {
        let number = short(tag.group) + short(tag.element)
        guard explicitVR else { return number + length }
        return number + Array(vr.utf8) + (longForms.contains(vr) ? [0, 0] + length : Array(length.prefix(2)))
    }

    private static func item(_ elements: [TestElement], explicitVR: Bool, undefinedLength: Bool) -> [UInt8] {
        let content = encode(elements, explicitVR: explicitVR)
        let start = short(0xFFFE) + short(0xE000)
        if undefinedLength { return start + undefined + content + delimiter(0xE00D) }
        return start + long(content.count) + content
    }

    private static func delimiter(_ element: UInt16) -> [UInt8] { short(0xFFFE) + short(element) + [0, 0, 0, 0] }
    private static func short(_ number: UInt16) -> [UInt8] { [UInt8(number & 0xFF), UInt8(number >> 8)] }
    private static func long(_ number: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
}
