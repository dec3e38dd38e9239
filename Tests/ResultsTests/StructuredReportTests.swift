import DCMTKBridge
import DICOMCore
import Testing

@testable import Results

/// The content tree as lines: depth, relationship, value type, concept and value.
func treeLines(of object: borrowing DataSet, depth: Int = 0) throws -> [String] {
    var lines: [String] = []
    let sequence = Tag(0x0040, 0xA730)
    for index in 0..<object.itemCount(sequence) {
        let item = try object.item(sequence, at: index)
        func code(_ tag: Tag) throws -> String {
            guard item.itemCount(tag) > 0 else { return "-" }
            let entry = try item.item(tag, at: 0)
            return "\(entry.string(Tag(0x0008, 0x0100)) ?? "?")"
        }
        let type = item.string(Tag(0x0040, 0xA040)) ?? "?"
        var value = ""
        switch type {
        case "CODE": value = try code(Tag(0x0040, 0xA168))
        case "TEXT": value = item.string(Tag(0x0040, 0xA160)) ?? "?"
        case "UIDREF": value = item.string(Tag(0x0040, 0xA124)) ?? "?"
        case "NUM":
            let measured = try item.item(Tag(0x0040, 0xA300), at: 0)
            let unit = try measured.item(Tag(0x0040, 0x08EA), at: 0)
            value = "\(measured.string(Tag(0x0040, 0xA30A)) ?? "?") \(unit.string(Tag(0x0008, 0x0100)) ?? "?")"
        case "IMAGE":
            value = try item.item(Tag(0x0008, 0x1199), at: 0).string(Tag(0x0008, 0x1155)) ?? "?"
        case "SCOORD":
            value = (0..<10).map { "\(item.number(Tag(0x0070, 0x0022), at: $0) ?? .nan)" }.joined(separator: " ")
        default: break
        }
        let relationship = item.string(Tag(0x0040, 0xA010)) ?? "?"
        lines.append("\(depth) \(relationship) \(type) \(try code(Tag(0x0040, 0xA043))) \(value)")
        lines += try treeLines(of: item, depth: depth + 1)
    }
    return lines
}

@Suite("Structured report")
struct StructuredReportTests {
    private func report(_ input: ReportInput) throws -> DataSet {
        try StructuredReport.build(input, identity: try Fixture.identity())
    }

