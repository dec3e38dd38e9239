import DICOMCore
import Foundation
import GRDB
import Testing

@testable import DeIdentification

@Suite("Reading the vault") struct VaultReaderTests {
    private let fixture: VaultFixture

    init() throws { fixture = try VaultFixture() }

    @Test func everyReadingLeavesALineThatSaysWhoWhatForAndWhatCameOfIt() throws {
        try fixture.takeIn(2)
        let reader = try fixture.reader()
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        _ = try reader.open(["i0", "i1"], for: .delivery(of: "s-1", to: "PACS"), in: fixture.database, at: now)
        _ = try reader.open(["i0"], for: .lookup(of: "OVR-X"), in: fixture.database, at: now)
        #expect(throws: VaultError.unknownInstance) {
            try reader.open(["i0", "none"], for: .lookup(of: "none"), in: fixture.database, at: now)
        }
        let lines = try fixture.audit()
        #expect(lines.map(\.sequence) == [1, 2, 3])
        #expect(lines.map(\.purpose) == [.delivery, .lookup, .lookup])
        #expect(lines.map(\.subject) == ["s-1", "OVR-X", "none"])
        #expect(lines.map(\.recipient) == ["PACS", nil, nil])
        #expect(lines.map(\.identities) == [2, 1, 2])
        #expect(lines.map(\.outcome) == [.opened, .opened, .notStored])
        #expect(lines.allSatisfy { $0.actor == "test" && $0.at == 1_800_000_000_000 })
    }

    @Test func whenTheAuditCannotBeWrittenNothingIsHandedOut() throws {
        try fixture.takeIn(1)
        let reader = try fixture.reader()
        try fixture.database.write { db in
            try db.execute(
                sql: """
                    CREATE TRIGGER full BEFORE INSERT ON vault_audit BEGIN SELECT RAISE(ABORT, 'disk full'); END
                    """)
        }
        #expect(throws: DatabaseError.self) {
            try reader.open(["i0"], for: .lookup(of: "s-1"), in: fixture.database, at: Date())
        }
        try fixture.database.write { try $0.execute(sql: "DROP TRIGGER full") }
        #expect(try reader.open(["i0"], for: .lookup(of: "s-1"), in: fixture.database, at: Date()).count == 1)
    }

    @Test func theAuditIsAppendOnlyAndAChangedInsertedOrMissingLineShows() throws {
        try fixture.takeIn(1)
        let reader = try fixture.reader()
        for subject in ["a", "b", "c", "d"] {
            _ = try reader.open(["i0"], for: .lookup(of: subject), in: fixture.database, at: Date())
        }
        for sql in ["UPDATE vault_audit SET subject = 'x' WHERE seq = 2", "DELETE FROM vault_audit WHERE seq = 2"] {
            #expect(throws: DatabaseError.self, "\(sql)") { try fixture.database.write { try $0.execute(sql: sql) } }
        }
        #expect(try damage("SELECT 1") == (damaged: [], missing: 0))
        // Who can write to the file can drop the triggers too; the chain is for that.
        #expect(try damage("UPDATE vault_audit SET subject = 'x' WHERE seq = 2").damaged == [2])
        #expect(try damage("UPDATE vault_audit SET actor = 'nobody' WHERE seq = 2").damaged == [2])
        #expect(try damage("UPDATE vault_audit SET outcome = 'not-stored' WHERE seq = 2").damaged == [2])
        #expect(try damage("DELETE FROM vault_audit WHERE seq = 2").damaged == [3])
        // A line that fits by itself does not fit under the next one.
        let (first, second) = (try fixture.audit()[0], try fixture.audit()[1])
        let other = AuditLine(
            sequence: 2, at: second.at, actor: second.actor, purpose: .lookup, subject: "x", recipient: nil,
            identities: 1, outcome: .opened)
        let hash = Data(other.chain(after: first.chain(after: []))).map { String(format: "%02x", $0) }.joined()
        #expect(
            try damage("UPDATE vault_audit SET subject = 'x', chain = x'\(hash)' WHERE seq = 2").damaged == [3])
        #expect(try damage("DELETE FROM vault_audit WHERE seq = 4") == (damaged: [], missing: 1))
    }

    /// What the walk says after a change by hand, which is taken back.
    private func damage(_ sql: String) throws -> (damaged: [Int64], missing: Int64) {
        var damaged: [Int64] = []
        var missing: Int64 = 0
        try fixture.database.write { db in
            try db.inSavepoint {
                try db.execute(sql: "DROP TRIGGER vault_audit_no_update; DROP TRIGGER vault_audit_no_delete;")
                try db.execute(sql: sql)
                missing = try VaultAudit.walk(in: db) { if !$1 { damaged.append($0.sequence) } }
                return .rollback
            }
        }
        return (damaged, missing)
    }

    @Test func aWrongPrivateKeyOpensNothingAndTheSentenceSaysWhichOneIsMissing() throws {
        try fixture.takeIn(1)
        let right = try fixture.folder.privateKeys()
        let wrong = VaultKeyRing(.random())
        let reader = VaultReader(
            ring: wrong, keys: try fixture.folder.indexKeys(), actor: AuditActor(description: "test"))
        let error = try #require(throws: SealingError.self) {
            try reader.open(["i0"], for: .lookup(of: "i0"), in: fixture.database, at: Date())
        }
        #expect(error == .otherKey(right.currentID) && error.description.contains("restore"))
        #expect(try fixture.audit().map(\.outcome) == [.otherKey])
        #expect(throws: SealingError.otherKey(right.currentID)) {
            try fixture.database.read { try VaultReader.checkKeys(wrong, in: $0) }
        }
        try fixture.database.read { try VaultReader.checkKeys(right, in: $0) }
    }

    @Test func aRowThatSomebodyElseSealedDoesNotBelong() throws {
        let sealed = try fixture.takeIn(TestElement.instance(), as: "one")
        let other = try fixture.takeIn(
            TestElement.instance(study: "1.2.3.9", instance: "1.2.3.9.1", patientID: "OTHER"), as: "two")
        let uids = UIDMap(keys: try fixture.folder.indexKeys())
        let mapped = uids.mapped("1.2.3.4.1.1.1".utf8).value
        #expect(try belongs("one", as: mapped))
        #expect(try !belongs("one", as: uids.mapped("1.2.3.9.1".utf8).value), "another instance's UID")
        // vault.pub is no secret: anyone can seal. What he seals does not fit the receiver's keys.
        let (_, publicKey) = try fixture.folder.receiverKeys()
        let forged = try publicKey.seal(
            TestElement.encode(TestElement.instance(patientID: "OTHER"), explicitVR: true), for: .identity,
            boundTo: ["one", sealed.studyUID.uid.value, sealed.pseudonym.value])
        try replace("one", by: forged)
        #expect(try !belongs("one", as: mapped), "another patient under the pseudonym")
        let moved = try publicKey.seal(
            TestElement.encode(TestElement.instance(study: "1.2.3.9", patientID: "OTHER"), explicitVR: true),
            for: .identity, boundTo: ["one", sealed.studyUID.uid.value, other.pseudonym.value])
        try replace("one", by: moved)
        try fixture.database.write {
            try $0.execute(
                sql: "UPDATE sealed_identity SET pseudonym = ? WHERE instance_id = 'one'",
                arguments: [other.pseudonym.value])
        }
        #expect(try !belongs("one", as: mapped), "another study's identity")
    }

    private func replace(_ instance: String, by sealed: SealedBytes) throws {
        try fixture.database.write {
            try $0.execute(
                sql: "UPDATE sealed_identity SET encapsulated_key = ?, ciphertext = ? WHERE instance_id = ?",
                arguments: [sealed.encapsulatedKey, sealed.ciphertext, instance])
        }
    }

    private func belongs(_ instance: String, as sopInstanceUID: String) throws -> Bool {
        let reader = try fixture.reader()
        let opened = try reader.open([instance], for: .lookup(of: instance), in: fixture.database, at: Date())
        return try fixture.database.read { try reader.belongs(opened[0], sopInstanceUID: sopInstanceUID, in: $0) }
    }

    @Test func theActorIsTheUserOfTheProcess() {
        let actor = AuditActor.current(.operator).description
        #expect(actor.hasPrefix("operator uid \(getuid())"))
        #expect(AuditActor.current(.node).description.hasPrefix("node uid"))
    }
}

