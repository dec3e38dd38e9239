import DCMTKBridge
import Testing

@testable import Results

@Suite("Content check")
struct ContentCheckTests {
    private func polygon(_ points: [(Double, Double)]) -> ContentItem {
        ContentItem(
            relationship: .contains, concept: Concept.imageRegion,
            value: .polygon(points.map { .init(column: $0.0, row: $0.1) }, columns: 100, rows: 50))
    }
    private let box: [(Double, Double)] = [(0, 0), (100, 0), (100, 50), (0, 50), (0, 0)]

    @Test("A closed box inside the image passes")
    func passes() throws {
        try ContentCheck.check(polygon(box))
    }

    @Test("Coordinates that are not finite or outside the image are refused")
    func coordinates() {
        for bad in [Double.nan, .infinity, -0.001, 100.001] {
            var points = box
            points[1].0 = bad
            #expect(throws: ResultError.coordinate) { try ContentCheck.check(polygon(points)) }
        }
        var points = box
        points[2].1 = 50.5
        #expect(throws: ResultError.coordinate) { try ContentCheck.check(polygon(points)) }
    }

    @Test("Open and degenerate polygons are refused")
    func open() {
        #expect(throws: ResultError.openPolygon) { try ContentCheck.check(polygon(Array(box.dropLast()) + [(1, 1)])) }
        #expect(throws: ResultError.openPolygon) { try ContentCheck.check(polygon(Array(box.prefix(4)))) }
        #expect(throws: ResultError.openPolygon) {
            try ContentCheck.check(polygon([(0, 0), (0, 0), (100, 50), (100, 50), (0, 0)]))
        }
    }

    @Test("Only the five units that reports use are accepted, and only finite numbers")
    func units() throws {
        for unit in ["1", "mm", "mm2", "%", "{pixels}"] {
            try ContentCheck.check(.number(Concept.longAxis, 1, CodedConcept(unit, "UCUM", "unit")))
        }
        #expect(throws: ResultError.unit("cm")) {
            try ContentCheck.check(.number(Concept.longAxis, 1, CodedConcept("cm", "UCUM", "centimeter")))
        }
        #expect(throws: ResultError.unit("mm")) {
            try ContentCheck.check(.number(Concept.longAxis, 1, CodedConcept("mm", "DCM", "mm")))
        }
        #expect(throws: ResultError.number("Probability")) {
            try ContentCheck.check(.number(Concept.probability, .nan, Concept.noUnits))
        }
    }

    @Test("Codes and texts that a data set cannot hold are refused")
    func lengths() throws {
        let long = CodedConcept("1", "99X", String(repeating: "é", count: 65))
        #expect(throws: ResultError.code(value: "1", scheme: "99X")) { try ContentCheck.check(long) }
        try ContentCheck.check(CodedConcept("1", "99X", String(repeating: "é", count: 64)))
        #expect(throws: ResultError.code(value: "", scheme: "99X")) {
            try ContentCheck.check(CodedConcept("", "99X", "m"))
        }
        #expect(throws: ResultError.text("Comment")) { try ContentCheck.check(.text(Concept.comment, "a\u{0}b")) }
        #expect(throws: ResultError.text("Comment")) { try ContentCheck.check(.text(Concept.comment, "   ")) }
    }

    @Test("A region that is not finite, outside or empty parks the study")
    func regions() throws {
        let identity = try Fixture.identity()
        for (left, right) in [(Double.nan, 20), (0, 501), (20, 20), (-1, 20)] as [(Double, Double)] {
            var finding = Fixture.mass
            finding.regions = [ReportedRegion(left: left, top: 0, right: right, bottom: 10)]
            #expect(throws: ResultError.self) {
                _ = try StructuredReport.build(Fixture.input([.analysed([finding])]), identity: identity).string(
                    .modality)
            }
        }
        var absent = Fixture.mass
        absent.isPresent = false
        #expect(throws: ResultError.contradictoryFinding(key: "mass")) {
            _ = try StructuredReport.build(Fixture.input([.analysed([absent])]), identity: identity).string(.modality)
        }
        var wild = Fixture.mass
        wild.probability = 1.01
        #expect(throws: ResultError.number("the probability")) {
            _ = try StructuredReport.build(Fixture.input([.analysed([wild])]), identity: identity).string(.modality)
        }
    }

    @Test("DCMTK refuses a relationship that the IOD does not have, and a tree without values")
    func relationships() throws {
        try Fixture.initialize()
        let document = try StructuredReportDocument(
            type: .comprehensive3D, title: .init(Concept.imagingMeasurementReport), template: "1500")
        #expect(throws: DCMTKError.self) {
            try document.add(.selectedFrom, .init(Concept.comment), .text("no image"))
        }
        try document.add(.contains, .init(Concept.comment), .text("text"))
        #expect(throws: DCMTKError.self) {
            try document.add(.contains, .init(Concept.imagingMeasurements), .container(template: nil))
        }
        try document.up()
        #expect(throws: DCMTKError.self) { try document.up() }
        #expect(throws: DCMTKError.self) {
            try document.add(
                .contains, nil, .image(sopClassUID: "1.2.840.10008.5.1.4.1.1.88.33", sopInstanceUID: "1.2"))
        }
        #expect(throws: DCMTKError.self) { try document.write(into: try DataSet()) }
    }

    @Test("Decimal strings fit DS and keep eight decimals", arguments: [0, 0.87, 0.123456789, 1, 99_999.5, 1e13, -2.5])
    func decimals(value: Double) throws {
        let text = decimalString(value)
        #expect(text.utf8.count <= 16 && !text.contains("e"))
        #expect(abs(Double(text)! - value) <= (abs(value) < 1e5 ? 5e-9 : 0.05))
    }
}
