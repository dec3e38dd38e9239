import DCMTKBridge
import DICOMCore

/// Makes reports: Comprehensive 3D SR or Comprehensive SR, TID 1500 (PS3.3 A.35.13, A.35.3; PS3.16).
package enum StructuredReport {
    /// Series Number of reports: high, so that it sorts behind the modality's own.
    static let seriesNumber = 9001

    /// The SOP class of a shape.
    package static func sopClassUID(_ shape: ReportShape) -> SOPClassUID {
        // A registered UID of this module is always valid; the root is never used.
        let text =
            switch shape {
            case .comprehensive3D: "1.2.840.10008.5.1.4.1.1.88.34"
            case .comprehensive: "1.2.840.10008.5.1.4.1.1.88.33"
            }
        return SOPClassUID(UID(text) ?? UID(uuidBytes: []))
    }

    /// The report as later objects refer to it, known before it is built: UIDs depend on the input alone.
    package static func reference(_ input: ReportInput) -> PredecessorReport {
        let uids = ResultUIDs(input)
        return PredecessorReport(
            sopClassUID: sopClassUID(input.shape), sopInstanceUID: SOPInstanceUID(uids.report),
            seriesInstanceUID: SeriesInstanceUID(uids.reportSeries))
    }

    /// Builds the report. Blocking and without side effects; any thread.
    ///
    /// - Parameter identity: the original attributes, at least ``ResultIdentity/copied`` and
    /// ``ResultIdentity/alsoRead``   as far as the source had them. They are copied, never printed.
    /// - Throws: ``ResultError``; the study is parked with it.
    package static func build(_ input: ReportInput, identity: borrowing DataSet) throws(ResultError) -> DataSet {
        let uids = ResultUIDs(input)
        guard !input.images.isEmpty else { throw .noImages }
        let original = try PreparedIdentity(identity, asUTF8: false)
        let tree = try ReportTree(input: input, procedures: try original.procedures(), uids: uids).root()
        try ContentCheck.check(tree)
        let object = try written(tree, input.shape)
        let needsUTF8 = !isASCII(tree) || !isASCII(input)
        let prepared = needsUTF8 ? try PreparedIdentity(identity, asUTF8: true) : original
        let header = ResultHeader(
            sopClassUID: sopClassUID(input.shape), sopInstanceUID: uids.report, seriesInstanceUID: uids.reportSeries,
            seriesNumber: seriesNumber,
            seriesDescription: ResultHeader.seriesDescription(input.language.wording.reportSeries, input),
            instanceNumber: 1, modality: "SR")
        try header.write(into: object, input, prepared)
        try orRefused("report header") { () throws(DCMTKError) in
            try writeDocument(input, prepared, into: object)
            if needsUTF8 { try object.set(.specificCharacterSet, "ISO_IR 192") }
        }
        return object
    }

    private static func written(_ tree: ContentItem, _ shape: ReportShape) throws(ResultError) -> DataSet {
        try orRefused("content tree") { () throws(DCMTKError) in
            let document = try StructuredReportDocument(
                type: shape == .comprehensive ? .comprehensive : .comprehensive3D,
                title: .init(tree.concept ?? Concept.imagingMeasurementReport), template: "1500")
            for child in tree.children { try document.append(child) }
            let object = try DataSet()
            try document.write(into: object)
            return object
        }
    }

    /// The SR Document General Module and the coding scheme of our own (PS3.3 C.17.2, C.12.1.1.7).
    private static func writeDocument(
        _ input: ReportInput, _ identity: borrowing PreparedIdentity, into object: borrowing DataSet
    ) throws(DCMTKError) {
        let isComplete = input.images.allSatisfy(\.isAnalysed)
        try object.set(.completionFlag, isComplete ? "COMPLETE" : "PARTIAL")
        if !isComplete { try object.set(.completionFlagDescription, input.language.wording.notAllAnalysed) }
        try object.set(.verificationFlag, "UNVERIFIED")
        try object.setEmptySequence(.referencedPerformedProcedureStepSequence)
        try object.setEmptySequence(.performedProcedureCodeSequence)
        let study = identity.studyInstanceUID
        let images = input.images.map(\.image)
        let evidence = Evidence(
            study: study, instances: images.map { ($0.seriesInstanceUID, $0.sopClassUID, $0.sopInstanceUID) })
        try evidence.append(to: .currentRequestedProcedureEvidenceSequence, of: object)
        if let old = input.predecessor {
            let reference = Evidence(
                study: study, instances: [(old.seriesInstanceUID, old.sopClassUID, old.sopInstanceUID)])
            try reference.append(to: .predecessorDocumentsSequence, of: object)
        }
        try ReferencedRequests.append(from: identity.attributes, of: study, to: object)
        let scheme = try DataSet()
        try scheme.set(.codingSchemeDesignator, Concept.privateScheme)
        try scheme.set(.codingSchemeName, Concept.privateSchemeName)
        try scheme.set(.codingSchemeResponsibleOrganization, Concept.privateSchemeOrganization)
        try object.append(scheme, to: .codingSchemeIdentificationSequence)
    }

    private static func isASCII(_ tree: ContentItem) -> Bool {
        var ascii = true
        func look(_ text: String) { ascii = ascii && text.utf8.allSatisfy { $0 < 0x80 } }
        func visit(_ item: ContentItem) {
            if let concept = item.concept { look(concept.meaning) }
            switch item.value {
            case .text(let text): look(text)
            case .code(let code): look(code.value + code.scheme + code.meaning)
            default: break
            }
            for child in item.children { visit(child) }
        }
        visit(tree)
        return ascii
    }

    private static func isASCII(_ input: ReportInput) -> Bool {
        let node = input.node
        let texts = [
            node.manufacturer, node.modelName, node.softwareVersion, node.serialNumber, node.stationName,
            input.language.wording.reportSeries, input.language.wording.notAllAnalysed,
        ]
        return texts.allSatisfy { $0.utf8.allSatisfy { $0 < 0x80 } }
    }
}

