import DICOMCore
import DICOMNetwork
import DeIdentification
import Foundation
import GRDB
import StudyQueue

extension ResultAssembly {
    /// Opens the identities of a study's analysed instances, audited, and lets them pass only if they agree: each is of its
    /// row's instance, study and patient, and the patient is the study's, or one that an accepted correction replaced. So
    /// a result belongs to its study (DESIGN.md, promise 4) and is never filed under two patients.
    ///
    /// - Returns: the identities in the order of the instances, and the place of the one that names the patient and study of
    ///   what is built: the last of the study's patient. In an older revision, which is opened only to refer to its report,
    ///   all may be of a patient that was corrected later.
    /// - Throws: ``ResultAssemblyError``; the database's error when the audit cannot be written.
    @available(*, noasync, message: "blocks: call it from a thread")
    func open(
        _ instances: [StoredInstance], of study: String, for destination: ApplicationEntity, isOlder: Bool
    ) throws -> (identities: [OpenedIdentity], filedUnder: Int) {
        let patient = try store.queue.patient(of: study)
        if patient.isIdentityErased { throw ResultAssemblyError.identityErased }
        let opened = try open(instances.map(\.instanceID), .delivery(of: study, to: destination.name))
        let belong = try store.database.read { db in
            try zip(opened, instances).allSatisfy { identity, instance in
                try identity.studyUID.uid.value == patient.studyUID
                    && patient.allows(identity.pseudonym.value)
                    && reader.belongs(identity, sopInstanceUID: instance.sopInstanceUID, in: db)
            }
        }
        let last = opened.lastIndex { $0.pseudonym.value == patient.pseudonym } ?? (isOlder ? opened.indices.last : nil)
        guard belong, let last else { throw ResultAssemblyError.identityConflict }
        return (opened, last)
    }

    private func open(_ instances: [String], _ request: VaultReader.Request) throws -> [OpenedIdentity] {
        do {
            return try reader.open(instances, for: request, in: store.database, at: Date())
        } catch is SealingError {
            throw ResultAssemblyError.identityUnreadable
        } catch is VaultError {
            throw ResultAssemblyError.identityUnreadable
        }
    }
}

extension StudyPatient {
    /// Whether an instance of the study may have been taken in for this patient.
    fileprivate func allows(_ pseudonym: String) -> Bool {
        pseudonym == self.pseudonym || corrected.contains(pseudonym)
    }
}
