/// The status of a DIMSE response (PS3.7 Annex C; for C-STORE PS3.4 table B.2-1).
package struct DIMSEStatus: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The number as sent in (0000,0900).
    package let rawValue: UInt16
    /// Any number; unknown ones are classed by their range.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// 0000: done.
    package static let success = DIMSEStatus(rawValue: 0x0000)
    /// A700: refused, out of resources. A modality retries later.
    package static let outOfResources = DIMSEStatus(rawValue: 0xA700)
    /// A900: the data set does not match the SOP Class or the instance named in the command.
    package static let dataSetDoesNotMatchSOPClass = DIMSEStatus(rawValue: 0xA900)
    /// C000: cannot understand.
    package static let cannotUnderstand = DIMSEStatus(rawValue: 0xC000)
    /// 0110: processing failure.
    package static let processingFailure = DIMSEStatus(rawValue: 0x0110)
    /// 0112: no such SOP instance.
    package static let noSuchSOPInstance = DIMSEStatus(rawValue: 0x0112)
    /// 0115: invalid argument value.
    package static let invalidArgumentValue = DIMSEStatus(rawValue: 0x0115)
    /// 0118: no such SOP class.
    package static let noSuchSOPClass = DIMSEStatus(rawValue: 0x0118)
    /// 0123: no such action type.
    package static let noSuchAction = DIMSEStatus(rawValue: 0x0123)
    /// 0131: the Transaction UID has been used before (PS3.3 C.14.1.1).
    package static let duplicateTransactionUID = DIMSEStatus(rawValue: 0x0131)
    /// 0213: resource limitation.
    package static let resourceLimitation = DIMSEStatus(rawValue: 0x0213)
    /// 0122: SOP class not supported.
    package static let sopClassNotSupported = DIMSEStatus(rawValue: 0x0122)
    /// 0124: refused, not authorised.
    package static let notAuthorised = DIMSEStatus(rawValue: 0x0124)
    /// 0211: unrecognised operation.
    package static let unrecognizedOperation = DIMSEStatus(rawValue: 0x0211)

    /// Whether the peer has stored the object: Success, or a warning of storage (B000, B006, B007).
    package var isStored: Bool { rawValue == 0 || isWarning }
    /// Warning range of C-STORE.
    package var isWarning: Bool { rawValue & 0xF000 == 0xB000 }
    /// FF00 and FF01: a match of a C-FIND, and more is to come (PS3.4 C.4.1.1.4).
    package var isPending: Bool { rawValue == 0xFF00 || rawValue == 0xFF01 }
    /// A7xx: the peer has no room now and may have later.
    package var isOutOfResources: Bool { rawValue & 0xFF00 == 0xA700 }

    /// Four upper-case hexadecimal digits.
    package var description: String {
        let digits = String(rawValue, radix: 16, uppercase: true)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }
}
