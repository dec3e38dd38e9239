import DCMTKBridge
import DICOMCore

/// Retain Safe Private (PS3.15 E.3.10): what table E.3.10-1 lists stays, by group, creator and the element's low byte, in
/// whatever block; all other private elements go.
extension ElementRules {
    mutating func safePrivate(_ element: borrowing DataSetElement) -> ElementAction {
        let tag = element.tag
        guard let vr = ValueRepresentation(element: element.vr) else { return fail(.unknownVR(tag)) }
        if (0x10...0xFF).contains(tag.element) {
            // A creator may be any text, so it stays only as the table has it; the walk drops it where nothing of its block
            // is left.
            let isListed = SafePrivate2026c.hasCreator(Self.text(element.value), group: tag.group)
            return isListed && (vr == .LO || vr == .UN) ? .keep : .remove
        }
        guard let row = SafePrivate2026c.row(tag, creator: Self.text(element.privateCreator)),
            privateCharacteristics.allows(tag, creator: element.privateCreator.trimmedPadding)
        else { return .remove }
        if vr == .SQ { return row.vr == "SQ" ? enter(element) : .remove }
        return listed(element, row: row, vr: vr)
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.trimmedPadding, as: UTF8.self)
    }

    /// The value is still cleaned: it may repeat what identifies the patient.
    private mutating func listed(
        _ element: borrowing DataSetElement, row: SafePrivateRow, vr: ValueRepresentation
    ) -> ElementAction {
        let isUnknown = vr == .UN
        guard let meant = isUnknown ? ValueRepresentation(rawValue: row.vr) : vr, isUnknown || row.allows(vr) else {
            return .remove
        }
        switch meant {
        // Sequences hidden as bytes were not parsed; UIDs in bytes cannot be mapped; names and dates are never safe.
        case .SQ, .UN, .PN, .DA, .DT, .TM, .UR: return .remove
        case .UI: return isUnknown ? .remove : secondLayer(element, vr: .UI)
        case .AS, .DS, .IS: return number(element, vr: meant) == .keep ? .keep : .remove
        case .AE, .CS, .LO, .LT, .SH, .ST, .UC, .UT:
            return isEchoed(element.value) || element.value.trimmedPadding.contains(0) ? .remove : .keep
        default: return terms.isEchoed(inOpaque: element.value) ? .remove : .keep
        }
    }
}

extension SafePrivateRow {
    /// Whether an element may have this VR. A row without a VR is one of numbers.
    fileprivate func allows(_ other: ValueRepresentation) -> Bool {
        switch vr {
        case "": [.DS, .IS, .FL, .FD, .US, .SS, .UL, .SL].contains(other)
        case "OW/OB": other == .OW || other == .OB
        default: vr == other.rawValue
        }
    }
}
