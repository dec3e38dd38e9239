import DCMTKBridge
import DICOMCore
import Foundation
import GRDB
import NodeTestSupport
import Testing

@testable import DeIdentification

@Suite struct VaultTests {
    private let temporary: TemporaryFolder
    private let privateKey = VaultPrivateKey.random()

    init() throws {
        temporary = try TemporaryFolder()
        try startDCMTK()
    }

    private func database() throws -> DatabasePool {
        let pool = try DatabasePool(path: temporary.path("node.sqlite"))
        var migrator = DatabaseMigrator()
        Vault.register(in: &migrator)
        try migrator.migrate(pool)
        return pool
    }

    private func vault(_ seed: UInt8 = 1) -> Vault { Vault(keys: fixedKeys(seed), publicKey: privateKey.publicKey) }

    /// Takes one instance in as the node does.
    @discardableResult
    private func takeIn(
        _ elements: [TestElement], as instanceID: String, vault: Vault, database: DatabasePool
    ) throws -> SealedIdentity {
        let header = try DataSet(
            parsing: TestElement.encode(elements, explicitVR: true), transferSyntax: .explicitVRLittleEndian)
        let identity = try Identity.capture(from: header)
        let pseudonym = try vault.pseudonym(for: identity.patient, in: database)
        let instance = try DeIdentifier(keys: fixedKeys()).deidentify(header, identity: identity, pseudonym: pseudonym)
        let sealed = try vault.seal(identity, instanceID: instanceID, as: instance, pseudonym: pseudonym)
        try database.write { try vault.record(sealed, in: $0) }
        return sealed
    }

    private let whole: [TestElement] =
        TestElement.instance() + [
            .text(.specificCharacterSet, "CS", "ISO_IR 100"),
            .value(.studyDescription, "LO", [0x54, 0xE9, 0x74, 0x65]),
            .text(.accessionNumber, "SH", "ACC778812"), .text(.patientBirthDate, "DA", "19370509"),
            .text(.studyDate, "DA", "20260131"), .text(.frameOfReferenceUID, "UI", "1.2.3.4.8"),
            .items(.requestAttributesSequence, [[.text(Tag(0x0040, 0x1001), "SH", "REQ55")]]),
            .items(.issuerOfPatientIDQualifiersSequence, [[.text(.universalEntityID, "UT", "1.2.7.7")]]),
        ]

    @Test func identityComesBackAsItWas() throws {
        let database = try database()
        let sealed = try takeIn(whole, as: "one", vault: vault(), database: database)
        let opened = try database.read {
            try SealedIdentity.open(instanceID: "one", with: VaultKeyRing(privateKey), in: $0)
        }
        #expect(opened.studyUID == sealed.studyUID && opened.pseudonym == sealed.pseudonym)
        let identity = Header(try opened.dataSet())
        #expect(identity.string(.patientName) == "Sauerbruch^Amalie")
        #expect(identity.string(.patientID) == "MRN7788123")
        #expect(identity.string(.studyInstanceUID) == "1.2.3.4.1")
        #expect(identity.string(.sopInstanceUID) == "1.2.3.4.1.1.1")
        #expect(identity.string(.frameOfReferenceUID) == "1.2.3.4.8")
        #expect(identity.bytes(.studyDescription) == [0x54, 0xE9, 0x74, 0x65])
        #expect(try identity.item(.requestAttributesSequence, at: 0).string(Tag(0x0040, 0x1001)) == "REQ55")
        #expect("\(opened)" == "<identity>")
    }

