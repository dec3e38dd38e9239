import CDCMTKShims
import DICOMCore

/// The value of (0008,0005) Specific Character Set (PS3.3 C.12.1.1.2), and how text under it is read: single-byte sets,
/// ISO 2022 code extensions, and the multi-byte sets that stand alone.
///
/// The tables are iconv's; DCMTK 3.6.7's own conversion refuses Japanese where it is built on glibc
/// (docs/decisions/0012-character-sets-by-iconv.md).
package struct SpecificCharacterSet: Hashable, Sendable {
    /// The repertoire before any escape sequence.
    private let initial: Repertoire
    private let hasCodeExtensions: Bool

    /// What stands in for an absent attribute: the default repertoire, ISO-IR 6.
    package static let defaultRepertoire = SpecificCharacterSet(initial: .ascii, hasCodeExtensions: false)

    private init(initial: Repertoire, hasCodeExtensions: Bool) {
        self.initial = initial
        self.hasCodeExtensions = hasCodeExtensions
    }

    /// Nil where one of the values is no defined term.
    package init?(_ value: some Sequence<UInt8>) {
        var terms: [String] = []
        for part in Array(value).split(separator: 0x5C, omittingEmptySubsequences: false) {
            let trimmed = part.drop { $0 == 0x20 }.prefix { $0 != 0 }
            terms.append(String(decoding: trimmed, as: UTF8.self).trimmingTrailingSpaces)
        }
        guard let first = terms.first, let initial = Repertoire.byTerm[first] else { return nil }
        guard terms.dropFirst().allSatisfy({ Repertoire.byTerm[$0] != nil || Repertoire.extensions.contains($0) })
        else { return nil }
        self.init(initial: initial, hasCodeExtensions: terms.count > 1 || first.hasPrefix("ISO 2022"))
    }

    /// Whether bytes mean the same in every set: ASCII without an escape sequence.
    package static func isPlain(_ bytes: some Sequence<UInt8>) -> Bool { bytes.allSatisfy { $0 < 0x80 && $0 != 0x1B } }

    /// The text; nil where the bytes are none under this set.
    ///
    /// - Parameter isPersonName: whether `^` and `=` end a component, after which the first set is in force again
    ///   (PS3.5 6.1.2.5.3).
    package func decoded(_ bytes: some Collection<UInt8>, isPersonName: Bool = false) -> String? {
        if Self.isPlain(bytes) { return String(decoding: bytes, as: UTF8.self) }
        let bytes = Array(bytes)
        switch initial {
        case .unicode: return String(validating: bytes, as: UTF8.self)
        case .alone(let encoding): return Iconv.text(bytes[...], encoding)
        case .ascii, .singleByte:
            // Some senders designate a set once and not again behind a delimiter.
            return decodedWithExtensions(bytes, delimiters: isPersonName ? [0x5C, 0x5E, 0x3D] : [0x5C])
                ?? decodedWithExtensions(bytes, delimiters: [])
        }
    }

    private func decodedWithExtensions(_ bytes: [UInt8], delimiters: Set<UInt8>) -> String? {
        var state = CodeElements(initial)
        var text = ""
        var start = 0
        var index = 0
        func flush(_ end: Int) -> Bool {
            guard let run = state.text(bytes[start..<end]) else { return false }
            text += run
            return true
        }
        while index < bytes.count {
            let byte = bytes[index]
            if byte == 0x1B {
                guard flush(index), let length = state.designate(bytes[index...]) else { return nil }
                index += length
                start = index
            } else if byte < 0x20 || (!state.hasDoubleBytesBelow && delimiters.contains(byte)) {
                guard flush(index) else { return nil }
                text.unicodeScalars.append(Unicode.Scalar(byte))
                state = CodeElements(initial)
                index += 1
                start = index
            } else {
                index += 1
            }
        }
        return flush(bytes.count) ? text : nil
    }
}

/// What a term of (0008,0005) stands for.
private enum Repertoire: Hashable, Sendable {
    /// ISO-IR 6.
    case ascii
    /// ASCII below 0x80, and this encoding of iconv's for what is above.
    case singleByte(String)
    /// UTF-8.
    case unicode
    /// A multi-byte set without code extensions.
    case alone(String)

