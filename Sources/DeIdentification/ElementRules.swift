import DCMTKBridge
import DICOMCore

/// Decides what becomes of each element of one object: table E.1-1 first, then what the table leaves to the VR.
struct ElementRules {
    /// The kinds of sequence that got an empty item under D at the top level and need a valid one.
    private(set) var sequencesToFill: [Tag] = []
    /// Why the walk was stopped.
    private(set) var failure: DeIdentificationError?

    private let uids: UIDMap
    let terms: IdentityTerms
    private let family: IODTypes.Family
    /// By which (0008,0005) each element is read.
    var characterSets = CharacterSetScope()
    private(set) var characterSet = SpecificCharacterSet.defaultRepertoire
    /// Which options were chosen.
    let options: OptionRules
    /// By how much this patient's dates are shifted under Modified Dates.
    let offset: DateOffset
    /// What the sender says of its private elements; asked under Retain Safe Private.
    var privateCharacteristics = PrivateCharacteristics()
    /// What is known of the items around the element that is visited.
    var scopes = ItemScopes()

    init(
        uids: UIDMap, terms: IdentityTerms, family: IODTypes.Family, profile: ConfidentialityProfile, offset: DateOffset
    ) {
        self.uids = uids
        self.terms = terms
        self.family = family
        self.options = OptionRules(profile)
        self.offset = offset
    }

    /// The action for one element, parents before children.
    mutating func action(for element: borrowing DataSetElement) -> ElementAction {
        let tag = element.tag
        characterSet = characterSets.current(for: element)
        guard element.depth <= DeIdentifier.deepest else { return fail(.nestedTooDeep) }
        if tag.group == Tag.pixelDataGroup, Self.pixelDataElements.contains(tag.element) {
            return fail(.pixelDataInHeader)
        }
        if tag.isPrivate, options.profile.contains(.retainSafePrivate) { return safePrivate(element) }
        if Self.isRemovedWhole(tag) || !element.isKnown { return .remove }
        guard let vr = ValueRepresentation(element: element.vr) else { return fail(.unknownVR(tag)) }
        if let row = BasicProfile2026d.rowsByTag[tag.rawValue] { return action(row: row, element: element, vr: vr) }
        // A VR that contradicts the dictionary's: nothing says how the value is meant, so none of it is left.
        if element.vr != element.dictionaryVR, let listed = ValueRepresentation(element: element.dictionaryVR),
            !vr.isOfOneKind(with: listed)
        {
            return .remove
        }
        if let action = contextual(element, vr: vr) { return action }
        return secondLayer(element, vr: vr)
    }

    mutating func fail(_ error: DeIdentificationError) -> ElementAction {
        failure = error
        return .stop
    }

    // MARK: What is removed whole

    private static let pixelDataElements: Set<UInt16> = [0x0008, 0x0009, 0x0010]

    /// Private groups, curves, overlays, command and file meta groups, directory records, signatures and padding, group
    /// lengths, and what describes the layout of pixel data that the header does not hold (the rows with patterns of
    /// E.1-1;
    /// E.1.1; PS3.5 7.2, 7.6). Overlay Description and Label are not in the table, so the whole group goes.
    static func isRemovedWhole(_ tag: Tag) -> Bool {
        if tag.isPrivate || tag.element == 0 { return true }
        switch tag.group {
        case 0x0000, 0x0002, 0x0004, 0xFFFA, 0xFFFC, 0xFFFE: return true
        default: break
        }
        switch tag.group >> 8 {
        case 0x50, 0x60, 0x7F: return true
        default: return false
        }
    }

    // MARK: Table E.1-1

    /// What the options say, else what the profile does.
    private mutating func action(row: ProfileRow, element: borrowing DataSetElement, vr: ValueRepresentation)
        -> ElementAction
    {
        optional(row: row, element: element, vr: vr) ?? basic(row: row, element: element, vr: vr)
    }

    private mutating func basic(row: ProfileRow, element: borrowing DataSetElement, vr: ValueRepresentation)
        -> ElementAction
    {
        switch IODTypes.resolve(row.basic, tag: row.tag, depth: element.depth, family: family) {
        case .z: return .empty
        case .d: return dummy(row: row, element: element, vr: vr)
        case .u: return replacedUIDs(row: row, element: element, vr: vr)
        default: return .remove
        }
    }

    private mutating func dummy(row: ProfileRow, element: borrowing DataSetElement, vr: ValueRepresentation)
        -> ElementAction
    {
        // References stay references: what identifies in them is replaced one by one.
        if element.tag == .referencedPerformedProcedureStepSequence, vr == .SQ { return enter(element) }
        if row.vr == "UI", vr == .UI { return replacedUIDs(row: row, element: element, vr: vr) }
        guard row.vr == vr.rawValue else {
            // The VR contradicts the table's: nothing says how the value would be read, so none is left.
            return .remove
        }
        if vr == .SQ {
            if element.depth == 0 { sequencesToFill.append(element.tag) }
            return .emptyItem
        }
        guard let bytes = DummyValue.bytes(for: vr, replacing: element.value) else { return .remove }
        return .replace(bytes)
    }

    private mutating func replacedUIDs(row: ProfileRow, element: borrowing DataSetElement, vr: ValueRepresentation)
        -> ElementAction
    {
        switch (row.vr, vr) {
        case ("SQ", .SQ): enter(element)
        case ("UI", .UI): mappedUIDs(element)
        default: .remove
        }
    }