    @Test("A positive study names finding, probability, presence, tier and each region")
    func positive() throws {
        let tree = try treeLines(of: try report(Fixture.input()))
        #expect(tree.contains("2 CONTAINS CODE 111017 111242"))
        #expect(tree.contains("2 CONTAINS CODE 111064 111222"))
        #expect(tree.contains("2 CONTAINS NUM 122157 0.8712345 1"))
        #expect(tree.contains("2 HAS CONCEPT MOD TEXT 111002 threshold=0.45"))
        #expect(tree.contains("2 HAS CONCEPT MOD TEXT 111002 calibrated=yes"))
        #expect(tree.contains("2 CONTAINS CODE 4147007 52101004"))
        #expect(tree.contains("2 CONTAINS CODE 60046008 272519000"))
        #expect(tree.contains("2 CONTAINS CODE confidence-tier 75540009"))
        #expect(tree.contains("3 HAS CONCEPT MOD CODE 272741003 7771000"))
        #expect(
            tree.contains("2 CONTAINS SCOORD 111030 100.25 150.5 220.0 150.5 220.0 300.0 100.25 300.0 100.25 150.5"))
        #expect(tree.contains("2 CONTAINS NUM 103339001 149.5 {pixels}"))
        #expect(tree.count(where: { $0.hasPrefix("1 CONTAINS CONTAINER 125007") }) == 5)
        #expect(tree.count(where: { $0.hasPrefix("3 SELECTED FROM IMAGE") }) == 2)
        #expect(tree.contains("0 HAS CONCEPT MOD CODE 121058 36643-5"))
    }

    @Test("A negative study says so for each class and has no region")
    func negative() throws {
        let object = try report(Fixture.input(Fixture.negative))
        let tree = try treeLines(of: object)
        #expect(tree.contains("2 CONTAINS CODE 111017 111241"))
        #expect(tree.contains("2 CONTAINS CODE 4147007 272519000"))
        #expect(!tree.contains { $0.contains("SCOORD") || $0.contains("52101004") })
        #expect(object.string(Tag(0x0040, 0xA491)) == "COMPLETE")
    }

    @Test(
        "A study without an answer says why and claims nothing",
        arguments: [
            (Fixture.failed, "111224", "model-output-not-finite: The model gave no number."),
            (Fixture.outOfScope, "111225", "view-not-accepted: The model does not read lateral views."),
        ])
    func noAnswer(outcomes: [AnalysisOutcome], detections: String, comment: String) throws {
        let object = try report(Fixture.input(outcomes))
        let tree = try treeLines(of: object)
        #expect(tree.contains("2 CONTAINS CODE 111017 111245"))
        #expect(tree.contains("2 CONTAINS CODE 111064 \(detections)"))
        #expect(tree.contains("2 CONTAINS TEXT 121106 \(comment)"))
        // The image library's matrix is all that may be counted.
        #expect(!tree.contains { $0.contains("NUM 122157") || $0.contains("52101004") || $0.contains("272519000") })
        #expect(object.string(Tag(0x0040, 0xA491)) == "PARTIAL")
        #expect(object.string(Tag(0x0040, 0xA492))?.isEmpty == false)
    }

    @Test("Several images have one overall status and one each")
    func severalImages() throws {
        let object = try report(Fixture.input(Fixture.mixed))
        let tree = try treeLines(of: object)
        #expect(tree.contains("2 CONTAINS CODE 111017 111244"))
        #expect(tree.contains("2 CONTAINS CODE 111064 111223"))
        #expect(tree.contains("2 CONTAINS TEXT 121106 1 of 3 images analysed."))
        #expect(tree.contains("2 HAS OBS CONTEXT TEXT 112039 AI-0.3 Analysis status of image 3"))
        #expect(tree.count(where: { $0.contains("CODE 111064 111224") }) == 1)
        #expect(tree.count(where: { $0.contains("CODE 111064 111225") }) == 1)
        #expect(object.string(Tag(0x0040, 0xA491)) == "PARTIAL")
        // Images 1 and 3 are of one series, image 2 of another.
        let evidence = try object.item(Tag(0x0040, 0xA375), at: 0)
        #expect(evidence.itemCount(Tag(0x0008, 0x1115)) == 2)
        let series = try evidence.item(Tag(0x0008, 0x1115), at: 0)
        #expect(series.itemCount(Tag(0x0008, 0x1199)) == 2)
    }

    @Test("Both shapes carry the same content, under their own SOP class")
    func shapes() throws {
        var input = Fixture.input()
        let first = try report(input)
        input.shape = .comprehensive
        let second = try report(input)
        #expect(first.string(Tag(0x0008, 0x0016)) == "1.2.840.10008.5.1.4.1.1.88.34")
        #expect(second.string(Tag(0x0008, 0x0016)) == "1.2.840.10008.5.1.4.1.1.88.33")
        // Status groups are of the document, findings are tracked over documents.
        let withoutStatus = { (line: String) in !line.contains("UIDREF 112040") }
        let trees = (try treeLines(of: first), try treeLines(of: second))
        #expect(trees.0.filter(withoutStatus) == trees.1.filter(withoutStatus))
    }

    @Test("Observer, algorithm and contributing equipment say the same of the model")
    func observerEqualsEquipment() throws {
        let object = try report(Fixture.input())
        let tree = try treeLines(of: object)
        let equipment = try object.item(Tag(0x0018, 0xA001), at: 0)
        let purpose = try equipment.item(Tag(0x0040, 0xA170), at: 0)
        #expect(purpose.string(Tag(0x0008, 0x0100)) == "109102")
        let model = equipment.string(Tag(0x0008, 0x1090)) ?? "?"
        let maker = equipment.string(Tag(0x0008, 0x0070)) ?? "?"
        let version = equipment.string(Tag(0x0018, 0x1020)) ?? "?"
        let device = equipment.string(Tag(0x0018, 0x1002)) ?? "?"
        #expect(model == "cxr-vit-s" && version == "1.0.0" && device == "2.25.1234567890")
        #expect(tree.contains("0 HAS OBS CONTEXT TEXT 121014 \(maker)"))
        #expect(tree.contains("0 HAS OBS CONTEXT TEXT 121015 \(model)"))
        #expect(tree.contains("0 HAS OBS CONTEXT UIDREF 121012 \(device)"))
        for group in tree.split(whereSeparator: { $0.hasPrefix("1 CONTAINS CONTAINER 125007") }).dropFirst() {
            #expect(group.contains("2 HAS CONCEPT MOD TEXT 111001 \(model)"))
            #expect(group.contains("2 HAS CONCEPT MOD TEXT 111003 \(version)"))
        }
    }

    @Test("Patient and study are the original's, empty ones included, and the request is referred to")
    func identity() throws {
        let identity = try Fixture.identity { set in
            try set.set(Tag(0x0010, 0x0040), "")
            try set.remove(Tag(0x0008, 0x0050))
        }
        let object = try StructuredReport.build(Fixture.input(), identity: identity)
        #expect(object.bytes(Tag(0x0010, 0x0010)) == identity.bytes(Tag(0x0010, 0x0010)))
        #expect(object.multiplicity(Tag(0x0010, 0x0040)) == 0)
        #expect(object.multiplicity(Tag(0x0008, 0x0050)) == 0)
        #expect(object.string(Tag(0x0008, 0x0005)) == "ISO_IR 100")
        let request = try object.item(Tag(0x0040, 0xA370), at: 0)
        #expect(request.string(Tag(0x0040, 0x1001)) == "RP-9")
        #expect(request.string(Tag(0x0020, 0x000D)) == Fixture.studyUID)
    }

    @Test("A new revision names the old report and says its number")
    func revision() throws {
        let first = Fixture.input()
        var second = first
        second.revision = 2
        second.predecessor = StructuredReport.reference(first)
        let object = try report(second)
        let old = try report(first)
        #expect(object.string(Tag(0x0008, 0x103E)) == "AI report - research, not for diagnosis (revision 2)")
        let study = try object.item(Tag(0x0040, 0xA360), at: 0)
        let series = try study.item(Tag(0x0008, 0x1115), at: 0)
        let named = try series.item(Tag(0x0008, 0x1199), at: 0)
        #expect(named.string(Tag(0x0008, 0x1155)) == old.string(Tag(0x0008, 0x0018)))
        #expect(series.string(Tag(0x0020, 0x000E)) == old.string(Tag(0x0020, 0x000E)))
        #expect(object.string(Tag(0x0008, 0x0018)) != old.string(Tag(0x0008, 0x0018)))
    }

    @Test("The time of analysis is on the source's clock where the source names one")
    func timezone() throws {
        let here = try report(Fixture.input())
        #expect(here.string(Tag(0x0008, 0x0033)) == "201816")
        let identity = try Fixture.identity { try $0.set(Tag(0x0008, 0x0201), "-0530") }
        let there = try StructuredReport.build(Fixture.input(), identity: identity)
        #expect(there.string(Tag(0x0008, 0x0033)) == "134816")
        #expect(there.string(Tag(0x0008, 0x0201)) == "-0530")
    }

    @Test("Millimetres appear only where the source is calibrated")
    func calibration() throws {
        var input = Fixture.input()
        input.images[0].image.spacing = PixelSpacing(
            pixelSpacing: PixelSpacing.Pair(row: 0.2, column: 0.1), calibrationType: "FIDUCIAL")
        let calibrated = try treeLines(of: try report(input))
        #expect(calibrated.contains("2 CONTAINS NUM 103339001 29.9 mm"))
        #expect(calibrated.contains { $0.contains("NUM 111066 0.2 mm") })
        input.images[0].image.spacing.calibrationType = nil
        let uncalibrated = try treeLines(of: try report(input))
        #expect(!uncalibrated.contains { $0.hasSuffix(" mm") })
    }

    @Test("Equal inputs give equal bytes; what a result depends on changes its UID")
    func determinism() throws {
        let input = Fixture.input()
        let bytes = try report(input).encoded(as: .explicitVRLittleEndian)
        let again = try report(input).encoded(as: .explicitVRLittleEndian)
        #expect(again == bytes)
        var changed: [ReportInput] = [input]
        var other = input
        other.inputDigest[5] ^= 1
        changed.append(other)
        other = input
        other.algorithm.deviceUID = Fixture.uid("2.25.99")
        changed.append(other)
        other = input
        other.node.softwareVersion = "0.1.1"
        changed.append(other)
        other = input
        other.shape = .comprehensive
        changed.append(other)
        other = input
        other.language = .german
        changed.append(other)
        other = input
        other.revision = 2
        changed.append(other)
        changed.append(Fixture.input(Fixture.failed))
        let uids = changed.map { StructuredReport.reference($0).sopInstanceUID }
        #expect(Set(uids).count == changed.count)
        #expect(uids.allSatisfy { $0.uid.value.hasPrefix("2.25.") && $0.uid.value.count <= 64 })
    }

    @Test("Ten thousand results share no UID, and a tracked finding keeps its own")
    func uniqueness() throws {
        var seen: Set<UID> = []
        var input = Fixture.input()
        for number in 0..<10_000 {
            input.inputDigest = (0..<16).map { UInt8(truncatingIfNeeded: number >> ($0 % 4 * 8)) }
            let uids = ResultUIDs(input)
            let image = input.images[0].image
            seen.formUnion([
                uids.report, uids.reportSeries, uids.heatmapSeries, uids.status(0),
                uids.heatmap(image, key: "mass", columns: 10, rows: 10),
            ])
        }
        #expect(seen.count == 50_000)
        let image = input.images[0].image
        let first = ResultUIDs(input).tracking(image, key: "mass", region: 1)
        input.revision = 7
        #expect(ResultUIDs(input).tracking(image, key: "mass", region: 1) == first)
        #expect(ResultUIDs(input).tracking(image, key: "mass", region: nil) != first)
        #expect(ResultUIDs(input).tracking(Fixture.image(2), key: "mass", region: 1) != first)
    }
}
