import DICOMCore
import Foundation
import GRDB

/// Finds pseudonyms and studies by keyed digests of what an operator or a sender knows. Needs `receiver.key` only, and
/// opens nothing.
package struct VaultIndex: Sendable {
    private let keys: ReceiverKeys

    /// An index under the receiver's keys.
    package init(keys: ReceiverKeys) { self.keys = keys }

    // MARK: Digests

    func digest(_ patient: PatientKey) -> Data { Index.digest(patient.parts, key: keys.patientIndex) }

    /// Of the Patient ID whoever issued it: operators seldom know the issuer.
    private func digest(patientID: [UInt8]) -> Data {
        Index.digest([Array("id of any issuer".utf8), patientID], key: keys.patientIndex)
    }

    private func digest(studyUID: String) -> Data { Index.digest([Array(studyUID.utf8)], key: keys.studyIndex) }
    private func digest(accessionNumber: [UInt8]) -> Data { Index.digest([accessionNumber], key: keys.accessionIndex) }

    /// Every index under which an instance's study is found.
    func entries(_ identity: borrowing Identity) -> [SealedIdentity.Index] {
        var entries = [
            SealedIdentity.Index(kind: .patient, digest: digest(identity.patient)),
            SealedIdentity.Index(kind: .study, digest: digest(studyUID: identity.studyInstanceUID)),
        ]
        if let id = identity.patient.patientID {
            entries.append(.init(kind: .patientID, digest: digest(patientID: id)))
        }
        if !identity.accessionNumber.isEmpty {
            entries.append(.init(kind: .accession, digest: digest(accessionNumber: identity.accessionNumber)))
        }
        return entries
    }

    static func storedPseudonym(_ digest: Data, in db: Database) throws -> Pseudonym? {
        let statement = try db.cachedStatement(sql: "SELECT pseudonym FROM pseudonym WHERE patient_index = ?")
        return try String.fetchOne(statement, arguments: [digest]).flatMap(Pseudonym.init(stored:))
    }

    // MARK: Finding

    /// The mapped Study Instance UIDs of studies with this accession number.
    package func studies(accessionNumber: String, in db: Database) throws -> [StudyInstanceUID] {
        try studies(.accession, digest(accessionNumber: Array(accessionNumber.utf8)), in: db)
    }

    /// The mapped Study Instance UID of the study that the PACS knows under this UID; empty if it never came.
    package func studies(originalStudyUID: String, in db: Database) throws -> [StudyInstanceUID] {
        try studies(.study, digest(studyUID: originalStudyUID), in: db)
    }

    /// The mapped Study Instance UIDs of a patient's studies. Issuer and ID as they were sent.
    package func studies(of patient: PatientKey, in db: Database) throws -> [StudyInstanceUID] {
        try studies(.patient, digest(patient), in: db)
    }

    /// The mapped Study Instance UIDs of studies with this Patient ID, whoever issued it: perhaps of several patients.
    package func studies(patientID: String, in db: Database) throws -> [StudyInstanceUID] {
        try studies(.patientID, digest(patientID: Array(patientID.utf8)), in: db)
    }

    private func studies(_ kind: SealedIdentity.Index.Kind, _ digest: Data, in db: Database) throws
        -> [StudyInstanceUID]
    {
        let sql = "SELECT study_uid FROM identity_index WHERE kind = ? AND digest = ? ORDER BY study_uid"
        return try String.fetchAll(db, sql: sql, arguments: [kind.rawValue, digest])
            .compactMap { UID($0).map(StudyInstanceUID.init) }
    }
}
