import DCMTKBridge
import DICOMCore
import Foundation
import NodeTestSupport
import Testing

@testable import Results

/// Whose a result is, whatever character set the source's name is in.
@Suite struct CharacterSetTests {
    /// The files of pydicom's own tests, one for each character set of PS3.5's annexes and more.
    private static let files: [String] = {
        let library = Checkout.path(".deps/python/lib")
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: library)) ?? []
        for version in versions.sorted() {
            let folder = "\(library)/\(version)/site-packages/pydicom/data/charset_files"
            guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { continue }
            return names.filter { $0.hasSuffix(".dcm") }.sorted().map { "\(folder)/\($0)" }
        }
        return []
    }()

    private func names(_ files: [String]) async throws -> [String] {
        let finished = try await PeerTool.python("read_names.py", files)
        guard finished.succeeded else { throw TestSupportError(finished.everything) }
        return try JSONDecoder().decode([String].self, from: Data(finished.output.utf8))
    }

    @Test(
        "pydicom reads the source's name in a result, in the source's own set and in UTF-8",
        .enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
    func namesOfResults() async throws {
        let folder = try TemporaryFolder()
        var (sources, results): ([String], [String]) = ([], [])
        for file in Self.files {
            let contents = try Data(contentsOf: URL(filePath: file))
            let location = try contents.withUnsafeBytes { try PixelDataLocation(parsing: $0) }
            let source = try DataSet(
                parsing: Array(contents[location.header]), transferSyntax: location.meta.transferSyntax)
            // Some have no study: only name and set are taken from them.
            let identity = try Fixture.identity { identity in
                for tag in [Tag.specificCharacterSet, Tag.patientName] { try identity.remove(tag) }
                try source.copyAttributes([Tag.specificCharacterSet, Tag.patientName], to: identity)
            }
            var umlaut = Fixture.input()
            umlaut.algorithm.manufacturer = "Prüfstelle"
            for (number, input) in [Fixture.input(), umlaut].enumerated() {
                let path = folder.path("\(results.count).dcm")
                let report = try StructuredReport.build(input, identity: identity)
                let set = report.string(Tag.specificCharacterSet)
                #expect(number == 0 ? set == identity.string(Tag.specificCharacterSet) : set == "ISO_IR 192")
                try Fixture.file(report).write(to: URL(filePath: path))
                sources.append(file)
                results.append(path)
            }
        }
        #expect(sources.count > 30)
        let (before, after) = (try await names(sources), try await names(results))
        for (index, name) in before.enumerated() {
            // A group without characters at the end says nothing.
            #expect(
                after[index].trimmingSuffix("=") == name.trimmingSuffix("="),
                "\(URL(filePath: sources[index]).lastPathComponent)")
        }
    }
}

extension String {
    fileprivate func trimmingSuffix(_ character: Character) -> String {
        var text = self[...]
        while text.last == character { text.removeLast() }
        return String(text)
    }
}
