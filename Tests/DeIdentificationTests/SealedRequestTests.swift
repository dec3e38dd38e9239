import Foundation
import GRDB
import NodeTestSupport
import Testing

@testable import DeIdentification

@Suite("Requests for storage commitment in the vault") struct SealedRequestTests {
    private let fixture: VaultFixture
    private static let bytes = Array("1.2.3.4711.99\n1.2.840.10008.5.1.4.1.1.2\n1.2.3.4711.1".utf8)

    init() throws {
        fixture = try VaultFixture()
        let vault = try fixture.vault()
        let sealed = try vault.seal(Self.bytes, ofRequest: "c-1")
        try fixture.database.write { try vault.record(sealed, in: $0) }
    }

    private func open(_ id: String) throws -> [UInt8] {
        try fixture.reader().open(
            request: id, for: .commitment(of: id, by: "ARCHIVE"), in: fixture.database, at: Date())
    }

    @Test func isOpenedByThePrivateKeyAloneAndThatIsAudited() throws {
        #expect(try open("c-1") == Self.bytes)
        let line = try #require(try fixture.audit().last)
        #expect(line.purpose == .commitment && line.subject == "c-1" && line.recipient == "ARCHIVE")
        #expect(line.outcome == .opened)
        #expect(throws: VaultError.unknownInstance) { try open("c-2") }
        #expect(try fixture.audit().last?.outcome == .notStored)
    }

    @Test func isBoundToItsIdentifierAndItsPurpose() throws {
        try fixture.database.write { try $0.execute(sql: "UPDATE sealed_request SET id = 'c-9'") }
        #expect(throws: SealingError.notAuthentic) { try open("c-9") }
        #expect(try fixture.audit().last?.outcome == .notAuthentic)
    }

    @Test func nothingOfItLiesInTheDatabaseInClear() throws {
        try fixture.database.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        let file = try Data(contentsOf: URL(filePath: fixture.temporary.path("node.sqlite")))
        #expect(file.range(of: Data("4711".utf8)) == nil)
        #expect(file.range(of: Data("sealed_request".utf8)) != nil)
    }

    @Test func aRotationSealsItToTheNewPair() throws {
        try fixture.takeIn(3)
        let outcome = try VaultRotation(
            fixture.folder, fixture.database, by: AuditActor(description: "test"), batch: 2
        ).run { _ in }
        #expect(outcome.sealed == 4)
        #expect(try open("c-1") == Self.bytes)
        #expect(try fixture.count("SELECT count(*) FROM sealed_request WHERE key_id = ?", [outcome.keyID]) == 1)
    }

    @Test func isErasedWhenItIsSettled() throws {
        let vault = try fixture.vault()
        try fixture.database.write { try vault.eraseRequest("c-1", in: $0) }
        #expect(try fixture.count("SELECT count(*) FROM sealed_request") == 0)
    }
}
