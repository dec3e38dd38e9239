import DICOMCore

@testable import DeIdentification

/// Values that fit their VR and occur nowhere else, so that each can be searched for in what comes out.
struct Canaries {
    /// Where each was planted, by the bytes to search for.
    private(set) var planted: [(bytes: [UInt8], place: String)] = []
    private var count = 0

    /// A value for a VR; remembered if it can be searched for (two bytes of a US cannot).
    mutating func value(_ vr: String, at place: String) -> [UInt8] {
        count += 1
        let number = 10000 + count
        let (value, searched) = Canaries.make(vr, number)
        if let searched { planted.append((Array(searched.utf8), place)) }
        return value
    }

    /// An element of a row of table E.1-1. A sequence gets an item with a name and a reference.
    mutating func element(tag: Tag, vr: String, at place: String) -> TestElement {
        if vr == "SQ" {
            return .items(
                tag,
                [
                    [
                        .value(.patientName, "PN", value("PN", at: "\(place) \(tag) item, name")),
                        .value(Tag(0x0008, 0x1155), "UI", value("UI", at: "\(place) \(tag) item, reference")),
                    ]
                ])
        }
        return .value(tag, vr, value(vr, at: "\(place) \(tag)"))
    }

    /// One element for each row of table E.1-1, rows with patterns aside.
    mutating func everyRow(at place: String) -> [TestElement] {
        BasicProfile2026d.rows.map { element(tag: Tag($0.tag), vr: $0.vr, at: place) }
    }

    /// Remembers a value that the test wrote itself.
    mutating func plant(_ text: String, at place: String) { planted.append((Array(text.utf8), place)) }

    /// Places whose canary is still in `output`.
    func survivors(in output: [UInt8]) -> [String] {
        planted.filter { output.contains(bytes: $0.bytes) }.map(\.place)
    }

    private static func make(_ vr: String, _ number: Int) -> (value: [UInt8], searched: String?) {
        let text: String
        switch vr {
        case "DA":
            text = "17\(digits(number / 600 % 100, 2))\(digits(number / 28 % 12 + 1, 2))\(digits(number % 28 + 1, 2))"
        case "TM": text = "112233.0\(number)"
        case "DT": text = "17540203112233.0\(number)"
        case "AS": text = "077Y"
        case "DS": text = "-98765.\(number)"
        case "IS": text = "9876\(number)"
        case "UI": text = "1.2.826.0.1.99.\(number).7"
        case "UR": text = "http://canary.example/\(number)"
        case "PN": text = "Canary\(number)^Given\(number)"
        case "AT": return ([8, 0, 0x18, 0], nil)
        case "US", "SS": return ([UInt8(number & 0xFF), UInt8(number >> 8)], nil)
        case "UL", "SL", "FL", "OF", "OL": return ([1, 2, 3, 4], nil)
        case "FD", "OD", "OV", "SV", "UV": return ([1, 2, 3, 4, 5, 6, 7, 8], nil)
        default: text = "CANARY\(number)"
        }
        return (Array(text.utf8), vr == "PN" ? "Canary\(number)" : text)
    }

    private static func digits(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
