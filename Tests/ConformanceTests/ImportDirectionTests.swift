import Foundation
import NodeTestSupport
import Testing

/// DESIGN.md's rule: imports go one way, feature modules never import one another, and each C boundary has one importer.
@Suite struct ImportDirectionTests {
    private static let features: Set<String> = [
        "DICOMNetwork", "DeIdentification", "StudyQueue", "Detection", "Results",
    ]

    /// What each module of Sources may import of this package. A module that is not listed here fails the test, so that a
    /// new one is placed on purpose.
    private static let allowed: [String: Set<String>] = [
        "DICOMCore": [],
        "DCMTKBridge": ["CDCMTK", "CDCMTKShims", "DICOMCore"],
        "DICOMNetwork": ["DCMTKBridge", "DICOMCore"],
        "DeIdentification": ["DCMTKBridge", "DICOMCore"],
        "StudyQueue": ["DICOMCore"],
        "Detection": ["DCMTKBridge", "DICOMCore", "COpenVINO"],
        "Results": ["DCMTKBridge", "DICOMCore", "CPangoCairo"],
        "OverreadNode": features.union(["DCMTKBridge", "DICOMCore"]),
        "overread": features.union(["OverreadNode", "DICOMCore"]),
    ]
    private static let ours = Set(allowed.keys).union([
        "CDCMTK", "CDCMTKShims", "COpenVINO", "CPangoCairo", "NodeTestSupport",
    ])

    @Test func everyImportGoesTheAllowedWay() throws {
        var wrong: [String] = []
        var imports = 0
        for file in try Repository.files(below: "Sources", suffixes: ["swift"]) {
            let module = String(file.dropFirst("Sources/".count).prefix { $0 != "/" })
            for imported in try ImportDirectionTests.modules(
                importedIn: String(contentsOfFile: Checkout.path(file), encoding: .utf8))
            {
                imports += 1
                guard Self.ours.contains(imported), imported != module else { continue }
                if Self.allowed[module]?.contains(imported) != true { wrong.append("\(file) imports \(imported)") }
            }
        }
        #expect(imports > 20, "the search found next to nothing, so it proves nothing")
        #expect(wrong.isEmpty, "\(wrong.joined(separator: "\n"))")
    }

    @Test func theCBoundariesHaveOneImporterEachInTestsToo() throws {
        let importers = [
            "CDCMTKShims": "DCMTKBridge", "CDCMTK": "DCMTKBridge", "COpenVINO": "Detection", "CPangoCairo": "Results",
        ]
        var wrong: [String] = []
        for file in try Repository.files(below: "Sources", suffixes: ["swift"])
            + Repository.files(below: "Tests", suffixes: ["swift"])
        {
            for imported in try ImportDirectionTests.modules(
                importedIn: String(contentsOfFile: Checkout.path(file), encoding: .utf8))
            {
                guard let owner = importers[imported] else { continue }
                let places = ["Sources/\(owner)/", "Tests/\(owner)Tests/"]
                if !places.contains(where: file.hasPrefix) { wrong.append("\(file) imports \(imported)") }
            }
        }
        #expect(wrong.isEmpty, "\(wrong.joined(separator: "\n"))")
    }

    /// No DCMTK type crosses the boundary: the shim's headers are plain C.
    @Test func theShimsHeadersNameNoTypeOfDCMTK() throws {
        let headers = try Repository.files(below: "Sources/CDCMTKShims/include", suffixes: ["h"])
        #expect(!headers.isEmpty)
        for header in headers {
            let text = try String(contentsOfFile: Checkout.path(header), encoding: .utf8)
            #expect(
                text.firstMatch(of: /#include\s*[<"]dcmtk\/|\b(Dcm[A-Z]|OF(String|Condition|List)|T_ASC_|T_DIMSE_)/)
                    == nil, "\(header)")
        }
    }

    @Test func theSearchKnowsEveryFormOfAnImport() {
        let source = """
            import Alpha
            @testable import Beta
            package import Gamma
            @preconcurrency internal import struct Delta.Thing
            // import Commented
            let text = "import Quoted"
            """
        #expect(Self.modules(importedIn: source) == ["Alpha", "Beta", "Gamma", "Delta"])
    }

    private static func modules(importedIn source: String) -> [String] {
        let form =
            /^(?:@\w+\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)/
        return source.split(separator: "\n").compactMap { line in
            line.firstMatch(of: form).map { String($0.1) }
        }
    }
}
