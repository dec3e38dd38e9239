import DICOMCore
import Foundation
import GRDB
import Glibc
import Testing

@testable import DeIdentification

@Suite("Rotating the vault's keys") struct VaultRotationTests {
    private static let rows = 25
    private let fixture: VaultFixture

    init() throws {
        fixture = try VaultFixture()
        try fixture.takeIn(Self.rows)
    }

    private struct Interruption: Error {}

    private func rotation() -> VaultRotation {
        VaultRotation(fixture.folder, fixture.database, by: AuditActor(description: "test"), batch: 10)
    }

    private func keyFiles() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path).sorted()
    }

    private func file(_ name: String) throws -> Data {
        try Data(contentsOf: URL(filePath: "\(fixture.folder.path)/\(name)"))
    }

    private var names: [String] { (0..<Self.rows).map { "Family\($0)^Given" } }

    @Test func everyRowIsSealedToTheNewPairAndOnlyThePairChanges() throws {
        let old = try fixture.folder.privateKeys()
        let receiver = try file("receiver.key")
        var steps: [VaultRotation.Step] = []
        let outcome = try rotation().run { steps.append($0) }
        #expect(
            steps == [
                .newKeyWritten, .oldKeyKept, .newKeyInPlace, .publicKeyInPlace, .sealed(10, of: 25),
                .sealed(20, of: 25), .sealed(25, of: 25), .oldKeyRemoved,
            ])
        #expect(outcome.sealed == Self.rows && outcome.keyID != old.currentID)
        #expect(try fixture.folder.privateKeys().ids == [outcome.keyID])
        #expect(try file("receiver.key") == receiver)
        #expect(try keyFiles() == ["receiver.key", "vault.key", "vault.pub"])
        var status = stat()
        #expect(stat(fixture.folder.path + "/vault.key", &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(try fixture.names(Self.rows) == names)
        #expect(throws: SealingError.otherKey(outcome.keyID)) {
            try fixture.database.read { _ = try SealedIdentity.open(instanceID: "i0", with: old, in: $0) }
        }
        #expect(
            try fixture.audit().map(\.outcome) == [.begun, .sealed, .sealed, .sealed, .opened],
            "the rotation is audited before the first row is opened")
    }

    /// At every step: both keys are where every row, old and new, can be read, what is received meanwhile too, and the
    /// same call goes on.
    @Test(arguments: 0..<8)
    func afterAnInterruptionAtAnyStepEverythingIsReadableAndTheSameCallGoesOn(step: Int) throws {
        let old = try fixture.folder.privateKeys().currentID
        var count = 0
        #expect(throws: Interruption.self) {
            _ = try rotation().run { _ in
                if count == step { throw Interruption() }
                count += 1
            }
        }
        #expect(try fixture.names(Self.rows) == names)
        try fixture.takeIn(TestElement.instance(patientName: "Received^Meanwhile"), as: "i\(Self.rows)")
        #expect(try fixture.names(Self.rows + 1).last == "Received^Meanwhile")
        #expect(fixture.folder.isRotating == (step < 7))

        let outcome = try rotation().run { _ in }
        #expect(try fixture.names(Self.rows + 1) == names + ["Received^Meanwhile"])
        #expect(try fixture.folder.privateKeys().ids == [outcome.keyID] && outcome.keyID != old)
        #expect(
            try fixture.count("SELECT count(*) FROM sealed_identity WHERE key_id <> ?", [outcome.keyID]) == 0)
        #expect(try keyFiles() == ["receiver.key", "vault.key", "vault.pub"])
    }

    @Test func theOldKeyStaysAsLongAsARowNeedsIt() throws {
        let old = try fixture.folder.privateKeys()
        try fixture.database.write {
            try $0.execute(sql: "UPDATE sealed_identity SET study_uid = '2.25.5' WHERE instance_id = 'i7'")
        }
        let error = try #require(throws: VaultError.self) { _ = try rotation().run { _ in } }
        #expect(error == .notResealed(1) && error.description.contains("vault.key.previous"))
        #expect(try keyFiles().contains("vault.key.previous"))
        #expect(try fixture.folder.privateKeys().ids.contains(old.currentID))
        try fixture.database.write {
            try $0.execute(
                sql: """
                    UPDATE sealed_identity SET study_uid = ? WHERE instance_id = 'i7'
                    """, arguments: [UIDMap(keys: try fixture.folder.indexKeys()).mapped("1.2.3.7".utf8).value])
        }
        #expect(try rotation().run { _ in }.sealed == 1)
        #expect(try fixture.names(Self.rows) == names)
    }

    @Test func nothingThatTheOldKeyOpensIsLeftInTheFiles() throws {
        let old: [Data] = try fixture.database.read {
            try Data.fetchAll($0, sql: "SELECT ciphertext FROM sealed_identity")
                + Data.fetchAll($0, sql: "SELECT encapsulated_key FROM sealed_identity")
        }
        let before = try fixture.rawFiles()
        #expect(old.count == 50 && old.allSatisfy { before.range(of: $0) != nil })
        _ = try rotation().run { _ in }
        let after = try fixture.rawFiles()
        #expect(old.allSatisfy { after.range(of: $0) == nil })
    }

    @Test func withoutThePrivateKeyNothingIsBegun() throws {
        #expect(unlink(fixture.folder.path + "/vault.key") == 0)
        #expect(throws: KeyFolderError.keyMissing(fixture.folder.path + "/vault.key")) {
            _ = try rotation().run { _ in }
        }
        #expect(try keyFiles() == ["receiver.key", "vault.pub"])
    }
}
