/// What DCMTK 3.6.7 does not check of a content tree: lengths and repertoire of text, the parts of codes, units,
/// numbers, and that polygons are finite, closed and inside their image.
enum ContentCheck {
    /// - Throws: ``ResultError`` for the first item that a data set must not hold.
    static func check(_ tree: ContentItem) throws(ResultError) {
        try tree.visit { item throws(ResultError) in
            if let concept = item.concept { try check(concept) }
            switch item.value {
            case .container, .uid, .image: break
            case .text(let text): try checkText(text, limit: 1024, name: item.concept?.meaning ?? "a text")
            case .code(let code): try check(code)
            case .number(let number, let unit): try check(number, unit, name: item.concept?.meaning ?? "a number")
            case .polygon(let points, let columns, let rows): try check(points, columns: columns, rows: rows)
            }
        }
    }

    /// A coded entry: SH value and designator of at most 16 characters, LO meaning of at most 64 (PS3.3 8.8, PS3.5
    /// 6.2).
    static func check(_ code: CodedConcept) throws(ResultError) {
        guard fits(code.value, 16), fits(code.scheme, 16), fits(code.meaning, 64) else {
            throw .code(value: String(code.value.prefix(16)), scheme: String(code.scheme.prefix(16)))
        }
    }

    /// Text of one value: not empty, at most `limit` characters, no control characters and no backslash.
    static func checkText(_ text: String, limit: Int, name: String) throws(ResultError) {
        guard fits(text, limit) else { throw .text(name) }
    }

    /// Whether the text fits an attribute: DICOM counts characters, not bytes.
    static func fits(_ text: String, _ limit: Int) -> Bool {
        !text.isEmpty && text.unicodeScalars.count <= limit
            && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && $0 != "\\" }
            && text.unicodeScalars.contains { $0 != " " }
    }

    private static func check(_ number: Double, _ unit: CodedConcept, name: String) throws(ResultError) {
        try check(unit)
        guard unit.scheme == "UCUM", Concept.allowedUnits.contains(unit.value) else { throw .unit(unit.value) }
        guard number.isFinite, abs(number) < 1e14 else { throw .number(name) }
    }

    private static func check(_ points: [ContentItem.Point], columns: Int, rows: Int) throws(ResultError) {
        let inside = points.allSatisfy { point in
            point.column.isFinite && point.row.isFinite && (0...Double(columns)).contains(point.column)
                && (0...Double(rows)).contains(point.row)
        }
        guard inside, columns > 0, rows > 0 else { throw .coordinate }
        guard points.count >= 5, points.first == points.last, Set(points).count >= 4 else { throw .openPolygon }
    }
}
