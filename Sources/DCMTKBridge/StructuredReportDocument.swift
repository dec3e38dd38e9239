import CDCMTKShims

/// The content tree of a structured report while it is built depth first; DCMTK checks each item against the
/// relationship constraints of the IOD (PS3.3 A.35.3-2, A.35.13-2), and nothing more: lengths, coordinates and units
/// are the caller's.
///
/// Owns DCMTK's object and frees it when it goes. One owner, one thread at a time.
package struct StructuredReportDocument: ~Copyable {
    /// The IOD whose constraints hold.
    package enum DocumentType: Sendable {
        /// 1.2.840.10008.5.1.4.1.1.88.33
        case comprehensive
        /// 1.2.840.10008.5.1.4.1.1.88.34
        case comprehensive3D
    }

    /// How an item relates to its parent (PS3.3 C.17.3.2.4).
    package enum Relationship: String, Sendable, CaseIterable {
        /// CONTAINS
        case contains = "CONTAINS"
        /// HAS OBS CONTEXT
        case hasObservationContext = "HAS OBS CONTEXT"
        /// HAS ACQ CONTEXT
        case hasAcquisitionContext = "HAS ACQ CONTEXT"
        /// HAS CONCEPT MOD
        case hasConceptModifier = "HAS CONCEPT MOD"
        /// HAS PROPERTIES
        case hasProperties = "HAS PROPERTIES"
        /// INFERRED FROM
        case inferredFrom = "INFERRED FROM"
        /// SELECTED FROM
        case selectedFrom = "SELECTED FROM"

        var code: cdcmtk_sr_relationship {
            switch self {
            case .contains: CDCMTK_SR_CONTAINS
            case .hasObservationContext: CDCMTK_SR_HAS_OBS_CONTEXT
            case .hasAcquisitionContext: CDCMTK_SR_HAS_ACQ_CONTEXT
            case .hasConceptModifier: CDCMTK_SR_HAS_CONCEPT_MOD
            case .hasProperties: CDCMTK_SR_HAS_PROPERTIES
            case .inferredFrom: CDCMTK_SR_INFERRED_FROM
            case .selectedFrom: CDCMTK_SR_SELECTED_FROM
            }
        }
    }

    /// A coded entry (PS3.3 8.8).
    package struct Code: Sendable {
        let value: String
        let scheme: String
        let meaning: String
        /// Takes the triple; none of it may be empty or hold NUL.
        package init(value: String, scheme: String, meaning: String) {
            self.value = value
            self.scheme = scheme
            self.meaning = meaning
        }

        func withEntry(_ body: (UnsafePointer<cdcmtk_sr_code>) throws(DCMTKError) -> Void) throws(DCMTKError) {
            // Copies that live to the end of the call: the C side copies what it keeps.
            let (v, s, m) = (Array(value.utf8CString), Array(scheme.utf8CString), Array(meaning.utf8CString))
            try v.withUnsafeBufferPointer { v throws(DCMTKError) in
                try s.withUnsafeBufferPointer { s throws(DCMTKError) in
                    try m.withUnsafeBufferPointer { m throws(DCMTKError) in
                        var entry = cdcmtk_sr_code(value: v.baseAddress, scheme: s.baseAddress, meaning: m.baseAddress)
                        try body(&entry)
                    }
                }
            }
        }
    }

    /// A content item's value, by value type (PS3.3 C.17.3.2.1).
    package enum Value: Sendable {
        /// CONTAINER, continuity SEPARATE, of a template ("1410") of the DICOM Content Mapping Resource.
        case container(template: String?)
        /// TEXT
        case text(String)
        /// CODE
        case code(Code)
        /// UIDREF
        case uid(String)
        /// NUM: a decimal string and a UCUM unit.
        case number(String, unit: Code)
        /// IMAGE
        case image(sopClassUID: String, sopInstanceUID: String)
        /// SCOORD POLYLINE: column and row alternate.
        case polyline([Float])
    }

    private let handle: OpaquePointer

    /// A document with its root, a CONTAINER of a template of the DICOM Content Mapping Resource.
    package init(type: DocumentType, title: Code, template: String) throws(DCMTKError) {
        let kind = type == .comprehensive ? CDCMTK_SR_COMPREHENSIVE : CDCMTK_SR_COMPREHENSIVE_3D
        var created: OpaquePointer?
        try title.withEntry { title throws(DCMTKError) in
            try calling { cdcmtk_sr_tree_create(kind, title, template, contentMappingResource, &created, $0) }
        }
        guard let created else { throw DCMTKError(status: CDCMTK_FAILED, error: cdcmtk_error()) }
        self.handle = created
    }

    deinit { cdcmtk_sr_tree_destroy(handle) }

    /// Adds a last child to the current item and makes it the current one.
    /// - Throws: ``DCMTKError`` of kind failed when the IOD does not allow the relationship or the value is none.
    package func add(_ relationship: Relationship, _ concept: Code?, _ value: Value) throws(DCMTKError) {
        if let concept {
            try concept.withEntry { entry throws(DCMTKError) in try add(relationship.code, entry, value) }
        } else {
            try add(relationship.code, nil, value)
        }
    }

    /// Makes the parent of the current item the current one.
    package func up() throws(DCMTKError) {
        try calling { cdcmtk_sr_tree_up(handle, $0) }
    }

    /// Writes the SR Document Content Module and nothing else into `target`.
    package func write(into target: borrowing DataSet) throws(DCMTKError) {
        let targetHandle = target.handle
        try calling { cdcmtk_sr_tree_write(handle, targetHandle, $0) }
    }

    private func add(
        _ relationship: cdcmtk_sr_relationship, _ concept: UnsafePointer<cdcmtk_sr_code>?, _ value: Value
    ) throws(DCMTKError) {
        switch value {
        case .container(nil):
            try calling { cdcmtk_sr_tree_add_container(handle, relationship, concept, nil, nil, $0) }
        case .container(let template?):
            try calling {
                cdcmtk_sr_tree_add_container(handle, relationship, concept, template, contentMappingResource, $0)
            }
        case .text(let text):
            try calling { cdcmtk_sr_tree_add_text(handle, relationship, concept, text, $0) }
        case .uid(let uid):
            try calling { cdcmtk_sr_tree_add_uid(handle, relationship, concept, uid, $0) }
        case .image(let sopClassUID, let sopInstanceUID):
            try calling {
                cdcmtk_sr_tree_add_image(handle, relationship, concept, sopClassUID, sopInstanceUID, $0)
            }
        case .polyline(let points):
            try calling { cdcmtk_sr_tree_add_polyline(handle, relationship, concept, points, points.count / 2, $0) }
        case .code(let code):
            try code.withEntry { code throws(DCMTKError) in
                try calling { cdcmtk_sr_tree_add_code(handle, relationship, concept, code, $0) }
            }
        case .number(let number, let unit):
            try unit.withEntry { unit throws(DCMTKError) in
                try calling { cdcmtk_sr_tree_add_number(handle, relationship, concept, number, unit, $0) }
            }
        }
    }
}

/// "DICOM Content Mapping Resource" (PS3.16 5).
private let contentMappingResource = "DCMR"