    /// ISO-IR number, encoding. TIS-620 is ISO-IR 166; half-width katakana of ISO-IR 13 stand in Shift JIS as they do alone.
    private static let singleBytes: [(String, String)] = [
        ("100", "ISO-8859-1"), ("101", "ISO-8859-2"), ("109", "ISO-8859-3"), ("110", "ISO-8859-4"),
        ("144", "ISO-8859-5"), ("127", "ISO-8859-6"), ("126", "ISO-8859-7"), ("138", "ISO-8859-8"),
        ("148", "ISO-8859-9"), ("203", "ISO-8859-15"), ("13", "SHIFT_JIS"), ("166", "TIS-620"),
    ]

    static let byTerm: [String: Repertoire] = {
        var terms: [String: Repertoire] = [
            "": .ascii, "ISO_IR 6": .ascii, "ISO 2022 IR 6": .ascii, "ISO_IR 192": .unicode,
            "GB18030": .alone("GB18030"),
            "GBK": .alone("GBK"),
        ]
        for (number, encoding) in singleBytes {
            terms["ISO_IR \(number)"] = .singleByte(encoding)
            terms["ISO 2022 IR \(number)"] = .singleByte(encoding)
        }
        // Senders put these first, too; what they extend is then the default repertoire.
        for term in extensions { terms[term] = .ascii }
        return terms
    }()

    static let extensions: Set<String> = ["ISO 2022 IR 87", "ISO 2022 IR 159", "ISO 2022 IR 149", "ISO 2022 IR 58"]
}

/// The code elements G0 and G1 of ISO 2022 (PS3.5 6.1.2.4).
private struct CodeElements {
    /// The escape sequence of a double-byte set in G0; nil for ASCII or ISO-IR 14.
    private var lower: [UInt8]?
    /// The encoding of bytes from 0x80 on.
    private var upper: String?

    init(_ initial: Repertoire) {
        if case .singleByte(let encoding) = initial { upper = encoding }
    }

    var hasDoubleBytesBelow: Bool { lower != nil }

    /// Takes the escape sequence that `bytes` begin with, and says how long it is. Nil for one that PS3.3 does not list.
    mutating func designate(_ bytes: ArraySlice<UInt8>) -> Int? {
        for (sequence, set) in Self.sequences where bytes.starts(with: sequence) {
            switch set {
            case .lowerASCII: lower = nil
            case .lower: lower = sequence
            case .upper(let encoding): upper = encoding
            }
            return sequence.count
        }
        return nil
    }

    private enum Designation {
        case lowerASCII
        case lower
        case upper(String)
    }

    /// PS3.3 tables C.12-3 and C.12-4.
    private static let sequences: [([UInt8], Designation)] = [
        (Array("\u{1B}(B".utf8), .lowerASCII), (Array("\u{1B}(J".utf8), .lowerASCII),
        (Array("\u{1B}$B".utf8), .lower), (Array("\u{1B}$(D".utf8), .lower),
        (Array("\u{1B}$)C".utf8), .upper("EUC-KR")), (Array("\u{1B}$)A".utf8), .upper("GB2312")),
        (Array("\u{1B})I".utf8), .upper("SHIFT_JIS")), (Array("\u{1B}-A".utf8), .upper("ISO-8859-1")),
        (Array("\u{1B}-B".utf8), .upper("ISO-8859-2")), (Array("\u{1B}-C".utf8), .upper("ISO-8859-3")),
        (Array("\u{1B}-D".utf8), .upper("ISO-8859-4")), (Array("\u{1B}-L".utf8), .upper("ISO-8859-5")),
        (Array("\u{1B}-G".utf8), .upper("ISO-8859-6")), (Array("\u{1B}-F".utf8), .upper("ISO-8859-7")),
        (Array("\u{1B}-H".utf8), .upper("ISO-8859-8")), (Array("\u{1B}-M".utf8), .upper("ISO-8859-9")),
        (Array("\u{1B}-b".utf8), .upper("ISO-8859-15")), (Array("\u{1B}-T".utf8), .upper("TIS-620")),
    ]

