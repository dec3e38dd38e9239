import DCMTKBridge
import DICOMCore

/// The content tree of a report: TID 1500 with TID 1204, 1002/1004, 1600, 1501, 1410 and 4019 (PS3.16).
struct ReportTree {
    let input: ReportInput
    let procedures: [CodedConcept]
    let uids: ResultUIDs

    private var wording: Wording { input.language.wording }

    /// The root, which has a relationship only for form's sake.
    func root() throws(ResultError) -> ContentItem {
        var children = [ContentItem.code(Concept.language, wording.language, .hasConceptModifier)]
        children += observer
        let reported = procedures.isEmpty ? [Concept.imagingProcedure] : procedures
        children += reported.map { .code(Concept.procedureReported, $0, .hasConceptModifier) }
        children.append(ImageLibrary(images: input.images.map(\.image.repeatable)).item)
        children.append(.container(Concept.imagingMeasurements, try measurementGroups()))
        return .container(Concept.imagingMeasurementReport, template: "1500", children)
    }

    /// TID 1002 and 1004: the model as the observer, with the values of its item in (0018,A001).
    private var observer: [ContentItem] {
        [
            .code(Concept.observerType, Concept.device, .hasObservationContext),
            .uid(Concept.deviceObserverUID, input.algorithm.deviceUID, .hasObservationContext),
            .text(Concept.deviceObserverName, input.node.stationName, .hasObservationContext),
            .text(Concept.deviceObserverManufacturer, input.algorithm.manufacturer, .hasObservationContext),
            .text(Concept.deviceObserverModelName, input.algorithm.name, .hasObservationContext),
            .text(Concept.deviceObserverSerialNumber, input.node.serialNumber, .hasObservationContext),
        ]
    }

    private func measurementGroups() throws(ResultError) -> [ContentItem] {
        var groups = AnalysisStatus(input: input, uids: uids).groups
        var number = 0
        for image in input.images {
            guard case .analysed(let findings) = image.outcome else { continue }
            for finding in findings {
                number += 1
                try ReportTree.check(finding)
                let group = FindingGroups(
                    finding: finding, image: image.image, number: number, input: input, uids: uids)
                groups.append(group.imageLevel)
                groups += group.regions
            }
        }
        return groups
    }

    private static func check(_ finding: ReportedFinding) throws(ResultError) {
        guard finding.probability.isFinite, (0...1).contains(finding.probability) else {
            throw .number("the probability")
        }
        guard finding.threshold.isFinite, (0...1).contains(finding.threshold) else {
            throw .number("the decision level")
        }
        guard finding.isPresent || finding.regions.isEmpty else { throw .contradictoryFinding(key: finding.key) }
        for region in finding.regions {
            if let probability = region.probability, !(0...1).contains(probability) {
                throw .number("a region's probability")
            }
        }
    }
}

/// TID 1600 with one group for all images: what was looked at.
private struct ImageLibrary {
    let images: [SourceImage]

    var item: ContentItem {
        .container(Concept.imageLibrary, [.container(Concept.imageLibraryGroup, images.map(entry))])
    }

    private func entry(_ image: SourceImage) -> ContentItem {
        var item = ContentItem.image(nil, image)
        item.children = descriptors(of: image)
        return item
    }

    /// TID 1602 and 1603. "U" in (0020,0062) means unpaired and is not written: no code of CID 244 says that.
    private func descriptors(of image: SourceImage) -> [ContentItem] {
        var items = [ContentItem.code(Concept.modality, Modality.concept(image.modality), .hasAcquisitionContext)]
        if let side = Modality.laterality(image.laterality) {
            items.append(.code(Concept.imageLaterality, side, .hasAcquisitionContext))
        }
        if let view = image.view { items.append(.code(Concept.imageView, view, .hasAcquisitionContext)) }
        if image.patientOrientation.count == 2 {
            items.append(.text(Concept.patientOrientationRow, image.patientOrientation[0], .hasAcquisitionContext))
            items.append(.text(Concept.patientOrientationColumn, image.patientOrientation[1], .hasAcquisitionContext))
        }
        items.append(.number(Concept.pixelDataRows, Double(image.rows), Concept.pixels, .hasAcquisitionContext))
        items.append(.number(Concept.pixelDataColumns, Double(image.columns), Concept.pixels, .hasAcquisitionContext))
        if let spacing = image.spacing.inPatient(modality: image.modality) {
            items.append(
                .number(Concept.horizontalPixelSpacing, spacing.column, Concept.millimetre, .hasAcquisitionContext))
            items.append(
                .number(Concept.verticalPixelSpacing, spacing.row, Concept.millimetre, .hasAcquisitionContext))
        }
        return items
    }
}

