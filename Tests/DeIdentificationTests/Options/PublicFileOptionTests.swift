import DCMTKBridge
import DICOMCore
import Foundation
import Testing

@testable import DeIdentification

@Suite struct PublicFileOptionTests {
    /// Skipped where the machine has no public files. What stays of a text under the options is a word of the list, or it is
    /// of what the options keep.
    @Test(.enabled(if: PublicFiles.areThere))
    func everyFileLeavesNothingOfItsIdentityUnderTheOptionsThatClean() throws {
        try startDCMTK()
        let cleaning = try profile(
            .cleanDescriptors, .cleanStructuredContent, .cleanGraphics, .retainModifiedDates,
            .retainPatientCharacteristics)
        var taken = 0
        for path in PublicFiles.paths {
            guard let file = TakenApart(path: path) else { continue }
            let name = URL(fileURLWithPath: path).lastPathComponent
            let strings = try identityStrings(
                of: try DataSet(parsing: file.header, transferSyntax: file.transferSyntax))
            guard let outcome = try? deidentified(file.header, cleaning, transferSyntax: file.transferSyntax) else {
                continue
            }
            taken += 1
            for string in strings where outcome.encoded.contains(bytes: string) && !isHarmless(string) {
                Issue.record("\(name) still holds \(String(decoding: string, as: UTF8.self))")
            }
        }
        #expect(taken > 60)
    }

    private func isHarmless(_ string: [UInt8]) -> Bool {
        string.withUnsafeBytes { DescriptorCleaning.words(of: $0, as: .LO) { _ in false } } == string
    }

    /// Skipped where the machine has no public files: what a file has of a retained kind, it still has.
    @Test(.enabled(if: PublicFiles.areThere))
    func everyFileKeepsWhatTheOptionsRetain() throws {
        try startDCMTK()
        let retaining = try profile(
            .retainUIDs, .retainFullDates, .retainDeviceIdentity, .retainInstitutionIdentity,
            .retainPatientCharacteristics, .retainSafePrivate)
        let tags = [
            Tag.sopInstanceUID, .seriesInstanceUID, .frameOfReferenceUID, .studyDate, .studyTime, .seriesDate,
            .contentDate, .acquisitionTime, Tag(0x0008, 0x1010), Tag(0x0018, 0x1000), Tag(0x0008, 0x0080), .patientSex,
            .patientWeight, .patientSize,
        ]
        var compared = 0
        var echoed = 0
        for path in PublicFiles.paths {
            guard let file = TakenApart(path: path),
                let outcome = try? deidentified(file.header, retaining, transferSyntax: file.transferSyntax)
            else { continue }
            let original = Header(try DataSet(parsing: file.header, transferSyntax: file.transferSyntax))
            for tag in tags where !(original.string(tag) ?? "").isEmpty {
                compared += 1
                // An institution or device that is called like the patient ("Anonymous").
                if tag == Tag(0x0008, 0x0080) || tag == Tag(0x0018, 0x1000) || tag == Tag(0x0008, 0x1010),
                    ["REMOVED", "DEID"].contains(outcome.dataSet.string(tag))
                {
                    echoed += 1
                    continue
                }
                #expect(outcome.dataSet.string(tag) == original.string(tag), "\(path) \(tag)")
            }
        }
        #expect(compared > 400 && echoed * 50 < compared)
    }
}
