import Foundation
import NodeTestSupport
import Testing

@testable import OverreadNode

/// Files of other people, of many makers, transfer syntaxes and kinds of damage.
@Suite struct PublicFilesTests {
    private struct Comparison: Decodable {
        let compared: Int
        let differ: [String]
    }

    /// pydicom's own test files and those of pydicom-data, which set-up installs.
    private static let bundled: [String] = {
        let library = Checkout.path(".deps/python/lib")
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: library).sorted()) ?? []
        guard let version = versions.first else { return [] }
        return ["pydicom/data", "data_store/data"].flatMap { files("\(library)/\(version)/site-packages/\($0)") }
    }()

    /// What lies beside the checkout on some machines; never in the repository.
    private static let shared: [String] = {
        let files = Self.files(Checkout.root.deletingLastPathComponent().appending(path: "shared/data/dicom").path)
        if files.isEmpty { print("skipped: no public files beside the checkout (shared/data/dicom)") }
        return files
    }()

    private static func files(_ folder: String) -> [String] {
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return names.sorted().map { "\(folder)/\($0)" }.filter {
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: $0, isDirectory: &isFolder) && !isFolder.boolValue
        }
    }

    /// De-identifies what is not refused, and has pydicom compare the pixels.
    private func compare(_ files: [String]) async throws -> (taken: Int, Comparison) {
        let folder = try TemporaryFolder()
        let pairs = try await Task.detached { try Self.copies(of: files, in: folder) }.value
        let list = folder.path("pairs.json")
        try JSONEncoder().encode(pairs).write(to: URL(filePath: list))
        let finished = try await PeerTool.python("same_pixels.py", [list], upTo: .seconds(300))
        guard finished.succeeded else { throw TestSupportError(finished.everything) }
        return (pairs.count, try JSONDecoder().decode(Comparison.self, from: Data(finished.output.utf8)))
    }

    private static func copies(of files: [String], in folder: TemporaryFolder) throws -> [[String]] {
        let engine = try engine(folder)
        var pairs: [[String]] = []
        for file in files {
            let copy = folder.path("\(pairs.count).dcm")
            do { try engine.deidentify(file, to: copy) } catch {
                #expect(!FileManager.default.fileExists(atPath: copy), "\(file)")
                #expect(!FileManager.default.fileExists(atPath: copy + ".part"), "\(file)")
                continue
            }
            pairs.append([file, copy])
        }
        return pairs
    }

    private static func engine(_ folder: TemporaryFolder) throws -> FileDeIdentification {
        try FileDeIdentification(NodeConfiguration(flags: .init(data: folder.path("data")), environment: [:]))
    }

    @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
    func bundledFilesKeepTheirPixels() async throws {
        let (taken, comparison) = try await compare(Self.bundled)
        #expect(taken > 200)
        #expect(comparison.compared > 120)
        #expect(comparison.differ.isEmpty, "\(comparison.differ)")
    }

    @Test(.enabled(if: PeerTool.pythonAvailable && !shared.isEmpty, "needs .deps/python and shared/data/dicom"))
    func sharedFilesKeepTheirPixels() async throws {
        let (taken, comparison) = try await compare(Self.shared)
        #expect(taken > 70)
        #expect(comparison.compared > 50)
        #expect(comparison.differ.isEmpty, "\(comparison.differ)")
    }
}
