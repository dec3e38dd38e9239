import DCMTKBridge
import DICOMCore
import Foundation
import GRDB

/// An identity that only the private key opens, with the keyed indexes under which its study is found.
package struct SealedIdentity: Sendable {
    /// The name under which the instance is stored.
    package let instanceID: String
    /// The mapped Study Instance UID.
    package let studyUID: StudyInstanceUID
    /// The patient's pseudonym.
    package let pseudonym: Pseudonym
    /// The sealed data set.
    let bytes: SealedBytes
    let indexes: [Index]

    struct Index: Sendable {
        enum Kind: Int, Sendable {
            case patient = 1
            case study = 2
            case accession = 3
            case patientID = 4
        }
        let kind: Kind
        let digest: Data
    }

    func insert(in db: Database) throws {
        let study = studyUID.uid.value
        try db.cachedStatement(
            sql: """
                INSERT INTO sealed_identity (instance_id, study_uid, pseudonym, key_id, encapsulated_key, ciphertext)
                VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (instance_id) DO UPDATE SET study_uid = excluded.study_uid, pseudonym = excluded.pseudonym,
                    key_id = excluded.key_id, encapsulated_key = excluded.encapsulated_key, ciphertext = excluded.ciphertext
                """
        ).execute(arguments: [
            instanceID, study, pseudonym.value, bytes.keyID, bytes.encapsulatedKey, bytes.ciphertext,
        ])
        let rows = indexes.map { _ in "(?, ?, ?)" }.joined(separator: ", ")
        try db.cachedStatement(
            sql: "INSERT OR IGNORE INTO identity_index (kind, digest, study_uid) VALUES \(rows)"
        ).execute(arguments: indexes.reduce(into: []) { $0 += [$1.kind.rawValue, $1.digest, study] })
    }

    /// Whether an instance's identity is stored, for the balance: nothing is opened.
    @Sendable
    package static func isStored(instanceID: String, in db: Database) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM sealed_identity WHERE instance_id = ?)"),
            arguments: [instanceID]) ?? false
    }

    /// The stored identity of an instance. ``VaultReader`` alone calls it, and writes the audit.
    ///
    /// - Throws: ``VaultError/unknownInstance``, ``SealingError``, or ``VaultError/otherStudy`` when row and content
    /// disagree.
    static func open(instanceID: String, with ring: VaultKeyRing, in db: Database) throws -> OpenedIdentity {
        let sql =
            "SELECT study_uid, pseudonym, key_id, encapsulated_key, ciphertext FROM sealed_identity WHERE instance_id = ?"
        guard let row = try Row.fetchOne(db.cachedStatement(sql: sql), arguments: [instanceID]) else {
            throw VaultError.unknownInstance
        }
        let (study, code): (String, String) = (row["study_uid"], row["pseudonym"])
        let encoded = try ring.open(SealedBytes(row), for: .identity, boundTo: [instanceID, study, code])
        guard let uid = UID(study), let pseudonym = Pseudonym(stored: code) else { throw VaultError.otherStudy }
        return try OpenedIdentity(
            encoded: encoded, instanceID: instanceID, studyUID: StudyInstanceUID(uid), pseudonym: pseudonym)
    }
}

extension SealedBytes {
    init(_ row: Row) {
        self.init(keyID: row["key_id"], encapsulatedKey: row["encapsulated_key"], ciphertext: row["ciphertext"])
    }
}

extension Vault {
    /// Adds the vault's tables to the node's migrations.
    package static func register(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("vault 1") { db in
            try db.execute(
                sql: """
                    CREATE TABLE pseudonym (
                        patient_index BLOB PRIMARY KEY NOT NULL, pseudonym TEXT NOT NULL UNIQUE, created REAL NOT NULL
                    ) WITHOUT ROWID;
                    CREATE TABLE sealed_identity (
                        instance_id TEXT PRIMARY KEY NOT NULL, study_uid TEXT NOT NULL, pseudonym TEXT NOT NULL, key_id TEXT NOT NULL,
                        encapsulated_key BLOB NOT NULL, ciphertext BLOB NOT NULL
                    );
                    CREATE INDEX sealed_identity_study ON sealed_identity (study_uid, pseudonym);
                    CREATE TABLE identity_index (
                        kind INTEGER NOT NULL, digest BLOB NOT NULL, study_uid TEXT NOT NULL, PRIMARY KEY (kind, digest, study_uid)
                    ) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("vault 2") { db in
            // For the erasure of a study; an instance adds a row only where it is the first of its study.
            try db.execute(sql: "CREATE INDEX identity_index_study ON identity_index (study_uid)")
            try db.execute(sql: VaultAudit.schema)
        }
        migrator.registerMigration("vault 3") { db in
            try db.execute(sql: "CREATE TABLE vault_receiver (key_id TEXT NOT NULL)")
        }
        migrator.registerMigration("vault commitment") { db in try db.execute(sql: SealedRequest.schema) }
    }
}

/// An identity in clear, in memory for the time of one delivery attempt or of one answer to the operator. Prints nothing.
package struct OpenedIdentity: Sendable, CustomStringConvertible, CustomReflectable {
    private let encoded: [UInt8]
    /// The name under which it is stored.
    package let instanceID: String
    /// The mapped Study Instance UID under which it is stored.
    package let studyUID: StudyInstanceUID
    /// The pseudonym that the de-identified instance carries.
    package let pseudonym: Pseudonym
    /// The original (0008,0018).
    package let sopInstanceUID: String
    /// The original (0020,000D).
    package let studyInstanceUID: String
    /// Whose it is.
    package let patient: PatientKey

    init(encoded: [UInt8], instanceID: String, studyUID: StudyInstanceUID, pseudonym: Pseudonym) throws {
        self.encoded = encoded
        self.instanceID = instanceID
        self.studyUID = studyUID
        self.pseudonym = pseudonym
        let dataSet = try DataSet(parsing: encoded, transferSyntax: .explicitVRLittleEndian)
        sopInstanceUID = dataSet.string(.sopInstanceUID) ?? ""
        studyInstanceUID = dataSet.string(.studyInstanceUID) ?? ""
        patient = try PatientKey(of: dataSet, studyUID: studyInstanceUID)
    }

    /// The attributes of ``Identity/tags`` that the object had, in its own character set.
    package func dataSet() throws -> DataSet { try DataSet(parsing: encoded, transferSyntax: .explicitVRLittleEndian) }

    /// Prints nothing.
    package var description: String { "<identity>" }
    /// Shows nothing.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