    // MARK: The second layer, by VR

    /// What the table does not list, and what an option keeps: its value may still repeat what identifies the patient.
    mutating func secondLayer(_ element: borrowing DataSetElement, vr: ValueRepresentation) -> ElementAction {
        if element.tag == .specificCharacterSet {
            return enterCharacterSet(element)
        }
        switch vr {
        case .SQ: return enter(element)
        case .UI: return options.profile.contains(.retainUIDs) ? keptUIDs(element) : mappedUIDs(element)
        case .PN, .DA, .DT, .TM, .UR:
            guard !element.value.isEmpty else { return .keep }
            guard let bytes = DummyValue.bytes(for: vr, replacing: element.value) else { return .remove }
            return .replace(bytes)
        case .AS, .DS, .IS: return number(element, vr: vr)
        case .AE, .CS, .LO, .LT, .SH, .ST, .UC, .UT: return text(element, vr: vr)
        // Nothing says what is in it: after the dictionary was asked, only what no rule can read is still UN.
        case .UN: return .remove
        // Numbers, too: nothing keeps a sender from writing text into them.
        case .OB, .OW, .OD, .OF, .OL, .OV, .AT, .FL, .FD, .SL, .SS, .SV, .UL, .US, .UV:
            return terms.isEchoed(inOpaque: element.value) ? .remove : .keep
        }
    }

    /// UI: each value that is not registered is replaced (E.1.1: "U"; also attributes that the table does not list).
    func mappedUIDs(_ element: borrowing DataSetElement) -> ElementAction {
        let tag = element.tag
        var changed = false
        var result: [UInt8] = []
        result.reserveCapacity(element.value.count + 64)
        var isFirst = true
        for part in element.value.split(separator: 0x5C, omittingEmptySubsequences: false) {
            if !isFirst { result.append(0x5C) }
            isFirst = false
            let value = part.trimmedPadding
            if value.isEmpty || Self.isKept(value, in: tag) {
                result.append(contentsOf: value)
            } else {
                result.append(contentsOf: uids.mapped(value).value.utf8)
                changed = true
            }
        }
        return changed ? .replace(result) : .keep
    }

    private static func isKept(_ value: Slice<UnsafeRawBufferPointer>, in tag: Tag) -> Bool {
        if RegisteredUIDs.contains(value) { return true }
        if classes.contains(tag) { return RegisteredUIDs.isStandardSOPClass(value) }
        return tag == .codingSchemeUID && RegisteredUIDs.isExternalCodeSystem(value)
    }

    /// (0008,0016), (0008,1150), (0008,1151 ... Related General, 0008,115A SOP Classes in Study) hold classes.
    private static let classes: Set<Tag> = [
        .sopClassUID, Tag(0x0008, 0x001A), Tag(0x0008, 0x001B), Tag(0x0008, 0x0062), Tag(0x0008, 0x1150),
        Tag(0x0008, 0x115A),
    ]

    /// DS, IS and AS are kept only if they are what their VR says; a number that is one of the patient's identifiers
    /// is not.
    func number(_ element: borrowing DataSetElement, vr: ValueRepresentation) -> ElementAction {
        for part in element.value.split(separator: 0x5C, omittingEmptySubsequences: false) {
            let value = part.trimmedPadding
            if !value.allSatisfy({ Self.isRepertoire($0, of: vr) }) || terms.isEqual(toNumber: value) { return .empty }
        }
        return .keep
    }

    private static func isRepertoire(_ byte: UInt8, of vr: ValueRepresentation) -> Bool {
        switch byte {
        case 0x30...0x39: return true
        case 0x2B, 0x2D, 0x20: return vr != .AS
        case 0x2E, 0x45, 0x65: return vr == .DS
        case 0x44, 0x57, 0x4D, 0x59: return vr == .AS
        default: return false
        }
    }

    private func text(_ element: borrowing DataSetElement, vr: ValueRepresentation) -> ElementAction {
        let value = element.value
        if vr == .CS { return codedString(value) }
        if terms.isEchoed(in: value, characterSet) {
            guard let bytes = DummyValue.bytes(for: vr, replacing: value) else { return .remove }
            return .replace(bytes)
        }
        // What stands behind a NUL is shown by no viewer: padding is no place to keep text in.
        let trimmed = value.trimmedPadding
        if let end = trimmed.firstIndex(of: 0) { return .replace(Array(trimmed[..<end])) }
        return .keep
    }

    /// CS: value by value, so that what a decision rests on (Image Type, value 1 to 3) stays in its place.
    private func codedString(_ value: UnsafeRawBufferPointer) -> ElementAction {
        guard terms.isEchoed(in: value, characterSet) || value.trimmedPadding.contains(0) else { return .keep }
        var result: [UInt8] = []
        for (index, part) in value.split(separator: 0x5C, omittingEmptySubsequences: false).enumerated() {
            if index > 0 { result.append(0x5C) }
            let one = UnsafeRawBufferPointer(rebasing: part.trimmedPadding.prefix { $0 != 0 })
            if StandardTerms.contains(one) || !terms.isEchoed(in: one, characterSet) {
                result.append(contentsOf: one)
            } else {
                result.append(contentsOf: DummyValue.bytes(for: .CS, replacing: one) ?? [])
            }
        }
        return .replace(result)
    }
}