@Suite("Erasing identity") struct VaultErasureTests {
    private let fixture: VaultFixture

    init() throws { fixture = try VaultFixture() }

    private func row(_ instance: String) throws -> (key: Data, text: Data) {
        let row = try fixture.database.read {
            try Row.fetchOne(
                $0, sql: "SELECT encapsulated_key, ciphertext FROM sealed_identity WHERE instance_id = ?",
                arguments: [instance])
        }
        let found = try #require(row)
        return (found["encapsulated_key"], found["ciphertext"])
    }

    private func indexes(of study: String) throws -> [Data] {
        try fixture.database.read {
            try Data.fetchAll($0, sql: "SELECT digest FROM identity_index WHERE study_uid = ?", arguments: [study])
        }
    }

    @Test func nothingOfAnErasedStudyIsLeftInTheFilesAndNothingOfOthersIsTouched() throws {
        try fixture.takeIn(40)
        let gone = try fixture.takeIn(TestElement.instance(), as: "gone")
        try fixture.takeIn(TestElement.instance(instance: "1.2.3.4.1.1.2"), as: "gone2")
        let study = gone.studyUID.uid.value
        let traces =
            try [row("gone").key, row("gone").text, row("gone2").key, row("gone2").text] + indexes(of: study)
            + [Data(gone.pseudonym.value.utf8)]
        #expect(traces.count >= 8)
        let before = try fixture.rawFiles()
        for trace in traces { #expect(before.range(of: trace) != nil, "the search is alive") }

        let vault = try fixture.vault()
        vault.forget(try fixture.database.write { try vault.erase(study, in: $0) })
        _ = try fixture.database.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        let after = try fixture.rawFiles()
        for (number, trace) in traces.enumerated() { #expect(after.range(of: trace) == nil, "trace \(number)") }
        #expect(try fixture.names(40).compactMap(\.self).count == 40)
    }

    @Test func thePatientStaysAsLongAsAnotherStudyHasIdentity() throws {
        let vault = try fixture.vault()
        let first = try fixture.takeIn(TestElement.instance(), as: "one", vault: vault)
        let second = try fixture.takeIn(
            TestElement.instance(study: "1.2.3.5", instance: "1.2.3.5.1"), as: "two", vault: vault)
        #expect(first.pseudonym == second.pseudonym)
        func erase(_ sealed: SealedIdentity) throws {
            vault.forget(try fixture.database.write { try vault.erase(sealed.studyUID.uid.value, in: $0) })
        }
        try erase(first)
        let late = try fixture.takeIn(TestElement.instance(instance: "1.2.3.4.1.1.2"), as: "late", vault: vault)
        #expect(late.pseudonym == first.pseudonym, "a late image finds the patient")
        try erase(first)
        try erase(second)
        #expect(try fixture.count("SELECT count(*) FROM pseudonym") == 0)
        let again = try fixture.takeIn(TestElement.instance(study: "1.2.3.6"), as: "again", vault: vault)
        #expect(again.pseudonym != first.pseudonym, "also not from memory")
    }
}
