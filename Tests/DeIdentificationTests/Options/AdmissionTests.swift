import DCMTKBridge
import DICOMCore
import Testing

@testable import DeIdentification

private let root = "1.2.840.10008.5.1.4.1.1."

@Suite struct AdmissionTests {
    private func refusal(
        _ sopClass: String, _ elements: [TestElement] = [], _ options: Set<ConfidentialityOption> = [],
        pixels: PixelPolicy = .refuse
    ) throws -> DeIdentificationError? {
        try startDCMTK()
        let header = try DataSet(
            parsing: TestElement.encode(TestElement.instance(sopClass: sopClass) + elements, explicitVR: true),
            transferSyntax: .explicitVRLittleEndian)
        let identity = try Identity.capture(from: header)
        let admission = Admission(profile: try ConfidentialityProfile(options), pixels: pixels)
        do {
            try admission.check(header, of: identity)
            return nil
        } catch {
            return error
        }
    }

    /// Item 22 of the acceptance list; private classes are refused by the engine, whatever the policy.
    @Test func aClassIsRefusedThatTheProfileDoesNotClean() throws {
        for suffix in ["104.1", "104.2", "104.3", "104.4", "104.5"] {
            #expect(
                try refusal(root + suffix, [], Set(ConfidentialityOption.allCases).subtracting([.retainFullDates]))
                    == .encapsulatedDocument)
        }
        #expect(try refusal("1.2.840.10008.1.3.10", [], [.cleanGraphics, .cleanStructuredContent]) == .directory)
        #expect(try refusal(root + "88.59") == .classNeedsOption(.cleanStructuredContent))
        #expect(try refusal(root + "88.59", [], [.cleanStructuredContent]) == nil)
        for number in 1...12 {
            #expect(try refusal(root + "11.\(number)") == .classNeedsOption(.cleanGraphics))
            #expect(try refusal(root + "11.\(number)", [], [.cleanGraphics]) == nil)
        }
        for suffix in ["88.11", "88.33", "88.34", "88.67", "481.3", "481.5", "9.1.1", "66.4", "1", "1.1", "2"] {
            #expect(try refusal(root + suffix) == nil, "\(suffix)")
        }
    }

    /// Item 17: what is known to carry text is taken only with the sender's word that it does not.
    @Test func aPictureThatMayShowTextNeedsTheWordOfItsSender() throws {
        for suffix in ["6.1", "3.1", "7", "7.2", "7.4", "12.1", "12.2", "77.1.1", "77.1.4"] {
            #expect(try refusal(root + suffix) == .mayShowText, "\(suffix)")
            #expect(try refusal(root + suffix, [.text(.burnedInAnnotation, "CS", "YES")]) == .mayShowText)
            #expect(try refusal(root + suffix, [.text(.burnedInAnnotation, "CS", "")]) == .mayShowText)
            #expect(try refusal(root + suffix, [.text(.burnedInAnnotation, "CS", "NO")]) == nil)
            #expect(try refusal(root + suffix, pixels: .accept) == nil)
        }
        #expect(try refusal(root + "1.1", [.text(.burnedInAnnotation, "CS", "YES")]) == .mayShowText)
        #expect(try refusal(root + "2", [.text(.imageType, "CS", "DERIVED\\SECONDARY\\SCREEN SAVE")]) == .mayShowText)
        #expect(try refusal(root + "2", [.text(.imageType, "CS", "DERIVED\\SECONDARY")]) == .mayShowText)
        #expect(
            try refusal(
                root + "2", [.text(.imageType, "CS", "DERIVED\\SECONDARY"), .text(.burnedInAnnotation, "CS", "NO")])
                == nil)
    }

    @Test func plainRadiographsAndSlicesAreTaken() throws {
        for (suffix, type) in [
            ("1", "ORIGINAL\\PRIMARY"), ("1.1", "DERIVED\\PRIMARY"), ("1.1", "ORIGINAL\\PRIMARY\\"),
            ("2", "ORIGINAL\\PRIMARY\\AXIAL"),
            ("4", "DERIVED\\PRIMARY\\MPR"), ("1", ""),
        ] {
            let elements: [TestElement] = [
                .text(.imageType, "CS", type), .text(.bodyPartExamined, "CS", "CHEST"),
                .text(.studyDescription, "LO", "CT chest, head first"),
            ]
            #expect(try refusal(root + suffix, elements) == nil, "\(suffix) \(type)")
        }
        #expect(try refusal(root + "1", [.text(.bodyPartExamined, "CS", "SKULL")]) == nil, "a projection shows no face")
    }

    /// Item 18.
    @Test func aVolumeOfAHeadIsRefused() throws {
        let head: [[TestElement]] = [
            [.text(.bodyPartExamined, "CS", "HEAD")], [.text(.bodyPartExamined, "CS", "WHOLEBODY")],
            [
                .items(
                    .anatomicRegionSequence,
                    [[.text(.codeValue, "SH", "69536005"), .text(.codingSchemeDesignator, "SH", "SCT")]])
            ],
            [
                .items(
                    .anatomicRegionSequence,
                    [[.text(.codeValue, "SH", "T-D1100"), .text(.codingSchemeDesignator, "SH", "SRT")]])
            ],
            [.text(.studyDescription, "LO", "CT Brain w/o")], [.text(.seriesDescription, "LO", "Schädel nativ")],
            [.text(.protocolName, "LO", "NEURO_HEAD")], [.text(.recognizableVisualFeatures, "CS", "YES")],
        ]
        for elements in head {
            for suffix in ["2", "2.1", "4", "4.1", "128"] {
                #expect(try refusal(root + suffix, elements) == .mayShowFace, "\(elements)")
                #expect(
                    try refusal(
                        root + suffix,
                        elements.filter { $0.tag != .recognizableVisualFeatures } + [
                            .text(.recognizableVisualFeatures, "CS", "NO")
                        ])
                        == nil)
                #expect(try refusal(root + suffix, elements, pixels: .accept) == nil)
            }
        }
        #expect(try refusal(root + "13.1.2") == .mayShowFace)
        #expect(try refusal(root + "1.1", [.text(.recognizableVisualFeatures, "CS", "YES")]) == .mayShowFace)
        #expect(
            try refusal(root + "2", [.text(.bodyPartExamined, "CS", "CHEST"), .text(.studyDescription, "LO", "head")])
                == nil)
    }
}