    /// A run without escape sequences.
    func text(_ run: ArraySlice<UInt8>) -> String? {
        var text = ""
        var rest = run
        while let first = rest.first {
            let isUpper = first >= 0x80
            let part = rest.prefix { ($0 >= 0x80) == isUpper }
            rest = rest[part.endIndex...]
            let decoded: String?
            if isUpper {
                decoded = upper.flatMap { Iconv.text(part, $0) }
            } else if let lower {
                // iconv's name for JIS X 0208 and 0212 is the whole of ISO-2022-JP-2: it is given the sequence as well.
                decoded = Iconv.text(lower + part + [0x1B, 0x28, 0x42], "ISO-2022-JP-2")
            } else {
                decoded = String(decoding: part, as: UTF8.self)
            }
            guard let decoded else { return nil }
            text += decoded
        }
        return text
    }
}

/// The C library's conversions.
private enum Iconv {
    static func text(_ bytes: some Collection<UInt8>, _ encoding: String) -> String? {
        var converted: [UInt8] = []
        let input = Array(bytes)
        let status = withUnsafeMutablePointer(to: &converted) { target in
            cdcmtk_text_to_utf8(encoding, input, input.count, appendBytes, target, nil)
        }
        return status == CDCMTK_OK ? String(validating: converted, as: UTF8.self) : nil
    }
}

private let appendBytes: cdcmtk_sink = { context, bytes, length in
    guard let context else { return 1 }
    context.assumingMemoryBound(to: [UInt8].self).pointee.append(
        contentsOf: UnsafeBufferPointer(start: bytes, count: length))
    return 0
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}

/// The character set in force at each level of a walk: an item without (0008,0005) has that of the data set or item around
/// it (PS3.3 C.12.1.1.2).
package struct CharacterSetScope: Sendable {
    private var levels: [(item: Int, set: SpecificCharacterSet)] = []

    /// At the start of a walk.
    package init() {}

    /// The set in force for `element`; call it for each element of the walk, in order.
    package mutating func current(for element: borrowing DataSetElement) -> SpecificCharacterSet {
        let depth = element.depth
        if levels.count > depth + 1 { levels.removeLast(levels.count - depth - 1) }
        if levels.count == depth + 1, levels[depth].item == element.item { return levels[depth].set }
        if levels.count == depth + 1 { levels.removeLast() }
        let set = levels.last?.set ?? .defaultRepertoire
        while levels.count <= depth { levels.append((element.item, set)) }
        return set
    }

    /// (0008,0005) of the item that was asked about last.
    package mutating func set(_ set: SpecificCharacterSet) {
        if !levels.isEmpty { levels[levels.count - 1].set = set }
    }
}

extension DataSet {
    /// (0008,0005) of the top level. Nil where it names what DICOM does not define.
    package var characterSet: SpecificCharacterSet? {
        bytes(specificCharacterSet).map { SpecificCharacterSet($0) } ?? .defaultRepertoire
    }

    /// Converts all text, items included, to UTF-8 and sets (0008,0005) to ISO_IR 192.
    ///
    /// - Throws: ``DCMTKError`` of kind `stopped` where a text is none under its character set, or the set is not defined.
    package func convertToUTF8() throws(DCMTKError) {
        var scope = CharacterSetScope()
        try rewrite { element in
            let set = scope.current(for: element)
            if element.tag == specificCharacterSet {
                guard let own = SpecificCharacterSet(element.value) else { return .stop }
                scope.set(own)
                return element.depth == 0 ? .keep : .remove
            }
            guard Self.isText(element.vr), !SpecificCharacterSet.isPlain(element.value) else { return .keep }
            guard let text = set.decoded(element.value, isPersonName: element.vr == "PN") else { return .stop }
            return .replace(Array(text.utf8))
        }
        try self.set(specificCharacterSet, "ISO_IR 192")
    }

    /// The VRs that (0008,0005) applies to (PS3.5 6.1.2.3).
    private static func isText(_ vr: String) -> Bool { ["LO", "LT", "PN", "SH", "ST", "UC", "UT"].contains(vr) }
}

private let specificCharacterSet = Tag(0x0008, 0x0005)