    @Test func nothingOfItIsReadableInTheDatabaseFiles() throws {
        let database = try database()
        try takeIn(whole, as: "one", vault: vault(), database: database)
        var files = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: temporary.url.path) {
            let bytes = Array(try Data(contentsOf: temporary.url.appending(path: name)))
            files += bytes.isEmpty ? 0 : 1
            for text in [
                "Sauerbruch", "Amalie", "MRN7788123", "1.2.3.4.1", "ACC778812", "19370509", "20260131", "REQ55",
                "1.2.7.7",
            ] {
                #expect(!bytes.contains(text), "\(text) in \(name)")
            }
        }
        #expect(files >= 2)
    }

    @Test func anIdentityStoredUnderAnotherInstanceOrStudyDoesNotOpen() throws {
        let database = try database()
        let vault = vault()
        try takeIn(whole, as: "one", vault: vault, database: database)
        try takeIn(
            TestElement.instance(study: "1.2.3.5", instance: "1.2.3.5.1"), as: "two", vault: vault, database: database)
        try database.write {
            try $0.execute(sql: "UPDATE sealed_identity SET instance_id = 'x' WHERE instance_id = 'one'")
        }
        #expect(throws: SealingError.notAuthentic) {
            try database.read { _ = try SealedIdentity.open(instanceID: "x", with: VaultKeyRing(privateKey), in: $0) }
        }
        try database.write {
            try $0.execute(sql: "UPDATE sealed_identity SET study_uid = '2.25.5' WHERE instance_id = 'two'")
        }
        #expect(throws: SealingError.notAuthentic) {
            try database.read { _ = try SealedIdentity.open(instanceID: "two", with: VaultKeyRing(privateKey), in: $0) }
        }
        #expect(throws: VaultError.unknownInstance) {
            try database.read { _ = try SealedIdentity.open(instanceID: "one", with: VaultKeyRing(privateKey), in: $0) }
        }
    }

    @Test func aPatientKeepsThePseudonymAlsoAfterARestart() throws {
        let database = try database()
        let first = try takeIn(whole, as: "one", vault: vault(), database: database)
        let patient = try Identity.capture(
            from: try DataSet(
                parsing: TestElement.encode(whole, explicitVR: true), transferSyntax: .explicitVRLittleEndian)
        ).patient
        #expect(try vault().pseudonym(for: patient, in: database) == first.pseudonym)
        #expect(try vault(2).pseudonym(for: patient, in: database) != first.pseudonym, "other index keys find nothing")
    }

    @Test func issuersSeparatePatientsAndTheLengthOfPartsCounts() throws {
        let database = try database()
        let vault = vault()
        let patients = [
            PatientKey(patientID: "123"), PatientKey(patientID: "123", issuer: "A"),
            PatientKey(patientID: "123", issuer: "B"),
            PatientKey(patientID: "23", issuer: "A1"), PatientKey(patientID: "3", issuer: "A12"),
            PatientKey(patientID: "123", universalEntityID: "A"), PatientKey(unidentifiedInStudy: "123"),
        ]
        let pseudonyms = try patients.map { try vault.pseudonym(for: $0, in: database) }
        #expect(Set(pseudonyms).count == patients.count)
        #expect(try vault.pseudonym(for: patients[1], in: database) == pseudonyms[1])
    }

    @Test func aPatientWithoutAnIDHasAPseudonymPerStudy() throws {
        let database = try database()
        let vault = vault()
        func study(_ uid: String, _ instance: String) -> [TestElement] {
            TestElement.instance(study: uid, instance: instance, patientID: " ")
        }
        let first = try takeIn(study("1.2.1", "1.2.1.1"), as: "1", vault: vault, database: database)
        let same = try takeIn(study("1.2.1", "1.2.1.2"), as: "2", vault: vault, database: database)
        let other = try takeIn(study("1.2.2", "1.2.2.1"), as: "3", vault: vault, database: database)
        #expect(first.pseudonym == same.pseudonym && first.pseudonym != other.pseudonym)
    }

    @Test func associationsThatMeetANewPatientTogetherAgree() throws {
        let vault = vault()
        let found = Locked<[Pseudonym]>([])
        // Each look-up ends only when both have begun, so both have seen that nothing is stored and nothing handed out.
        let arrived = Locked(0)
        DispatchQueue.concurrentPerform(iterations: 2) { _ in
            let one = vault.pseudonym(for: PatientKey(patientID: "new")) { _ in
                arrived.update { $0 += 1 }
                let patience = Date(timeIntervalSinceNow: 20)
                while arrived.value < 2, Date() < patience { usleep(1000) }
                return nil
            }
            found.update { $0.append(one) }
        }
        #expect(arrived.value == 2)
        #expect(found.value.count == 2 && Set(found.value).count == 1)
    }

    @Test func aPseudonymThatLostTheRaceIsNotRecorded() throws {
        let database = try database()
        try takeIn(whole, as: "one", vault: vault(), database: database)
        // A second node process that never saw the row: its vault has handed out another pseudonym already.
        let late = vault()
        let header = try DataSet(
            parsing: TestElement.encode(whole, explicitVR: true), transferSyntax: .explicitVRLittleEndian)
        let identity = try Identity.capture(from: header)
        let own = Pseudonym.random()
        let instance = try DeIdentifier(keys: fixedKeys()).deidentify(header, identity: identity, pseudonym: own)
        let sealed = try late.seal(identity, instanceID: "two", as: instance, pseudonym: own)
        #expect(throws: VaultError.pseudonymTaken) { try database.write { try late.record(sealed, in: $0) } }
        #expect(try late.pseudonym(for: identity.patient, in: database) != own)
        let rows = try database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM sealed_identity") }
        #expect(rows == 1)
    }

    @Test func studiesAreFoundByWhatTheOperatorKnows() throws {
        let database = try database()
        let vault = vault()
        let index = VaultIndex(keys: fixedKeys())
        let sealed = try takeIn(whole, as: "one", vault: vault, database: database)
        try takeIn(whole, as: "again", vault: vault, database: database)
        try takeIn(
            TestElement.instance(study: "1.2.3.5", patientID: "other"), as: "two", vault: vault, database: database)
        let patient = PatientKey(patientID: "MRN7788123", universalEntityID: "1.2.7.7")
        let found = try database.read { db in
            [
                try index.studies(accessionNumber: "ACC778812", in: db),
                try index.studies(originalStudyUID: "1.2.3.4.1", in: db), try index.studies(of: patient, in: db),
                try index.studies(patientID: "MRN7788123", in: db),
            ]
        }
        #expect(found == Array(repeating: [sealed.studyUID], count: 4))
        #expect(try database.read { try index.studies(accessionNumber: "ACC77881", in: $0) } == [])
        #expect(
            try database.read { try index.studies(of: PatientKey(patientID: "MRN7788123"), in: $0) } == [],
            "the issuer is part of a patient's identity")
    }

    @Test func aPatientIDFindsTheStudiesOfEveryIssuerAndAnIssuerOnlyItsOwn() throws {
        let database = try database()
        let vault = vault()
        func study(_ uid: String, issuer: String) -> [TestElement] {
            TestElement.instance(study: uid, instance: uid + ".1", patientID: "77")
                + [.text(.issuerOfPatientID, "LO", issuer)]
        }
        let first = try takeIn(study("1.2.1", issuer: "A"), as: "1", vault: vault, database: database)
        let second = try takeIn(study("1.2.2", issuer: "B"), as: "2", vault: vault, database: database)
        #expect(first.pseudonym != second.pseudonym)
        let index = VaultIndex(keys: fixedKeys())
        try database.read { db in
            let found = try index.studies(patientID: "77", in: db)
            #expect(Set(found) == [first.studyUID, second.studyUID])
            #expect(try index.studies(of: PatientKey(patientID: "77", issuer: "B"), in: db) == [second.studyUID])
        }
    }

    @Test func rowsThatAreExchangedDoNotOpen() throws {
        let database = try database()
        let vault = vault()
        try takeIn(whole, as: "one", vault: vault, database: database)
        try takeIn(
            TestElement.instance(study: "1.2.3.5", instance: "1.2.3.5.1", patientID: "OTHER"), as: "two", vault: vault,
            database: database)
        // Each column by itself and the row as a whole: what one row says of itself is not what was sealed.
        let exchanges: [(columns: [String], stillOpens: Bool)] = [
            (["instance_id"], false), (["study_uid"], false), (["pseudonym"], false),
            (["encapsulated_key", "ciphertext"], false),
            (["study_uid", "pseudonym", "encapsulated_key", "ciphertext"], false),
            (["instance_id", "study_uid", "pseudonym"], false), ([], true),
        ]
        for (columns, stillOpens) in exchanges {
            try database.write { try exchange(columns, in: $0) }
            for name in ["one", "two"] {
                let opens =
                    (try? database.read {
                        try SealedIdentity.open(instanceID: name, with: VaultKeyRing(privateKey), in: $0)
                    })
                #expect((opens != nil) == stillOpens, "\(columns) of \(name)")
            }
            try database.write { try exchange(columns, in: $0) }
        }
    }

    /// Exchanges columns of the two rows, as one who can write to the database file would.
    private func exchange(_ columns: [String], in db: Database) throws {
        let rows = try Row.fetchAll(db, sql: "SELECT rowid, * FROM sealed_identity ORDER BY rowid")
        try db.execute(sql: "UPDATE sealed_identity SET instance_id = 'aside' || rowid")
        for (row, other) in zip(rows, rows.reversed()) {
            for column in ["instance_id", "study_uid", "pseudonym", "encapsulated_key", "ciphertext"] {
                let value: DatabaseValue = columns.contains(column) ? other[column] : row[column]
                try db.execute(
                    sql: "UPDATE sealed_identity SET \(column) = ? WHERE rowid = ?",
                    arguments: [value, row["rowid"] as Int64])
            }
        }
    }

    @Test func aReplacedInstanceHasTheNewIdentity() throws {
        let database = try database()
        let vault = vault()
        try takeIn(TestElement.instance(), as: "one", vault: vault, database: database)
        try takeIn(TestElement.instance(patientName: "Corrected^Name"), as: "one", vault: vault, database: database)
        let opened = try database.read {
            try SealedIdentity.open(instanceID: "one", with: VaultKeyRing(privateKey), in: $0)
        }
        #expect(Header(try opened.dataSet()).string(.patientName) == "Corrected^Name")
    }

    @Test func pseudonymsAreValidAndUnlikeEachOther() throws {
        let many = (0..<1000).map { _ in Pseudonym.random() }
        #expect(Set(many).count == many.count)
        for one in many {
            #expect(one.value.count == 30 && Pseudonym(stored: one.value) == one)
            #expect(one.personName.count <= 64)
        }
        #expect(Pseudonym(stored: "OVR-short") == nil && Pseudonym(stored: "MRN7788123") == nil)
    }
}

/// A value behind a lock, for threads of a test.
private final class Locked<Value: Sendable>: @unchecked Sendable {
    // Every access to `stored` is between lock and unlock.
    private let lock = NSLock()
    private var stored: Value

    init(_ value: Value) { stored = value }
    var value: Value { lock.withLock { stored } }
    func update(_ change: (inout Value) -> Void) { lock.withLock { change(&stored) } }
}