/// Instances by study and series (PS3.3 10.23, Hierarchical SOP Instance Reference Macro).
private struct Evidence {
    let study: StudyInstanceUID
    let instances: [(series: SeriesInstanceUID, sopClass: SOPClassUID, instance: SOPInstanceUID)]

    func append(to tag: Tag, of object: borrowing DataSet) throws(DCMTKError) {
        let item = try DataSet()
        try item.set(.studyInstanceUID, study.uid.value)
        var seen: Set<SeriesInstanceUID> = []
        for (series, _, _) in instances where seen.insert(series).inserted {
            let seriesItem = try DataSet()
            try seriesItem.set(.seriesInstanceUID, series.uid.value)
            for entry in instances where entry.series == series {
                try seriesItem.append(
                    try ResultHeader.reference(entry.sopClass, entry.instance.uid), to: .referencedSOPSequence)
            }
            try item.append(seriesItem, to: .referencedSeriesSequence)
        }
        try object.append(item, to: tag)
    }
}

/// Referenced Request Sequence from the source's Request Attributes Sequence: the requests that the images answer
/// (PS3.3 C.17.2, type 1C).
private enum ReferencedRequests {
    static func append(
        from attributes: borrowing DataSet, of study: StudyInstanceUID, to object: borrowing DataSet
    ) throws(DCMTKError) {
        for index in 0..<attributes.itemCount(.requestAttributesSequence) {
            let request = try attributes.item(.requestAttributesSequence, at: index)
            let item = try DataSet()
            try attributes.copyAttributes([.accessionNumber, .issuerOfAccessionNumberSequence], to: item)
            try request.copyAttributes(
                [
                    .accessionNumber, .issuerOfAccessionNumberSequence, .requestedProcedureID,
                    .requestedProcedureDescription, .requestedProcedureCodeSequence, .placerOrderNumber,
                    .fillerOrderNumber,
                ], to: item)
            try item.set(.studyInstanceUID, study.uid.value)
            try item.setEmptySequence(.referencedStudySequence)
            let required: [Tag] = [
                .accessionNumber, .placerOrderNumber, .fillerOrderNumber, .requestedProcedureID,
                .requestedProcedureDescription,
            ]
            for tag in required where !item.contains(tag) { try item.set(tag, "") }
            try item.setEmptySequence(.requestedProcedureCodeSequence)
            try object.append(item, to: .referencedRequestSequence)
        }
    }
}
