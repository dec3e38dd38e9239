import DCMTKBridge
import DICOMCore

/// What the chosen options make of an element. Nil where they say nothing, or where the value is not what its VR says: then
/// the profile's own action holds.
extension ElementRules {
    mutating func optional(
        row: ProfileRow, element: borrowing DataSetElement, vr: ValueRepresentation
    ) -> ElementAction? {
        if options.profile.options.isEmpty { return nil }
        let scope = scopes[element.depth]
        if let action = contentValue(element, vr: vr, scope: scope) { return action }
        // A value whose VR contradicts the table's: nothing says how it would be read.
        guard row.vr == vr.rawValue else { return nil }
        switch options.treatment(of: row, inCleaned: scope.cleaning != .none) {
        case .basic: return nil
        case .keep: return kept(element, vr: vr)
        case .shift: return shifted(element, vr: vr)
        case .clean: return cleaned(row: row, element: element, vr: vr)
        }
    }

    /// The sequence is entered: its items inherit what is known here.
    mutating func enter(_ element: borrowing DataSetElement, _ cleaning: ItemScope.Cleaning? = nil) -> ElementAction {
        let scope = scopes[element.depth]
        let inherited = ItemScope(cleaning: cleaning ?? scope.cleaning, isAge: scope.isAge && scope.content == .keep)
        scopes.enter(at: element.depth, inherited)
        return .keep
    }

    // MARK: K

    private mutating func kept(_ element: borrowing DataSetElement, vr: ValueRepresentation) -> ElementAction? {
        if element.value.isEmpty, vr != .SQ { return .keep }
        switch vr {
        case .UI: return keptUIDs(element)
        case .DA: return allValues(element) { TemporalValue.date($0) != nil } ? .keep : nil
        case .TM: return allValues(element) { TemporalValue.isTime($0) } ? .keep : nil
        case .DT: return allValues(element) { TemporalValue.dateTime($0) != nil } ? .keep : nil
        case .AS: return keptAge(element)
        // A URL, unlike others, is named by an option here: it stays unless it repeats the patient's identity.
        case .UR: return isEchoed(element.value) ? nil : .keep
        default: return secondLayer(element, vr: vr)
        }
    }

    /// UI: each value that is a UID stays; what only stands in the place of one is mapped.
    func keptUIDs(_ element: borrowing DataSetElement) -> ElementAction {
        let isWhole = allValues(element) { value in
            value.isEmpty || value.count <= 64 && value.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E }
        }
        return isWhole ? .keep : mappedUIDs(element)
    }

    /// Above 89 years all are 90 (HIPAA 164.514(b)(2)(i)(C)). Months, weeks and days have three digits and reach no further
    /// than 83 years.
    private func keptAge(_ element: borrowing DataSetElement) -> ElementAction? {
        guard allValues(element, { TemporalValue.isAge($0) }) else { return nil }
        let ages = values(element).map { value in
            let text = String(decoding: value, as: UTF8.self)
            return text.hasSuffix("Y") && text > "089Y" ? "090Y" : text
        }
        return .replace(Array(ages.joined(separator: "\\").utf8))
    }

    // MARK: Modified dates

    private func shifted(_ element: borrowing DataSetElement, vr: ValueRepresentation) -> ElementAction? {
        if element.value.isEmpty { return .keep }
        switch vr {
        case .DA: return shiftedValues(element) { offset.shifted(date: $0) }
        case .DT: return shiftedValues(element) { offset.shifted(dateTime: $0) }
        // Whole days leave the time of day as it is, so date and time move as one instant.
        case .TM: return allValues(element) { TemporalValue.isTime($0) } ? .keep : nil
        // (0008,0201) Timezone Offset From UTC.
        case .SH: return allValues(element) { TemporalValue.isZone($0) } ? .keep : nil
        default: return nil
        }
    }

    private func shiftedValues(
        _ element: borrowing DataSetElement, _ shift: (Slice<UnsafeRawBufferPointer>) -> [UInt8]?
    ) -> ElementAction? {
        var result: [[UInt8]] = []
        for value in values(element) {
            guard let one = value.isEmpty ? [] : shift(value) else { return nil }
            result.append(one)
        }
        return .replace(Array(result.joined(separator: [0x5C])))
    }

    // MARK: C

    private mutating func cleaned(
        row: ProfileRow, element: borrowing DataSetElement, vr: ValueRepresentation
    ) -> ElementAction? {
        if vr == .SQ { return enter(element, cleaning(of: row)) }
        if element.value.isEmpty { return .keep }
        return words(element, vr: vr).map(ElementAction.replace)
    }

    private func cleaning(of row: ProfileRow) -> ItemScope.Cleaning {
        if row.options[.cleanStructuredContent] == .clean { return .structuredContent }
        return row.options[.cleanGraphics] == .clean ? .graphics : .descriptors
    }

    /// The words of a text that identify nobody; nil where none is left or the VR holds no text.
    func words(_ element: borrowing DataSetElement, vr: ValueRepresentation) -> [UInt8]? {
        switch vr {
        case .AE, .CS, .LO, .LT, .SH, .ST, .UC, .UT:
            DescriptorCleaning.words(of: element.value, as: vr) { isEchoed($0) }
        default: nil
        }
    }

    /// What an item that is being cleaned makes of an attribute that has no row. Nil for the rules that hold everywhere.
    mutating func contextual(_ element: borrowing DataSetElement, vr: ValueRepresentation) -> ElementAction? {
        if options.profile.options.isEmpty { return nil }
        let scope = scopes[element.depth]
        if let action = contentValue(element, vr: vr, scope: scope) { return action }
        if let age = scope.age, let action = cappedAge(element, age) { return action }
        switch (scope.cleaning, vr) {
        case (.descriptors, .LO), (.descriptors, .LT), (.descriptors, .SH), (.descriptors, .ST), (.descriptors, .UC),
            (.descriptors, .UT), (.graphics, .LT), (.graphics, .ST), (.graphics, .UT):
            if scope.isPublicCode, element.tag != .codeMeaning { return nil }
            return textOrDummy(element, vr: vr)
        default: return nil
        }
    }

    /// Harmless words, or a dummy where none is left.
    func textOrDummy(_ element: borrowing DataSetElement, vr: ValueRepresentation) -> ElementAction {
        if element.value.isEmpty { return .keep }
        if let words = words(element, vr: vr) { return .replace(words) }
        return DummyValue.bytes(for: vr, replacing: element.value).map(ElementAction.replace) ?? .remove
    }

    // MARK: Values

    func isEchoed(_ text: UnsafeRawBufferPointer) -> Bool { terms.isEchoed(in: text, characterSet) }

    private func values(_ element: borrowing DataSetElement) -> [Slice<UnsafeRawBufferPointer>] {
        element.value.split(separator: 0x5C, omittingEmptySubsequences: false).map(\.trimmedPadding)
    }

    private func allValues(
        _ element: borrowing DataSetElement, _ condition: (Slice<UnsafeRawBufferPointer>) -> Bool
    ) -> Bool {
        values(element).allSatisfy(condition)
    }
}
