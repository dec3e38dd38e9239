import Crypto
import DCMTKBridge
import DICOMCore
import Foundation
import GRDB
import Synchronization

/// Where identity is kept: pseudonyms, sealed identity and keyed indexes, as tables of the node's one database.
///
/// It writes and does not read: opening needs the private key (``VaultReader``).
/// Transactions belong
/// to the caller. Safe to share between threads.
package final class Vault: Sendable {
    private let index: VaultIndex
    private let publicKey: VaultPublicKey
    /// Pseudonyms handed out lately, by patient index: two associations that meet a new patient agree before a row is
    /// written.
    /// The table's own constraints decide in the end (``record(_:in:)``), so forgetting one costs a repeat, not a
    /// mix-up.
    private let handedOut = Mutex<[Data: Pseudonym]>([:])
    private static let capacity = 65536

    /// A vault under the receiver's keys.
    package init(keys: ReceiverKeys, publicKey: VaultPublicKey) {
        self.index = VaultIndex(keys: keys)
        self.publicKey = publicKey
    }

    // MARK: Pseudonyms

    /// The pseudonym of a patient: the stored one, or the one another association has just been given, or a new one,
    /// which is
    /// written with the first instance's ``record(_:in:)``.
    package func pseudonym(for patient: PatientKey, in reader: some DatabaseReader) throws -> Pseudonym {
        try pseudonym(for: patient) { digest in try reader.read { try VaultIndex.storedPseudonym(digest, in: $0) } }
    }

    /// The pseudonym of a patient where nothing is stored yet.
    package func pseudonym(ofNew patient: PatientKey) -> Pseudonym {
        pseudonym(for: patient) { _ in nil }
    }

    /// The lock is not held while `lookUp` reads: who comes second takes what was handed out meanwhile.
    func pseudonym(for patient: PatientKey, lookUp: (Data) throws -> Pseudonym?) rethrows -> Pseudonym {
        let digest = index.digest(patient)
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
        let bytes = try publicKey.seal(
            identity.encoded, for: .identity, boundTo: [instanceID, study, pseudonym.value])
        return SealedIdentity(
            instanceID: instanceID, studyUID: instance.studyInstanceUID, pseudonym: pseudonym, bytes: bytes,
            indexes: index.entries(identity))
    }

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
        if let stored = try VaultIndex.storedPseudonym(patient.digest, in: db) {
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

    // MARK: Requests for storage commitment

    /// Seals what a request says in original UIDs, bound to its opaque identifier.
    package func seal(_ bytes: [UInt8], ofRequest id: String) throws(SealingError) -> SealedRequest {
        SealedRequest(id: id, bytes: try publicKey.seal(bytes, for: .request, boundTo: [id]))
    }

    /// Writes it, in the caller's transaction.
    package func record(_ sealed: SealedRequest, in db: Database) throws { try sealed.insert(in: db) }

    /// Erases a request that is settled, in the caller's transaction.
    package func eraseRequest(_ id: String, in db: Database) throws {
        try db.execute(sql: "DELETE FROM sealed_request WHERE id = ?", arguments: [id])
    }

    // MARK: Erasing

    /// Deletes everything by which a study's patient could be told: sealed identity, indexes, and the patient's own row
    /// unless another study of the patient still has identity. In the caller's transaction; call ``forget(_:)`` with what
    /// is returned once that is committed.
    package func erase(_ study: String, in db: Database) throws -> ErasedPatients {
        let kind = SealedIdentity.Index.Kind.patient.rawValue
        let digests = try Data.fetchAll(
            db, sql: "SELECT digest FROM identity_index WHERE kind = ? AND study_uid = ?", arguments: [kind, study])
        try db.execute(sql: "DELETE FROM sealed_identity WHERE study_uid = ?", arguments: [study])
        try db.execute(sql: "DELETE FROM identity_index WHERE study_uid = ?", arguments: [study])
        var erased: [Data] = []
        for digest in digests {
            try db.execute(
                sql: """
                    DELETE FROM pseudonym WHERE patient_index = ?1
                        AND NOT EXISTS (SELECT 1 FROM identity_index WHERE kind = ?2 AND digest = ?1)
                    """, arguments: [digest, kind])
            if db.changesCount > 0 { erased.append(digest) }
        }
        return ErasedPatients(digests: erased)
    }

    /// Patients of whom nothing is stored any more.
    package struct ErasedPatients: Sendable {
        fileprivate let digests: [Data]
    }

    /// Drops erased patients from memory as well: one who comes again is given another pseudonym.
    package func forget(_ patients: ErasedPatients) {
        handedOut.withLock { handedOut in for digest in patients.digests { handedOut[digest] = nil } }
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
    /// A line of the audit holds what the schema does not allow.
    case auditDamaged
    /// Rows that no key here opens; the old key stays.
    case notResealed(Int)
    /// `receiver.key` is not the one that the data were stored with.
    case otherReceiver

    /// One sentence.
    package var description: String {
        switch self {
        case .pseudonymTaken: "the patient has got another pseudonym meanwhile"
        case .unknownInstance: "no identity is stored for the instance"
        case .otherStudy: "the identity stored for the instance is not of its study"
        case .auditDamaged:
            "the audit of the vault is damaged: keep a copy of the data folder and find out who changed it"
        case .notResealed(let count):
            "\(count) sealed rows could not be opened and stay as they are; vault.key.previous is kept for them: restore "
                + "the key that is missing, or the data folder, and run overread vault rotate again"
        case .otherReceiver:
            "receiver.key is not the one that this data folder was written with: bring the key folder back from its "
                + "backup; with another key the same patient would get another pseudonym and nothing would be found"
        }
    }
}
