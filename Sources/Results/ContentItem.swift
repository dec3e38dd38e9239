import DCMTKBridge
import DICOMCore

/// A content item of our reports with its children: a plain value, checked by ``ContentCheck`` before DCMTK sees it.
struct ContentItem: Sendable {
    typealias Relationship = StructuredReportDocument.Relationship

    /// A point of the stored pixel matrix: column to the right, row down, 0 at the outer edge of the first pixel
    /// (PS3.3 C.18.6.1.2).
    struct Point: Hashable, Sendable {
        var column: Double
        var row: Double
    }

    enum Value: Sendable {
        case container(template: String?)
        case text(String)
        case code(CodedConcept)
        case uid(UID)
        case number(Double, unit: CodedConcept)
        case image(sopClassUID: SOPClassUID, sopInstanceUID: SOPInstanceUID)
        /// A closed polygon: the first point is repeated at the end. `columns` and `rows` bound it.
        case polygon([Point], columns: Int, rows: Int)
    }

    var relationship: Relationship
    var concept: CodedConcept?
    var value: Value
    var children: [ContentItem] = []

    static func container(_ concept: CodedConcept, template: String? = nil, _ children: [ContentItem]) -> ContentItem {
        ContentItem(
            relationship: .contains, concept: concept, value: .container(template: template), children: children)
    }
    static func text(_ concept: CodedConcept, _ text: String, _ relationship: Relationship = .contains) -> ContentItem {
        ContentItem(relationship: relationship, concept: concept, value: .text(text))
    }
    static func code(
        _ concept: CodedConcept, _ code: CodedConcept, _ relationship: Relationship = .contains,
        _ children: [ContentItem] = []
    ) -> ContentItem {
        ContentItem(relationship: relationship, concept: concept, value: .code(code), children: children)
    }
    static func uid(_ concept: CodedConcept, _ uid: UID, _ relationship: Relationship) -> ContentItem {
        ContentItem(relationship: relationship, concept: concept, value: .uid(uid))
    }
    static func number(
        _ concept: CodedConcept, _ number: Double, _ unit: CodedConcept, _ relationship: Relationship = .contains
    ) -> ContentItem {
        ContentItem(relationship: relationship, concept: concept, value: .number(number, unit: unit))
    }
    static func image(_ concept: CodedConcept?, _ image: SourceImage, _ relationship: Relationship = .contains)
        -> ContentItem
    {
        ContentItem(
            relationship: relationship, concept: concept,
            value: .image(sopClassUID: image.sopClassUID, sopInstanceUID: image.sopInstanceUID))
    }

    /// The item and all below it, depth first.
    func visit(_ body: (ContentItem) throws(ResultError) -> Void) throws(ResultError) {
        try body(self)
        for child in children { try child.visit(body) }
    }
}

extension StructuredReportDocument.Code {
    init(_ concept: CodedConcept) { self.init(value: concept.value, scheme: concept.scheme, meaning: concept.meaning) }
}

extension StructuredReportDocument {
    /// Adds an item with its children below the current one and comes back to that.
    func append(_ item: ContentItem) throws(DCMTKError) {
        try add(item.relationship, item.concept.map { Code($0) }, try item.bridged())
        for child in item.children { try append(child) }
        try up()
    }
}

extension ContentItem {
    fileprivate func bridged() throws(DCMTKError) -> StructuredReportDocument.Value {
        switch value {
        case .container(let template): .container(template: template)
        case .text(let text): .text(text)
        case .code(let code): .code(.init(code))
        case .uid(let uid): .uid(uid.value)
        case .number(let number, let unit): .number(decimalString(number), unit: .init(unit))
        case .image(let sopClass, let instance):
            .image(sopClassUID: sopClass.uid.value, sopInstanceUID: instance.uid.value)
        case .polygon(let points, _, _): .polyline(points.flatMap { [Float($0.column), Float($0.row)] })
        }
    }
}

/// A number as DS (PS3.5 6.2: at most 16 characters), 8 decimals at most and no exponent. Values of 10 million and more
/// lose decimals first. Not for values that are not finite: ``ContentCheck`` has refused them.
func decimalString(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e14 else { return "0" }
    let places = abs(value) < 1e5 ? 8 : 1
    let scale: Int64 = places == 8 ? 100_000_000 : 10
    let scaled = Int64((abs(value) * Double(scale)).rounded())
    var text = String(scaled / scale)
    var fraction = String(scaled % scale)
    fraction = String(repeating: "0", count: places - fraction.count) + fraction
    while fraction.last == "0" { fraction.removeLast() }
    if !fraction.isEmpty { text += "." + fraction }
    return value < 0 && scaled != 0 ? "-" + text : text
}
