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
}
