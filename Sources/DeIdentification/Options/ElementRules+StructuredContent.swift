import DCMTKBridge
import DICOMCore

/// Items, before their elements: content items by table E.3.4-1 (PS3.15 E.3.4), codes of schemes that nobody knows.
extension ElementRules {
    mutating func action(for item: borrowing DataSetItem) -> ItemAction {
        var scope = scopes.inherited(at: item.depth)
        switch scope.cleaning {
        case .none, .graphics: break
        case .descriptors:
            scope.isPublicCode = Self.isPublicCode(item)
            // A code of a private scheme may be of an institution's own list, down to a patient.
            if Self.isCode(item), !scope.isPublicCode { return .remove }
        case .structuredContent:
            if scope.isAge {
                scope.age = ItemScope.Age(
                    oldest: item.value(.measurementUnitsCodeSequence, .codeValue).flatMap(Self.oldestAge))
            }
            guard let content = contentValue(of: item, &scope) else { return .remove }
            scope.content = content
        }
        scopes.begin(at: item.depth, scope)
        return .keep
    }

    /// What becomes of a content item's value; nil: the item goes, with what is below it.
    private func contentValue(of item: borrowing DataSetItem, _ scope: inout ItemScope) -> ItemScope.ContentValue? {
        // A reference to another item by its position: what was removed changes positions.
        if item.value(.referencedContentItemIdentifier) != nil { return nil }
        guard let valueType = text(item.value(.valueType)) else { return .unnamed }
        guard let code = text(item.value(.conceptNameCodeSequence, .codeValue)),
            let scheme = text(item.value(.conceptNameCodeSequence, .codingSchemeDesignator)),
            let row = StructuredContent2026c.row(code: code, scheme: scheme, valueType: valueType)
        else { return valueType == "TEXT" ? .words : .unnamed }
        scope.isAge = row.code == Self.subjectAge
        switch options.treatment(of: row) {
        case .keep, .shift: return .keep
        case .clean: return .words
        case .basic: return row.basic == .x ? nil : .dummy
        }
    }

    private func text(_ bytes: [UInt8]?) -> String? {
        guard let bytes, !bytes.isEmpty else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The value of a content item (PS3.3 C.17.3). Nil for all other elements, and for what the rules for all attributes do
    /// with it: names, dates and references have rows of their own.
    func contentValue(
        _ element: borrowing DataSetElement, vr: ValueRepresentation, scope: ItemScope
    ) -> ElementAction? {
        guard scope.cleaning == .structuredContent, !element.value.isEmpty else { return nil }
        switch (element.tag, scope.content) {
        case (.textValue, .dummy):
            return DummyValue.bytes(for: vr, replacing: element.value).map(ElementAction.replace) ?? .remove
        case (.textValue, .words): return textOrDummy(element, vr: vr)
        case (.uidValue, .keep) where vr == .UI: return keptUIDs(element)
        case (.dateTimeValue, .dummy), (.dateValue, .dummy), (.timeValue, .dummy):
            return DummyValue.bytes(for: vr, replacing: element.value).map(ElementAction.replace) ?? .remove
        default: return nil
        }
    }

    // MARK: Ages

    /// (121033, DCM, "Subject Age").
    private static let subjectAge = "121033"

    /// 90 years in a unit of UCUM.
    private static func oldestAge(_ unit: [UInt8]) -> Int? {
        ["a": 90, "mo": 1080, "wk": 4696, "d": 32_872][String(decoding: unit, as: UTF8.self)]
    }

    /// The age as a number, and no other form of it (floating point, ratio). Nil for all other elements.
    func cappedAge(_ element: borrowing DataSetElement, _ age: ItemScope.Age) -> ElementAction? {
        switch element.tag {
        case .floatingPointValue, .rationalNumeratorValue, .rationalDenominatorValue: return .remove
        case .numericValue: break
        default: return nil
        }
        let value = Double(String(decoding: element.value.trimmedPadding, as: UTF8.self))
        guard let oldest = age.oldest, let value, value >= 0 else { return .empty }
        return value < Double(oldest) ? number(element, vr: .DS) : .replace(Array(String(oldest).utf8))
    }

    // MARK: Codes

    private static func isCode(_ item: borrowing DataSetItem) -> Bool {
        item.value(.codeValue) != nil || item.value(.longCodeValue) != nil || item.value(.urnCodeValue) != nil
    }

    private static func isPublicCode(_ item: borrowing DataSetItem) -> Bool {
        guard let scheme = item.value(.codingSchemeDesignator) else { return false }
        return publicSchemes.contains(String(decoding: scheme, as: UTF8.self))
    }

    /// Coding Scheme Designators of PS3.16 table 8-1 that stand for published vocabularies.
    private static let publicSchemes: Set<String> = [
        "DCM", "SCT", "SRT", "SNM3", "99SDM", "LN", "UCUM", "FMA", "RADLEX", "RADELEMENT", "NCIt", "UMLS", "NCDR", "C4",
        "C5", "CD2", "I9", "I9C", "I10", "I10P", "I11", "ICDO", "ICDO3", "HPC", "RXNORM", "NDC", "UNS", "BI",
        "ITIS_TSN",
        "ISO3166_1", "ISO639_1", "ISO639_2", "RFC3066", "RFC5646", "NEU", "UBERON", "IBSI", "MDC", "UPC", "ACR",
    ]
}
