import DCMTKBridge
import DICOMCore
import Testing

@testable import Results

@Suite("Secondary capture")
struct SecondaryCaptureTests {
    private func object(_ change: (inout ReportInput) -> Void = { _ in }) throws -> DataSet {
        var input = Fixture.input()
        change(&input)
        return try SecondaryCapture.build(try Fixture.request(), input, identity: try Fixture.identity())
    }

    @Test("It says that it is derived, annotated, for research, and what from")
    func attributes() throws {
        let object = try object()
        let expected: [(UInt32, String)] = [
            (0x0008_0016, "1.2.840.10008.5.1.4.1.1.7"), (0x0008_0008, "DERIVED\\SECONDARY"), (0x0008_0060, "OT"),
            (0x0008_0064, "WSD"), (0x0028_0301, "YES"), (0x0028_0302, "NO"), (0x0018_9004, "RESEARCH"),
            (0x0028_2110, "00"), (0x0028_0004, "RGB"), (0x0020_0011, "9002"), (0x0020_0013, "1"),
            (0x0020_0020, "L\\F"), (0x0018_0015, "CHEST"), (0x0020_000D, Fixture.studyUID),
            (0x0010_0020, "PID 0042"), (0x0020_4000, "Investigational - not for diagnostic use"),
            (0x0008_103E, "AI heatmap - research, not for diagnosis"),
        ]
        for (tag, value) in expected { #expect(object.string(Tag(tag)) == value, "\(Tag(tag))") }
        let source = try object.item(Tag(0x0008, 0x2112), at: 0)
        #expect(source.string(Tag(0x0008, 0x1155)) == Fixture.image().sopInstanceUID.uid.value)
        #expect(source.string(Tag(0x0028, 0x135A)) == "NO")
        let purpose = try source.item(Tag(0x0040, 0xA170), at: 0)
        #expect(purpose.string(Tag(0x0008, 0x0100)) == "121322")
        let report = try object.item(Tag(0x0008, 0x114A), at: 0)
        #expect(
            report.string(Tag(0x0008, 0x1155)) == StructuredReport.reference(Fixture.input()).sopInstanceUID.uid.value)
        #expect(object.itemCount(Tag(0x0018, 0xA001)) == 1)
        #expect(object.string(Tag(0x0008, 0x2111))?.contains("cxr-vit-s 1.0.0") == true)
        let (rows, columns) = (object.number(Tag(0x0028, 0x0010))!, object.number(Tag(0x0028, 0x0011))!)
        let encoded = try object.encoded(as: .implicitVRLittleEndian)
        let length = Int(rows * columns) * 3
        #expect(encoded.suffix(length + 8).prefix(4) == [0xE0, 0x7F, 0x10, 0x00])
        #expect(
            encoded.suffix(length + 4).prefix(4).elementsEqual(
                [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: length >> $0) }))
    }

    @Test("Spacing is scaled with the matrix and keeps its kind; loss is never forgotten")
    func spacing() throws {
        let plain = try object()
        #expect(plain.string(Tag(0x0018, 0x1164)) == "0.139\\0.139")
        #expect(plain.vr(Tag(0x0028, 0x0030)) == nil)
        let calibrated = try object { input in
            input.images[0].image.rows = 1200
            input.images[0].image.columns = 1000
            input.images[0].image.isLossy = true
            input.images[0].image.spacing = PixelSpacing(
                pixelSpacing: PixelSpacing.Pair(row: 0.2, column: 0.1), calibrationType: "GEOMETRY",
                calibrationDescription: "SID and SOD")
        }
        #expect(calibrated.string(Tag(0x0028, 0x0030)) == "0.4\\0.2")
        #expect(calibrated.string(Tag(0x0028, 0x0A02)) == "GEOMETRY")
        #expect(calibrated.string(Tag(0x0028, 0x0A04)) == "SID and SOD")
        #expect(calibrated.string(Tag(0x0028, 0x2110)) == "01")
        #expect(calibrated.vr(Tag(0x0018, 0x1164)) == nil)
        let none = try object { $0.images[0].image.spacing = PixelSpacing() }
        #expect(none.vr(Tag(0x0028, 0x0030)) == nil && none.vr(Tag(0x0018, 0x1164)) == nil)
    }

    @Test("Nothing is made for a finding that is not present")
    func negative() throws {
        var request = try Fixture.request()
        request.findingKey = "effusion"
        let identity = try Fixture.identity()
        #expect(throws: ResultError.contradictoryFinding(key: "effusion")) {
            _ = try SecondaryCapture.build(request, Fixture.input(), identity: identity).string(.modality)
        }
        #expect(throws: ResultError.picture("there is no such finding")) {
            _ = try SecondaryCapture.build(request, Fixture.input(Fixture.failed), identity: identity).string(.modality)
        }
    }

    @Test("Equal inputs give equal bytes; findings share the series and not the instance")
    func determinism() throws {
        let first = try object()
        let bytes = (try object().encoded(as: .explicitVRLittleEndian), try first.encoded(as: .explicitVRLittleEndian))
        #expect(bytes.0 == bytes.1)
        let other = try object { $0.revision = 2 }
        #expect(other.string(Tag(0x0008, 0x0018)) != first.string(Tag(0x0008, 0x0018)))
        #expect(other.string(Tag(0x0008, 0x103E)) == "AI heatmap - research, not for diagnosis (revision 2)")
        let report = try StructuredReport.build(Fixture.input(), identity: try Fixture.identity())
        #expect(first.string(Tag(0x0020, 0x000E)) != report.string(Tag(0x0020, 0x000E)))
    }
}
