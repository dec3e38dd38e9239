import Foundation
import GRDB

/// Whose study it is, by pseudonyms, for the builder of results.
package struct StudyPatient: Hashable, Sendable {
    /// The mapped Study Instance UID.
    package let studyUID: String
    /// The pseudonym of its patient.
    package let pseudonym: String
    /// Pseudonyms of patients that it had before an accepted correction.
    package let corrected: Set<String>
    /// Whether retention has erased the identity of its instances.
    package let isIdentityErased: Bool
}

// Identity corrections. The patient of a study is the one that its last instance names, as far as the policy of that
// instance's source accepts it. An exact repetition of a held instance says nothing new; but while a study is in doubt, the
// next instance from a source that accepts corrections decides, whatever it is.
extension StudyQueue {
    /// A held instance names another patient than its study has, or the study waits for a decision.
    func takeCorrection(_ receipt: InstanceReceipt, of study: inout StudyRow, in db: Database, at now: Date) throws {
        // Nothing is left to compare with: the patient may be the same under a new pseudonym. No result is built anyhow.
        if study.isIdentityErased { return }
        switch receipt.identityCorrection {
        case .park:
            if study.patient == receipt.patientPseudonym { return }
            if try isDoubted(study, receipt.patientPseudonym, in: db) { return }
            try insert(receipt, from: study.patient, of: study, in: db, at: now)
            try logCorrection(receipt, of: study, in: db, at: now)
            try study.apply(.identityDoubted, in: db, at: now)
        case .reanalyse:
            try accept(receipt, of: &study, in: db, at: now)
        }
    }

    /// An instance of a study in doubt comes again, unchanged.
    func settleDoubt(_ receipt: InstanceReceipt, _ held: HeldDuplicate, in db: Database, at now: Date) throws {
        var study = try StudyRow.require(id: held.study, in: db)
        guard receipt.identityCorrection == .reanalyse else { return }
        var receipt = receipt
        // The one that is stored; the one that came is not.
        receipt.instanceID = held.id
        try accept(receipt, of: &study, in: db, at: now)
    }

    /// Every patient that the study had, accepted or doubted, gives way to the new one.
    private func accept(_ receipt: InstanceReceipt, of study: inout StudyRow, in db: Database, at now: Date) throws {
        let doubted = try String.fetchAll(
            db, sql: "SELECT DISTINCT to_patient FROM identity_correction WHERE study = ? AND policy = 'park'",
            arguments: [study.id])
        for patient in Set(doubted + [study.patient]) where patient != receipt.patientPseudonym {
            try insert(receipt, from: patient, of: study, in: db, at: now)
        }
        try db.execute(
            sql: "UPDATE study SET patient = ? WHERE id = ?", arguments: [receipt.patientPseudonym, study.id])
        study.patient = receipt.patientPseudonym
        try logCorrection(receipt, of: study, in: db, at: now)
        try study.apply(.identityCorrected, in: db, at: now)
    }

    /// Whether the study waits for a decision about this patient already.
    private func isDoubted(_ study: StudyRow, _ patient: String, in db: Database) throws -> Bool {
        guard study.isDoubted else { return false }
        return try Bool.fetchOne(
            db,
            sql: """
                SELECT EXISTS (SELECT 1 FROM identity_correction WHERE study = ? AND to_patient = ? AND policy = 'park')
                """, arguments: [study.id, patient]) ?? false
    }

    private func insert(
        _ receipt: InstanceReceipt, from patient: String, of study: StudyRow, in db: Database, at now: Date
    ) throws {
        try db.execute(
            sql: """
                INSERT INTO identity_correction (study, from_patient, to_patient, instance, policy, at)
                VALUES (?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                study.id, patient, receipt.patientPseudonym, receipt.instanceID, receipt.identityCorrection.rawValue,
                now.milliseconds,
            ])
    }

    private func logCorrection(_ receipt: InstanceReceipt, of study: StudyRow, in db: Database, at now: Date) throws {
        try study.log(
            .identityCorrection, fields: [.instance(receipt.instanceID), .correction(receipt.identityCorrection)],
            in: db, at: now)
    }

    // MARK: For the composition

    /// Whose study it is. Throws `unknownStudy`.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func patient(of study: String) throws -> StudyPatient {
        try database.read { db in
            guard
                let row = try Row.fetchOne(
                    db, sql: "SELECT uid, patient, identity_erased_at FROM study WHERE id = ?", arguments: [study])
            else { throw StudyQueueError(.unknownStudy) }
            let corrected = try String.fetchSet(
                db, sql: "SELECT from_patient FROM identity_correction WHERE study = ? AND policy = 'reanalyse'",
                arguments: [study])
            return StudyPatient(
                studyUID: row["uid"], pseudonym: row["patient"], corrected: corrected,
                isIdentityErased: (row["identity_erased_at"] as Int64?) != nil)
        }
    }

    /// Delivered studies whose identity is kept no longer, longest delivered first, at most `limit`: marks each, in the
    /// caller's transaction, which erases the identity that belongs to the mapped Study Instance UIDs returned.
    package func retireIdentity(
        ofStudiesDeliveredBefore time: Date, limit: Int, in db: Database, at now: Date
    ) throws -> [String] {
        guard db.isInsideTransaction else { throw StudyQueueError(.notInTransaction) }
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT * FROM study INDEXED BY study_identity_due
                WHERE state = 'delivered' AND identity_erased_at IS NULL AND kept_from <= ? ORDER BY kept_from LIMIT ?
                """, arguments: [time.milliseconds, limit])
        return try rows.map { row in
            let study = try StudyRow(row)
            try db.execute(
                sql: "UPDATE study SET identity_erased_at = ? WHERE id = ?", arguments: [now.milliseconds, study.id])
            try study.log(
                .identityErased, fields: [.instances(try heldInstances(of: study.id, in: db))], in: db, at: now)
            return row["uid"]
        }
    }
}
