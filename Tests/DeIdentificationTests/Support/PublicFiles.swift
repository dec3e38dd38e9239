import DCMTKBridge
import DICOMCore
import Foundation

@testable import DeIdentification

/// The public files beside the checkout, where a machine has them. They are never in the repository.
enum PublicFiles {
    private static let folder: URL = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "shared/data/dicom")

    static let paths: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".dcm") }.sorted().map { folder.appending(path: $0).path }
    }()

    /// Whether there are any; says so once where there are none.
    static let areThere: Bool = {
        if paths.isEmpty { print("skipped: no public files beside the checkout (shared/data/dicom)") }
        return !paths.isEmpty
    }()
}

/// A file taken apart as a receiver takes apart what it gets. Nil where the pre-parser or DCMTK refuses it.
struct TakenApart {
    let file: [UInt8]
    let location: PixelDataLocation
    var header: [UInt8] { Array(file[location.header]) }
    var transferSyntax: TransferSyntax { location.meta.transferSyntax }
    /// Pixel Data with its element header, as received.
    var pixelData: [UInt8] { (location.element?.encodedHeader ?? []) + file[location.pixelData] }

    init?(path: String) {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        file = Array(data)
        guard let location = try? file.withUnsafeBytes({ try PixelDataLocation(parsing: $0) }) else { return nil }
        self.location = location
        guard (try? DataSet(parsing: header, transferSyntax: transferSyntax)) != nil else { return nil }
    }
}

/// What a file holds that must not be in what comes out, found by a walk of its own: each unregistered UID, what the
/// Patient
/// module says, and the text of person names, descriptions, visit and private elements as far as it is not also what
/// the
/// profile keeps (a model's name may be the station's name, too).
func identityStrings(of header: borrowing DataSet) throws -> Set<[UInt8]> {
    var certain: Set<[UInt8]> = []
    var likely: Set<[UInt8]> = []
    var keptText: [[UInt8]] = []
    try header.rewrite { element in
        let values = element.value.split(separator: 0x5C).map { Array($0.trimmedPadding) }
        let row = BasicProfile2026d.rowsByTag[element.tag.rawValue]
        switch element.vr {
        case "UI": certain.formUnion(values.filter { $0.count >= 8 && !isPublic($0) })
        case "PN", "LO", "SH", "LT", "ST", "UT", "DA", "DT", "CS":
            let long = values.filter { $0.count >= 5 }
            if element.tag.group == 0x0010, row != nil, element.vr != "CS" {
                certain.formUnion(long.filter { $0.count >= 6 })
            } else if element.tag.isPrivate || row != nil || element.vr == "PN" {
                likely.formUnion(long.filter { $0.count >= 8 })
            } else {
                keptText += long
            }
        default: break
        }
        return .keep
    }
    let kept = Array(keptText.joined(separator: [0x5C]))
    let dummies = [Array("REMOVED".utf8), Array("19000101".utf8)]
    return certain.union(likely.filter { !kept.contains(bytes: $0) }).subtracting(dummies)
}

private func isPublic(_ uid: [UInt8]) -> Bool {
    String(decoding: uid, as: UTF8.self).hasPrefix("1.2.840.10008.")
}
