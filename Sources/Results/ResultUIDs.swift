import Crypto
import DICOMCore

/// UIDs of results: under 2.25 (PS3.5 B.2) from SHA-256 over what the result is made of, so that equal inputs give
/// equal UIDs on every machine, and other inputs others (DESIGN.md, promise 5).
struct ResultUIDs: Sendable {
    private let common: [UInt8]
    private let deviceUID: UID

    init(_ input: ReportInput) {
        var fields = Fields(domain: "overread.result.1")
        fields.add(input.inputDigest)
        fields.add(input.algorithm.deviceUID.value)
        fields.add(input.node.softwareVersion)
        fields.add(input.shape.rawValue)
        fields.add(input.language.rawValue)
        fields.add(String(input.revision))
        for image in input.images {
            fields.add(image.image.sopInstanceUID.uid.value)
            // A failure that is tried again and then succeeds is another document, even within a revision.
            switch image.outcome {
            case .analysed: fields.add("analysed")
            case .failed: fields.add("failed")
            case .outOfScope: fields.add("out-of-scope")
            }
        }
        self.common = fields.bytes
        self.deviceUID = input.algorithm.deviceUID
    }

    var report: UID { uid("report") }
    var reportSeries: UID { uid("report-series") }
    var heatmapSeries: UID { uid("heatmap-series") }
    func heatmap(_ image: SourceImage, key: String, columns: Int, rows: Int) -> UID {
        uid("heatmap", image.sopInstanceUID.uid.value, key, String(columns), String(rows))
    }
    /// The group that says what became of the analysis: 0 for the whole, else the image's number.
    func status(_ number: Int) -> UID { uid("status", String(number)) }

    /// What is tracked is the model's finding on an image: the same over runs, revisions, shapes and languages.
    func tracking(_ image: SourceImage, key: String, region: Int?) -> UID {
        var fields = Fields(domain: "overread.tracking.1")
        fields.add(deviceUID.value)
        fields.add(image.sopInstanceUID.uid.value)
        fields.add(key)
        fields.add(region.map(String.init) ?? "")
        return ResultUIDs.uid(of: fields.bytes)
    }

    private func uid(_ parts: String...) -> UID {
        var fields = Fields(domain: "overread.index.1")
        fields.add(common)
        for part in parts { fields.add(part) }
        return ResultUIDs.uid(of: fields.bytes)
    }

    /// A UUID of version 8 (RFC 9562 5.8: made by the application's own rule).
    private static func uid(of bytes: [UInt8]) -> UID {
        var digest = Array(SHA256.hash(data: bytes).prefix(16))
        digest[6] = digest[6] & 0x0F | 0x80
        digest[8] = digest[8] & 0x3F | 0x80
        return UID(uuidBytes: digest)
    }

    /// Fields with their lengths before them: no two lists of fields give the same bytes.
    private struct Fields {
        var bytes: [UInt8] = []
        init(domain: String) { add(domain) }
        mutating func add(_ text: String) { add(Array(text.utf8)) }
        mutating func add(_ field: [UInt8]) {
            for shift in stride(from: 24, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: field.count >> shift))
            }
            bytes += field
        }
    }
}
