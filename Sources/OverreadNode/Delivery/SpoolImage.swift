import DCMTKBridge
import DICOMCore
import Foundation
import Results

/// An image of the spool as results refer to it: original UIDs from the opened identity, the picture's own attributes from
/// the de-identified file.
enum SpoolImage {
    /// Reads a file's header and joins it with the identity; without a file only what the identity tells is there.
    /// - Throws: ``ResultAssemblyError/identityIncomplete`` when a UID is missing, or what reading throws.
    static func source(file path: String?, identity: borrowing DataSet) throws -> Results.SourceImage {
        let (bytes, transferSyntax) =
            try path.map { try encodedHeader($0) } ?? ([], TransferSyntax.explicitVRLittleEndian)
        let header = try DataSet(parsing: bytes, transferSyntax: transferSyntax)
        guard let sopClass = identity.string(.sopClassUID).flatMap({ SOPClassUID($0) }),
            let instance = identity.string(.sopInstanceUID).flatMap({ UID($0) }),
            let series = identity.string(.seriesInstanceUID).flatMap({ UID($0) })
        else { throw ResultAssemblyError.identityIncomplete }
        return Results.SourceImage(
            sopClassUID: sopClass, sopInstanceUID: SOPInstanceUID(instance),
            seriesInstanceUID: SeriesInstanceUID(series),
            rows: integer(header, .rows), columns: integer(header, .columns),
            modality: text(identity, .modality) ?? "OT",
            laterality: text(identity, .imageLaterality) ?? text(identity, .laterality),
            bodyPartExamined: text(identity, .bodyPartExamined),
            patientOrientation: identity.strings(.patientOrientation), view: view(header), spacing: spacing(header),
            isLossy: text(header, .lossyImageCompression) == "01" || transferSyntax.isLossy)
    }

    private static func encodedHeader(_ path: String) throws -> ([UInt8], TransferSyntax) {
        let file = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
        return try file.withUnsafeBytes { bytes in
            let location = try PixelDataLocation(parsing: bytes)
            return (Array(bytes[location.header]), location.meta.transferSyntax)
        }
    }

    private static func integer(_ dataSet: borrowing DataSet, _ tag: Tag) -> Int {
        dataSet.number(tag).flatMap { Int(exactly: $0) } ?? 0
    }

    private static func text(_ dataSet: borrowing DataSet, _ tag: Tag) -> String? {
        guard let text = dataSet.strings(tag).first, !text.isEmpty else { return nil }
        return text
    }

    private static func view(_ header: borrowing DataSet) -> Results.CodedConcept? {
        guard header.itemCount(.viewCodeSequence) > 0, let item = try? header.item(.viewCodeSequence, at: 0),
            let value = text(item, .codeValue), let scheme = text(item, .codingSchemeDesignator),
            let meaning = text(item, .codeMeaning)
        else { return nil }
        return Results.CodedConcept(value, scheme, meaning)
    }

    private static func spacing(_ header: borrowing DataSet) -> PixelSpacing {
        PixelSpacing(
            pixelSpacing: pair(header, .pixelSpacing), calibrationType: text(header, .pixelSpacingCalibrationType),
            calibrationDescription: text(header, .pixelSpacingCalibrationDescription),
            imagerPixelSpacing: pair(header, .imagerPixelSpacing))
    }

    private static func pair(_ header: borrowing DataSet, _ tag: Tag) -> PixelSpacing.Pair? {
        guard let row = header.number(tag, at: 0), let column = header.number(tag, at: 1) else { return nil }
        return PixelSpacing.Pair(row: row, column: column)
    }
}

extension Tag {
    fileprivate static let sopClassUID = Tag(0x0008, 0x0016)
    fileprivate static let sopInstanceUID = Tag(0x0008, 0x0018)
    fileprivate static let modality = Tag(0x0008, 0x0060)
    fileprivate static let codeValue = Tag(0x0008, 0x0100)
    fileprivate static let codingSchemeDesignator = Tag(0x0008, 0x0102)
    fileprivate static let codeMeaning = Tag(0x0008, 0x0104)
    fileprivate static let bodyPartExamined = Tag(0x0018, 0x0015)
    fileprivate static let imagerPixelSpacing = Tag(0x0018, 0x1164)
    fileprivate static let seriesInstanceUID = Tag(0x0020, 0x000E)
    fileprivate static let patientOrientation = Tag(0x0020, 0x0020)
    fileprivate static let laterality = Tag(0x0020, 0x0060)
    fileprivate static let imageLaterality = Tag(0x0020, 0x0062)
    fileprivate static let rows = Tag(0x0028, 0x0010)
    fileprivate static let columns = Tag(0x0028, 0x0011)
    fileprivate static let pixelSpacing = Tag(0x0028, 0x0030)
    fileprivate static let pixelSpacingCalibrationType = Tag(0x0028, 0x0A02)
    fileprivate static let pixelSpacingCalibrationDescription = Tag(0x0028, 0x0A04)
    fileprivate static let lossyImageCompression = Tag(0x0028, 0x2110)
    fileprivate static let viewCodeSequence = Tag(0x0054, 0x0220)
}
