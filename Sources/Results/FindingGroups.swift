import DCMTKBridge
import DICOMCore

/// A finding on an image: TID 1501 for the image as a whole, TID 1410 for each region.
struct FindingGroups {
    let finding: ReportedFinding
    let image: SourceImage
    /// Counts the findings of a report from 1.
    let number: Int
    let input: ReportInput
    let uids: ResultUIDs

    /// TID 1501: how probable, whether present, how sure.
    var imageLevel: ContentItem {
        var children = tracking("AI-\(number) \(finding.code.meaning)", region: nil)
        children += header
        children += algorithm
        children += site
        children.append(.number(Concept.probability, finding.probability, Concept.noUnits))
        children.append(.code(finding.code, finding.isPresent ? Concept.present : Concept.absent))
        children.append(.code(Concept.confidenceCategory, finding.tier.concept))
        children.append(.image(Concept.sourceOfMeasurement, image))
        return .container(Concept.measurementGroup, template: "1501", children)
    }

    /// TID 1410, one for each region.
    var regions: [ContentItem] {
        finding.regions.enumerated().map { index, region in group(region, number: index + 1) }
    }

    private func group(_ region: ReportedRegion, number part: Int) -> ContentItem {
        let name = "AI-\(number).\(part) \(finding.code.meaning), \(input.language.wording.region(part))"
        var children = tracking(name, region: part)
        children += header
        children.append(.code(Concept.geometricPurpose, Concept.boundedBy))
        children.append(outline(of: region))
        children += algorithm
        children += site
        children += measurements(of: region)
        return .container(Concept.measurementGroup, template: "1410", children)
    }

    private func tracking(_ identifier: String, region: Int?) -> [ContentItem] {
        [
            .text(Concept.trackingIdentifier, identifier, .hasObservationContext),
            .uid(
                Concept.trackingUniqueIdentifier, uids.tracking(image, key: finding.key, region: region),
                .hasObservationContext),
        ]
    }

    private var header: [ContentItem] {
        [
            .code(Concept.findingCategory, Concept.morphologicallyAbnormalStructure),
            .code(Concept.finding, finding.code),
        ]
    }

    /// TID 4019, with the values of the model's item in (0018,A001).
    private var algorithm: [ContentItem] {
        [
            .text(Concept.algorithmName, input.algorithm.name, .hasConceptModifier),
            .text(Concept.algorithmVersion, input.algorithm.version, .hasConceptModifier),
            .text(
                Concept.algorithmParameters, "threshold=\(decimalString(finding.threshold))", .hasConceptModifier),
            .text(
                Concept.algorithmParameters, "calibrated=\(finding.isCalibrated ? "yes" : "no")", .hasConceptModifier),
        ]
    }

    private var site: [ContentItem] {
        guard let site = finding.findingSite else { return [] }
        let side = finding.laterality.map { ContentItem.code(Concept.laterality, $0.concept, .hasConceptModifier) }
        return [.code(Concept.findingSite, site, .hasConceptModifier, side.map { [$0] } ?? [])]
    }

    /// A box as a closed polygon: DICOM has no graphic type for boxes.
    private func outline(of region: ReportedRegion) -> ContentItem {
        let (l, t, r, b) = (region.left, region.top, region.right, region.bottom)
        let corners = [(l, t), (r, t), (r, b), (l, b), (l, t)]
        return ContentItem(
            relationship: .contains, concept: Concept.imageRegion,
            value: .polygon(
                corners.map { ContentItem.Point(column: $0.0, row: $0.1) }, columns: image.columns, rows: image.rows),
            children: [.image(nil, image, .selectedFrom)])
    }

    /// Millimetres only where the source claims a size in the patient; pixels otherwise.
    private func measurements(of region: ReportedRegion) -> [ContentItem] {
        let (width, height) = (region.right - region.left, region.bottom - region.top)
        var items: [ContentItem] = []
        if let probability = region.probability {
            items.append(.number(Concept.probability, probability, Concept.noUnits))
        }
        if let spacing = image.spacing.inPatient(modality: image.modality) {
            let longAxis = max(width * spacing.column, height * spacing.row)
            items.append(.number(Concept.longAxis, longAxis, Concept.millimetre))
        } else {
            items.append(.number(Concept.longAxis, max(width, height), Concept.pixels))
        }
        return items
    }
}
