import DICOMCore

/// Which classes of object are de-identified and which are refused: the one table, also of the conformance statement.
///
/// An object is refused where its content cannot be cleaned, or only by an option that was not chosen.
enum SOPClassPolicy {
    /// Classes that are treated alike.
    enum Kind: CaseIterable, Sendable {
        /// Images, waveforms, segmentations, registrations, radiotherapy objects: attributes are the header, and table E.1-1
        /// has all that identify.
        case attributes
        /// Structured reports: in the Basic Profile the content is one dummy item, with Clean Structured Content it stays,
        /// cleaned.
        case structuredReport
        /// Key Object Selection: without its content it says nothing.
        case keyObjectSelection
        /// Presentation states: graphics and text on images are what they are for.
        case presentationState
        /// PDF, CDA, STL, OBJ, MTL: bytes in a form of their own.
        case encapsulatedDocument
        /// DICOMDIR: names all patients of a medium.
        case directory
    }

    static func kind(_ sopClass: SOPClassUID) -> Kind {
        let uid = sopClass.uid.value
        if uid == "1.2.840.10008.1.3.10" { return .directory }
        guard uid.hasPrefix(root) else { return .attributes }
        let suffix = uid.dropFirst(root.count)
        if suffix == "88.59" { return .keyObjectSelection }
        let family = suffix.prefix { $0 != "." }
        switch family {
        case "88": return .structuredReport
        case "11": return .presentationState
        case "104": return .encapsulatedDocument
        default: return .attributes
        }
    }

    private static let root = "1.2.840.10008.5.1.4.1.1."

    /// Throws for a class that `profile` does not clean. Private classes are refused by ``DeIdentifier`` itself.
    static func check(
        _ sopClass: SOPClassUID, _ profile: ConfidentialityProfile
    ) throws(DeIdentificationError) {
        switch kind(sopClass) {
        case .attributes, .structuredReport: return
        case .keyObjectSelection:
            if !profile.contains(.cleanStructuredContent) { throw .classNeedsOption(.cleanStructuredContent) }
        case .presentationState:
            if !profile.contains(.cleanGraphics) { throw .classNeedsOption(.cleanGraphics) }
        case .encapsulatedDocument: throw .encapsulatedDocument
        case .directory: throw .directory
        }
    }
}