/// What became of the analysis, in every report: one group for the whole, and where there are several images one for
/// each.
private struct AnalysisStatus {
    let input: ReportInput
    let uids: ResultUIDs

    private var wording: Wording { input.language.wording }

    var groups: [ContentItem] {
        var groups = [group(0, wording.analysisStatus, input.images, comment: overallComment)]
        guard input.images.count > 1 else { return groups }
        for (index, image) in input.images.enumerated() {
            groups.append(
                group(
                    index + 1, wording.analysisStatusOfImage(index + 1), [image],
                    comment: AnalysisStatus.comment(image.outcome)))
        }
        return groups
    }

    private func group(
        _ number: Int, _ name: String, _ images: [AnalysedImage], comment: String?
    ) -> ContentItem {
        let identifier = number == 0 ? "AI-0 \(name)" : "AI-0.\(number) \(name)"
        var children: [ContentItem] = [
            .text(Concept.trackingIdentifier, identifier, .hasObservationContext),
            .uid(Concept.trackingUniqueIdentifier, uids.status(number), .hasObservationContext),
            .text(Concept.algorithmName, input.algorithm.name, .hasConceptModifier),
            .text(Concept.algorithmVersion, input.algorithm.version, .hasConceptModifier),
            .code(Concept.processingSummary, AnalysisStatus.summary(images)),
            .code(Concept.summaryOfDetections, AnalysisStatus.detections(images)),
        ]
        if let comment { children.append(.text(Concept.comment, comment)) }
        children += images.map { .image(Concept.sourceOfMeasurement, $0.image) }
        return .container(Concept.measurementGroup, template: "1501", children)
    }

    private var overallComment: String? {
        guard input.images.count > 1 else { return AnalysisStatus.comment(input.images[0].outcome) }
        return wording.imagesAnalysed(input.images.count(where: \.isAnalysed), input.images.count)
    }

    /// Machine code and sentence of an image without an answer.
    private static func comment(_ outcome: AnalysisOutcome) -> String? {
        switch outcome {
        case .analysed: nil
        case .failed(let reason), .outOfScope(let reason): "\(reason.code): \(reason.sentence)"
        }
    }

    /// CID 6047.
    private static func summary(_ images: [AnalysedImage]) -> CodedConcept {
        let analysed = images.count(where: \.isAnalysed)
        let hasFindings = images.contains { $0.hasPresentFinding }
        if analysed == 0 { return Concept.noneSucceeded }
        if analysed == images.count {
            return hasFindings ? Concept.allSucceededWithFindings : Concept.allSucceededWithoutFindings
        }
        return hasFindings ? Concept.notAllSucceededWithFindings : Concept.notAllSucceededWithoutFindings
    }

    /// CID 6042.
    private static func detections(_ images: [AnalysedImage]) -> CodedConcept {
        let analysed = images.count(where: \.isAnalysed)
        if analysed == images.count { return Concept.succeeded }
        if analysed > 0 { return Concept.partiallySucceeded }
        return images.contains { if case .failed = $0.outcome { true } else { false } }
            ? Concept.failed : Concept.notAttempted
    }
}

extension AnalysedImage {
    var isAnalysed: Bool { if case .analysed = outcome { true } else { false } }
    var hasPresentFinding: Bool {
        if case .analysed(let findings) = outcome { findings.contains(where: \.isPresent) } else { false }
    }
}
