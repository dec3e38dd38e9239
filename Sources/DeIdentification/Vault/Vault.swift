import Crypto
import DCMTKBridge
import DICOMCore
import Foundation
import GRDB
import Synchronization

/// Where identity is kept: pseudonyms, sealed identity and keyed indexes, as tables of the node's one database.
///
/// It writes and does not read: opening needs the private key (``SealedIdentity/open(instanceID:with:in:)``).
/// Transactions belong
/// to the caller. Safe to share between threads.
package final class Vault: Sendable {
    private let keys: ReceiverKeys
    private let publicKey: VaultPublicKey
    /// Pseudonyms handed out lately, by patient index: two associations that meet a new patient agree before a row is
    /// written.
    /// The table's own constraints decide in the end (``record(_:in:)``), so forgetting one costs a repeat, not a
    /// mix-up.
    private let handedOut = Mutex<[Data: Pseudonym]>([:])
    private static let capacity = 65536

    /// A vault under the receiver's keys.
    package init(keys: ReceiverKeys, publicKey: VaultPublicKey) {
        self.keys = keys
        self.publicKey = publicKey
    }

    // MARK: Pseudonyms

    /// The pseudonym of a patient: the stored one, or the one another association has just been given, or a new one,
    /// which is
    /// written with the first instance's ``record(_:in:)``.
    package func pseudonym(for patient: PatientKey, in reader: some DatabaseReader) throws -> Pseudonym {
        try pseudonym(for: patient) { digest in try reader.read { try Vault.storedPseudonym(digest, in: $0) } }
    }

    /// The lock is not held while `lookUp` reads: who comes second takes what was handed out meanwhile.
    func pseudonym(for patient: PatientKey, lookUp: (Data) throws -> Pseudonym?) throws -> Pseudonym {
        let digest = patientDigest(patient)
        if let known = handedOut.withLock({ $0[digest] }) { return known }
        let stored = try lookUp(digest)
        return handedOut.withLock { handedOut in
            if let known = handedOut[digest] { return known }
            if handedOut.count >= Vault.capacity { handedOut.removeAll(keepingCapacity: true) }
            let pseudonym = stored ?? .random()
            handedOut[digest] = pseudonym
            return pseudonym
        }
    }

    private func patientDigest(_ patient: PatientKey) -> Data { Index.digest(patient.parts, key: keys.patientIndex) }

    private static func storedPseudonym(_ digest: Data, in db: Database) throws -> Pseudonym? {
        let statement = try db.cachedStatement(sql: "SELECT pseudonym FROM pseudonym WHERE patient_index = ?")
        return try String.fetchOne(statement, arguments: [digest]).flatMap(Pseudonym.init(stored:))
    }

    // MARK: Sealing

    /// Seals what ``Identity/capture(from:)`` took out. No database is touched, so it is done before the transaction.
    ///
    /// - Parameters:
    ///   - instanceID: the name under which the instance is stored; it is bound to the sealed bytes.
    ///   - instance: as ``DeIdentifier`` named it.
    ///   - pseudonym: of `identity.patient`.
    package func seal(
        _ identity: borrowing Identity, instanceID: String, as instance: DeIdentifiedInstance, pseudonym: Pseudonym
    ) throws(SealingError) -> SealedIdentity {
        let study = instance.studyInstanceUID.uid.value
        let bytes = try publicKey.seal(identity.encoded, for: .identity, boundTo: [instanceID, study])
        var indexes = [
            SealedIdentity.Index(kind: .patient, digest: patientDigest(identity.patient)),
            SealedIdentity.Index(kind: .study, digest: studyDigest(identity.studyInstanceUID)),
        ]
        if !identity.accessionNumber.isEmpty {
            indexes.append(.init(kind: .accession, digest: accessionDigest(identity.accessionNumber)))
        }
        return SealedIdentity(
            instanceID: instanceID, studyUID: instance.studyInstanceUID, pseudonym: pseudonym, bytes: bytes,
            indexes: indexes)
    }

    private func studyDigest(_ uid: String) -> Data { Index.digest([Array(uid.utf8)], key: keys.studyIndex) }
    private func accessionDigest(_ number: [UInt8]) -> Data { Index.digest([number], key: keys.accessionIndex) }

    // MARK: Recording

    /// Writes the pseudonym (if it is new), the sealed identity and the indexes, in the caller's transaction. An
    /// instance that is
    /// recorded again (a replacement) gets the new identity.
    ///
    /// - Throws: ``VaultError/pseudonymTaken`` when another pseudonym was stored for the patient meanwhile: roll back,
    /// and take
    ///   the instance in again under the stored one.
    package func record(_ sealed: SealedIdentity, in db: Database) throws {
        guard let patient = sealed.indexes.first(where: { $0.kind == .patient }) else {
            throw VaultError.pseudonymTaken
        }
        if let stored = try Vault.storedPseudonym(patient.digest, in: db) {
            guard stored == sealed.pseudonym else {
                handedOut.withLock { $0[patient.digest] = stored }
                throw VaultError.pseudonymTaken
            }
        } else {
            try db.cachedStatement(sql: "INSERT INTO pseudonym (patient_index, pseudonym, created) VALUES (?, ?, ?)")
                .execute(arguments: [patient.digest, sealed.pseudonym.value, Date().timeIntervalSince1970.rounded()])
        }
        try sealed.insert(in: db)
    }

    // MARK: Finding

    /// The mapped Study Instance UIDs of studies with this accession number.
    package func studies(accessionNumber: String, in db: Database) throws -> [StudyInstanceUID] {
        try studies(.accession, accessionDigest(Array(accessionNumber.utf8)), in: db)
    }

    /// The mapped Study Instance UID of the study that the PACS knows under this UID; empty if it never came.
    package func studies(originalStudyUID: String, in db: Database) throws -> [StudyInstanceUID] {
        try studies(.study, studyDigest(originalStudyUID), in: db)
    }

    /// The mapped Study Instance UIDs of a patient's studies. Issuer and ID as they were sent.
    package func studies(of patient: PatientKey, in db: Database) throws -> [StudyInstanceUID] {
        try studies(.patient, patientDigest(patient), in: db)
    }

    private func studies(_ kind: SealedIdentity.Index.Kind, _ digest: Data, in db: Database) throws
        -> [StudyInstanceUID]
    {
        let sql = "SELECT study_uid FROM identity_index WHERE kind = ? AND digest = ? ORDER BY study_uid"
        return try String.fetchAll(db, sql: sql, arguments: [kind.rawValue, digest])
            .compactMap { UID($0).map(StudyInstanceUID.init) }
    }

    /// The pseudonyms under which instances of a study were taken in. More than one: the study came with two patients.
    package static func pseudonyms(of study: StudyInstanceUID, in db: Database) throws -> [Pseudonym] {
        let sql = "SELECT DISTINCT pseudonym FROM sealed_identity WHERE study_uid = ? ORDER BY pseudonym"
        return try String.fetchAll(db, sql: sql, arguments: [study.uid.value]).compactMap(Pseudonym.init(stored:))
    }
}

/// What can go wrong with the vault's tables.
package enum VaultError: Error, Equatable, CustomStringConvertible {
    /// Another pseudonym was stored for the patient between asking for one and recording.
    case pseudonymTaken
    /// No identity is stored for the instance.
    case unknownInstance
    /// What was opened does not belong to the study it is stored under.
    case otherStudy

    /// One sentence.
    package var description: String {
        switch self {
        case .pseudonymTaken: "the patient has got another pseudonym meanwhile"
        case .unknownInstance: "no identity is stored for the instance"
        case .otherStudy: "the identity stored for the instance is not of its study"
        }
    }
}
