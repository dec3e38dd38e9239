import Foundation
import NodeTestSupport
import Testing

/// What must never be committed: images, studies, and the names of one workplace's machines.
@Suite struct RepositoryContentTests {
    private static let imageSuffixes: Set<String> = [
        "dcm", "dicom", "ima", "jpg", "jpeg", "png", "jp2", "tif", "tiff", "nii", "bmp",
    ]

    @Test(.enabled(if: FileManager.default.fileExists(atPath: Checkout.path(".git")), "needs a git checkout"))
    func noImageAndNoDICOMFileIsTracked() async throws {
        let files = try #require(await Repository.tracked())
        #expect(files.contains("Package.swift"))
        for file in files {
            #expect(!Self.imageSuffixes.contains(URL(filePath: file).pathExtension.lowercased()), "\(file)")
            #expect(try !Self.isPart10(Checkout.path(file)), "\(file) is a DICOM file")
        }
    }

    /// A Part 10 file is known by "DICM" after 128 bytes, whatever its name.
    private static func isPart10(_ path: String) throws -> Bool {
        var isFolder: ObjCBool = false  // a tracked link may point to one
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue,
            let handle = FileHandle(forReadingAtPath: path)
        else { return false }
        defer { try? handle.close() }
        return try handle.read(upToCount: 132)?.suffix(4) == Data("DICM".utf8)
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: Checkout.path(".git")), "needs a git checkout"))
    func noTextNamesARegistryOrAMachinesOwnFolder() async throws {
        let files = try #require(await Repository.tracked())
        // Written in two pieces, or this file would be the first to be found.
        let forbidden = ["artifact" + "ory", "pypi." + "org/simple", "index" + "-url", "/wo" + "rk/", "/ro" + "ot/"]
        for file in files where !["onnx", "pt", "safetensors", "gz", "bin"].contains(URL(filePath: file).pathExtension)
        {
            guard let data = FileManager.default.contents(atPath: Checkout.path(file)), data.count < 4_000_000 else {
                continue
            }
            for word in forbidden { #expect(data.range(of: Data(word.utf8)) == nil, "\(file) holds \(word)") }
        }
    }
}
