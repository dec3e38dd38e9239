import DCMTKBridge
import DICOMCore
import Foundation
import NodeTestSupport
import Testing

@testable import DeIdentification

/// dciodvfy of Debian's dicom3tools.
private let validator = "/usr/bin/dciodvfy"
/// Skipped where dicom3tools is not installed (`make setup` installs it for `make test`).
private let validatorIsThere = FileManager.default.isExecutableFile(atPath: validator)

/// The Basic Profile, and all options that go together with each kind of dates.
private func profiles() throws -> [ConfidentialityProfile] {
    let all = Set(ConfidentialityOption.allCases)
    return [
        .basic, try ConfidentialityProfile(all.subtracting([.retainFullDates])),
        try ConfidentialityProfile(all.subtracting([.retainModifiedDates, .retainUIDs])),
    ]
}

@Suite struct ValidatorTests {
    private let temporary: TemporaryFolder

    init() throws {
        temporary = try TemporaryFolder()
        try startDCMTK()
    }

    /// What dciodvfy calls errors of a file made of this data set.
    private func errors(
        _ dataSet: [UInt8], _ transferSyntax: TransferSyntax, sopClass: SOPClassUID, name: String
    ) async throws -> Set<String> {
        let meta = FileMetaInformation.encoded(
            sopClass: sopClass, sopInstance: SOPInstanceUID(try #require(UID("1.2.3"))), transferSyntax: transferSyntax)
        let path = temporary.path(name)
        try Data(meta + dataSet).write(to: URL(fileURLWithPath: path))
        let process = try ChildProcess(validator, [path])
        try await process.wait()
        // The instance in the meta information is not the object's: the same line before and after.
        // Values in a message differ, the complaint is the same.
        return Set(
            process.errors.split(separator: "\n").filter { $0.hasPrefix("Error") }
                .map { String($0).replacing(#/<[0-9.]+>/#, with: "<uid>") })
    }

    private func newErrors(
        header: [UInt8], pixelData: [UInt8], transferSyntax: TransferSyntax, name: String,
        profile: ConfidentialityProfile
    ) async throws -> [String] {
        let original = try DataSet(parsing: header, transferSyntax: transferSyntax)
        let identity = try Identity.capture(from: original)
        _ = try DeIdentifier(keys: fixedKeys()).deidentify(
            original, identity: identity, pseudonym: fixedPseudonym, profile: profile)
        let after = try original.encoded(as: transferSyntax) + pixelData
        let before = try await errors(
            header + pixelData, transferSyntax, sopClass: identity.sopClassUID, name: "before-\(name)")
        return try await errors(after, transferSyntax, sopClass: identity.sopClassUID, name: "after-\(name)")
            .subtracting(before).sorted()
    }

    @Test(.enabled(if: validatorIsThere), arguments: IODSamples.all.map(\.name))
    func deidentifiedObjectsHaveNoErrorThatTheInputDidNotHave(name: String) async throws {
        let elements = try #require(IODSamples.all.first { $0.name == name }).elements
        let header = TestElement.encode(elements, explicitVR: true)
        let pixelData = TestElement.encode(
            [.value(Tag(0x7FE0, 0x0010), "OW", [UInt8](repeating: 7, count: name == "US" ? 4 : 8))], explicitVR: true)
        for profile in try profiles() {
            let found = try await newErrors(
                header: header, pixelData: pixelData, transferSyntax: .explicitVRLittleEndian, name: name,
                profile: profile)
            #expect(found == [], "\(profile.name)")
        }
    }

    /// Skipped where the machine has no public files or no validator.
    @Test(.enabled(if: validatorIsThere && PublicFiles.areThere))
    func deidentifiedPublicImagesHaveNoErrorThatTheInputDidNotHave() async throws {
        var checked = 0
        for path in PublicFiles.paths {
            guard let file = TakenApart(path: path), !file.pixelData.isEmpty else { continue }
            let name = URL(fileURLWithPath: path).lastPathComponent
            for profile in try profiles() {
                let found: [String]
                do {
                    found = try await newErrors(
                        header: file.header, pixelData: file.pixelData, transferSyntax: file.transferSyntax, name: name,
                        profile: profile)
                } catch is DeIdentificationError {
                    continue
                }
                checked += 1
                #expect(found == [], "\(name) \(profile.name)")
            }
        }
        #expect(checked > 150)
    }
}
