import DCMTKBridge
import DICOMCore

/// One minimal valid item for each sequence of table E.1-1 that action D can meet at the top level (PS3.3 gives the
/// types).
enum DummySequence {
    private static let text = "REMOVED"

    static func fill(_ tag: Tag, of header: borrowing DataSet) throws(DCMTKError) {
        try header.remove(tag)
        let item = try DataSet()
        switch tag {
        case .contentSequence: try content(item)
        case .verifyingObserverSequence: try verifyingObserver(item)
        case .graphicAnnotationSequence: try graphicAnnotation(item)
        case .flowIdentifierSequence: try item.set(.flowIdentifier, vr: "OB", bytes: [0, 0])
        case .waveformAnnotationSequence:
            try item.set(.unformattedTextValue, text)
            try item.set(.referencedWaveformChannels, numbers: [1, 0])
        case .operatorIdentificationSequence:
            let code = try DataSet()
            try self.code(code)
            try item.append(code, to: .personIdentificationCodeSequence)
        default: try code(item)
        }
        try header.append(item, to: tag)
    }

    private static func code(_ item: borrowing DataSet) throws(DCMTKError) {
        try item.set(.codeValue, text)
        try item.set(.codingSchemeDesignator, "99OVERREAD")
        try item.set(.codeMeaning, text)
    }

    /// TEXT with the concept name (121106, DCM, "Comment") (PS3.3 C.17.3).
    private static func content(_ item: borrowing DataSet) throws(DCMTKError) {
        try item.set(.relationshipType, "CONTAINS")
        try item.set(.valueType, "TEXT")
        let name = try DataSet()
        try name.set(.codeValue, "121106")
        try name.set(.codingSchemeDesignator, "DCM")
        try name.set(.codeMeaning, "Comment")
        try item.append(name, to: .conceptNameCodeSequence)
        try item.set(.textValue, text)
    }

    private static func verifyingObserver(_ item: borrowing DataSet) throws(DCMTKError) {
        try item.set(.verifyingOrganization, text)
        try item.set(.verificationDateTime, "19000101000000")
        try item.set(.verifyingObserverName, "\(DummyValue.familyName)^\(text)")
        try item.setEmptySequence(.verifyingObserverIdentificationCodeSequence)
    }

    /// A text object at the corner of the display, on a layer of its own name (PS3.3 C.10.5).
    private static func graphicAnnotation(_ item: borrowing DataSet) throws(DCMTKError) {
        try item.set(.graphicLayer, text)
        let object = try DataSet()
        try object.set(.anchorPointAnnotationUnits, "DISPLAY")
        try object.set(.unformattedTextValue, text)
        try object.set(.anchorPoint, numbers: [0, 0])
        try object.set(.anchorPointVisibility, "N")
        try item.append(object, to: .textObjectSequence)
    }
}
