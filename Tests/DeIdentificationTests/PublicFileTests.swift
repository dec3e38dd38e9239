import DCMTKBridge
import DICOMCore
import Foundation
import Testing

@testable import DeIdentification

@Suite struct PublicFileTests {
    /// Skipped where the machine has no public files: they must not be in the repository.
    @Test(.enabled(if: PublicFiles.areThere))
    func everyFileIsRefusedOrLeavesNothingOfItsIdentity() throws {
        try startDCMTK()
        var taken = 0
        var refused: [String] = []
        for path in PublicFiles.paths {
            let name = URL(fileURLWithPath: path).lastPathComponent
            guard let file = TakenApart(path: path) else { continue }
            let strings = try identityStrings(
                of: try DataSet(parsing: file.header, transferSyntax: file.transferSyntax))
            let outcome: Outcome
            do {
                outcome = try deidentified(file.header, transferSyntax: file.transferSyntax)
            } catch let error as DeIdentificationError {
                refused.append("\(name): \(error)")
                continue
            }
            taken += 1
            for string in strings where outcome.encoded.contains(bytes: string) {
                Issue.record("\(name) still holds \(String(decoding: string, as: UTF8.self))")
            }
        }
        print("public files: \(taken) de-identified, refused: \(refused)")
        #expect(taken > 60)
    }

    /// Skipped where the machine has no public files. A profile that empties everything leaks nothing and is of no use.
    @Test(.enabled(if: PublicFiles.areThere))
    func whatDecodingAndTheModelNeedStaysAsItWas() throws {
        try startDCMTK()
        var compared = 0
        for path in PublicFiles.paths {
            guard let file = TakenApart(path: path) else { continue }
            let name = URL(fileURLWithPath: path).lastPathComponent
            guard let outcome = try? deidentified(file.header, transferSyntax: file.transferSyntax) else { continue }
            let original = Header(try DataSet(parsing: file.header, transferSyntax: file.transferSyntax))
            for tag in Self.needed where original.contains(tag) {
                // A number that is none (one file says "1A") is emptied, on purpose.
                let isNumber = ["DS", "IS"].contains(original.dataSet.vr(tag))
                if isNumber, original.string(tag)?.wholeMatch(of: #/[-+0-9.eE \\]*/#) == nil { continue }
                compared += 1
                #expect(outcome.dataSet.string(tag) == original.string(tag), "\(name) \(tag)")
            }
        }
        #expect(compared > 500)
    }

    /// Modality, Body Part Examined, View Position, Patient Position, KVP, Imager Pixel Spacing, Image Position and Orientation,
    /// Laterality, the Image Pixel module, Pixel Spacing, Burned In Annotation, VOI and Modality LUT, Presentation LUT Shape.
    private static let needed: [Tag] = [
        .modality, .bodyPartExamined, .viewPosition, Tag(0x0018, 0x5100), Tag(0x0018, 0x0060), Tag(0x0018, 0x1164),
        Tag(0x0020, 0x0032), Tag(0x0020, 0x0037), .laterality, .imageLaterality, .patientOrientation,
        Tag(0x0028, 0x0002),
        Tag(0x0028, 0x0004), Tag(0x0028, 0x0006), Tag(0x0028, 0x0008), Tag(0x0028, 0x0010), Tag(0x0028, 0x0011),
        Tag(0x0028, 0x0030), Tag(0x0028, 0x0100), Tag(0x0028, 0x0101), Tag(0x0028, 0x0102), Tag(0x0028, 0x0103),
        Tag(0x0028, 0x0120), Tag(0x0028, 0x0121), .burnedInAnnotation, Tag(0x0028, 0x1050), Tag(0x0028, 0x1051),
        Tag(0x0028, 0x1052), Tag(0x0028, 0x1053), Tag(0x0028, 0x1054), Tag(0x0028, 0x1201), Tag(0x2050, 0x0020),
    ]
}
