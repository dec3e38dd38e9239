/// Why ``DataSetPreParser`` refused a data set. Holds a tag and an offset, never a value, so it may be logged.
package struct PreParseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, by the word of the queue log.
    package enum Reason: String, CaseIterable, Hashable, Sendable {
        /// The bytes end inside an element, an item or a sequence.
        case truncated
        /// Sequences are nested deeper than the limit.
        case tooDeep
        /// A value looks like a damaged sequence, and so many item tags follow that a parser with a dictionary could be led
        /// to nest by them.
        case ambiguousNesting
        /// Header and trailing elements are larger than the limit.
        case headerTooLarge
        /// More elements and items than the limit.
        case tooManyElements
        /// Two bytes where a VR should be that are not one of the 34; or a VR that Pixel Data cannot have.
        case invalidVR = "invalid-vr"
        /// A length reaches beyond the item or sequence that holds it.
        case lengthOverflow
        /// Undefined length where none is allowed.
        case undefinedLength
        /// An item or delimitation tag where an element should be, or an element where an item should be, or a delimiter
        /// with a length.
        case unexpectedDelimiter
        /// The same tag twice in one data set or item.
        case duplicateTag
        /// Elements not in ascending order: too many in the header, or any after Pixel Data.
        case tagOutOfOrder
        /// A group that no data set may hold (PS3.5 7.1 and 7.8.1; 0000 and 0002 belong to commands and files).
        case forbiddenGroup
        /// Native pixel data in an encapsulated transfer syntax, or the other way round.
        case pixelDataEncoding
    }

    /// What is wrong.
    package let reason: Reason
    /// The element, or the sequence or item's element, where known.
    package let tag: Tag?
    /// Bytes from the start of the data set to the header of what is wrong.
    package let offset: UInt64

    package init(_ reason: Reason, tag: Tag?, offset: UInt64) {
        self.reason = reason
        self.tag = tag
        self.offset = offset
    }

    /// The C-STORE status. All are of the class Cxxx, "cannot understand" (PS3.4 table B.2-1), which a modality does not
    /// retry: what is refused here would be refused again, so that A7xx would make it send for ever. The low byte tells the
    /// reason to who reads the modality's log.
    package var status: DIMSEStatus {
        switch reason {
        case .truncated: DIMSEStatus(rawValue: 0xC001)
        case .tooDeep: DIMSEStatus(rawValue: 0xC002)
        case .ambiguousNesting: DIMSEStatus(rawValue: 0xC003)
        case .headerTooLarge: DIMSEStatus(rawValue: 0xC004)
        case .tooManyElements: DIMSEStatus(rawValue: 0xC005)
        case .invalidVR: DIMSEStatus(rawValue: 0xC006)
        case .lengthOverflow: DIMSEStatus(rawValue: 0xC007)
        case .undefinedLength: DIMSEStatus(rawValue: 0xC008)
        case .unexpectedDelimiter: DIMSEStatus(rawValue: 0xC009)
        case .duplicateTag: DIMSEStatus(rawValue: 0xC00A)
        case .tagOutOfOrder: DIMSEStatus(rawValue: 0xC00B)
        case .forbiddenGroup: DIMSEStatus(rawValue: 0xC00C)
        case .pixelDataEncoding: DIMSEStatus(rawValue: 0xC00D)
        }
    }

    /// One sentence, for example "data set refused at byte 1234, element (0008,1140): sequences are nested too deep".
    package var description: String {
        // Out of step, a parser takes text for tags: one whose four bytes are all letters or digits is not printed.
        let element = tag.flatMap { PreParseError.readsAsText($0) ? nil : ", element \($0)" } ?? ""
        return "data set refused at byte \(offset)\(element): \(reason.sentence)"
    }

    /// The reason before the place, for an Error Comment, which is cut at 64 characters.
    package var comment: String { "\(reason.sentence) (byte \(offset) of the data set)" }

    private static func readsAsText(_ tag: Tag) -> Bool {
        withUnsafeBytes(of: tag.rawValue) { $0.allSatisfy { (0x20...0x7E).contains($0) } }
    }
}

extension PreParseError.Reason {
    fileprivate var sentence: String {
        switch self {
        case .truncated: "it ends too early"
        case .tooDeep: "sequences are nested too deep"
        case .ambiguousNesting: "a damaged sequence is followed by too many items"
        case .headerTooLarge: "the header is too large"
        case .tooManyElements: "it has too many elements"
        case .invalidVR: "the value representation is not valid"
        case .lengthOverflow: "a length reaches beyond the enclosing item or sequence"
        case .undefinedLength: "undefined length is not allowed here"
        case .unexpectedDelimiter: "an item or delimiter is out of place"
        case .duplicateTag: "the element occurs twice"
        case .tagOutOfOrder: "elements are not in ascending order"
        case .forbiddenGroup: "the group is not allowed in a data set"
        case .pixelDataEncoding: "the pixel data do not fit the transfer syntax"
        }
    }
}
