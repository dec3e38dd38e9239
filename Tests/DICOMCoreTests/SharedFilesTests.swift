import DICOMCore
import Foundation
import Testing

/// Real files of many kinds, where they are at hand: `../shared/data/dicom` beside the checkout.
@Suite(
    .enabled(
        if: SharedFiles.isThere, "needs ../shared/data/dicom beside the checkout, which is not part of the repository"))
struct SharedFilesTests {
    /// pydicom's answer is the expectation: another program, written by others.
    @Test func headerAndPixelDataAreWherePydicomFindsThem() throws {
        for expected in SharedFile.readable {
            let file = try SharedFiles.read(expected.name)
            let location = try file.withUnsafeBytes { try PixelDataLocation(parsing: $0) }
            #expect(location.meta.transferSyntax.uid == expected.transferSyntax, "\(expected.name)")
            #expect(location.meta.dataSetOffset == expected.dataSet, "\(expected.name)")
            #expect(location.element == nil || location.pixelData == expected.pixelData, "\(expected.name)")
            #expect((location.element == nil) == (expected.pixelData == nil), "\(expected.name)")
            #expect(location.trailing.upperBound == file.count, "\(expected.name)")
        }
    }

    @Test func fragmentsGiveTheSameSplit() throws {
        for expected in SharedFile.readable {
            let file = [UInt8](try SharedFiles.read(expected.name).prefix(200_000))
            guard let syntax = TransferSyntax(uid: expected.transferSyntax) else { continue }
            let dataSet = Array(file[expected.dataSet...])
            var results: [Result<Split, PreParseError>] = []
            for size in [Int.max, 131_072, 4096, 61] {
                do {
                    results.append(.success(try Split(dataSet, syntax) { _ in size }))
                } catch let error as PreParseError {
                    results.append(.failure(error))
                }
            }
            #expect(results.dropFirst().allSatisfy { $0 == results[0] }, "\(expected.name)")
        }
    }

    @Test func damagedFilesAreRefusedForWhatTheyAre() throws {
        for (name, expected) in SharedFile.refused {
            let file = try SharedFiles.read(name)
            var refusal: SharedFile.Refusal?
            do {
                _ = try file.withUnsafeBytes { try PixelDataLocation(parsing: $0) }
            } catch let error as FileMetaInformationError {
                refusal = .head(error)
            } catch let error as PreParseError {
                refusal = .dataSet(error.reason)
            }
            #expect(refusal == expected, "\(name)")
        }
    }
}

private enum SharedFiles {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../shared/data/dicom").standardizedFileURL
    static let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    static var isThere: Bool { !names.isEmpty }

    /// The file whose name begins with the number and an underscore.
    static func read(_ number: String) throws -> Data {
        let name = try #require(names.first { $0.hasPrefix(number + "_") }, "no file \(number)")
        return try Data(contentsOf: folder.appending(path: name))
    }
}
