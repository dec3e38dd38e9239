import DCMTKBridge
import DICOMCore

/// The patient and study that a result belongs to: what is copied from the original, and how.
package enum ResultIdentity {
    /// Attributes of the Patient, General Study and Patient Study Modules (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2) that a
    /// result takes over exactly as they were, empty ones included. The sealed identity must hold them, and with them
    /// (0008,0005), (0008,0201) and (0040,0275).
    package static let copied: [Tag] = [
        .studyDate, .studyTime, .accessionNumber, .issuerOfAccessionNumberSequence, .referringPhysicianName,
        .studyDescription, .procedureCodeSequence,
        .patientName, .patientID, .issuerOfPatientID, .typeOfPatientID, .issuerOfPatientIDQualifiersSequence,
        .patientBirthDate, .patientBirthTime, .patientSex, .otherPatientIDs, .otherPatientNames,
        .otherPatientIDsSequence, .patientAge, .patientSize, .patientWeight, .patientSpeciesDescription,
        .patientSpeciesCodeSequence, .patientBreedDescription, .patientBreedCodeSequence, .breedRegistrationSequence,
        .responsiblePerson, .responsibleOrganization, .studyInstanceUID, .studyID,
    ]

    /// What else the results read of the identity.
    package static let alsoRead: [Tag] = [.specificCharacterSet, .timezoneOffsetFromUTC, .requestAttributesSequence]

    /// Type 2 of the modules: present in the result even where the original lacks them.
    static let presentEvenIfEmpty: [Tag] = [
        .patientName, .patientID, .patientBirthDate, .patientSex, .studyDate, .studyTime, .referringPhysicianName,
        .studyID, .accessionNumber,
    ]
}

/// The identity as one result uses it: in the original's character set while all our own text is ASCII, so that every
/// byte stays what it was; in UTF-8 otherwise.
struct PreparedIdentity: ~Copyable {
    let attributes: DataSet
    let studyInstanceUID: StudyInstanceUID
    let utcOffsetMinutes: Int?

    /// - Parameter asUTF8: whether a text of ours is outside ASCII.
    init(_ identity: borrowing DataSet, asUTF8: Bool) throws(ResultError) {
        let attributes = try orRefused("identity") { () throws(DCMTKError) in
            let attributes = try DataSet()
            try identity.copyAttributes(ResultIdentity.copied + ResultIdentity.alsoRead, to: attributes)
            return attributes
        }
        if asUTF8 {
            do { try attributes.convertToUTF8() } catch { throw .characterSet }
        }
        guard let text = attributes.string(.studyInstanceUID), let study = UID(text) else {
            throw .identityLacks(.studyInstanceUID)
        }
        if let offset = attributes.string(.timezoneOffsetFromUTC), !offset.isEmpty {
            self.utcOffsetMinutes = AnalysisTime.minutes(ofOffset: offset)
        } else {
            self.utcOffsetMinutes = nil
        }
        self.studyInstanceUID = StudyInstanceUID(study)
        self.attributes = attributes
    }

    /// The procedures that were done, as the source codes them; those whose text is ASCII, so that they mean the same
    /// in every character set.
    func procedures() throws(ResultError) -> [CodedConcept] {
        var found: [CodedConcept] = []
        for index in 0..<min(attributes.itemCount(.procedureCodeSequence), 4) {
            let item = try orRefused("procedure code") { () throws(DCMTKError) in
                try attributes.item(.procedureCodeSequence, at: index)
            }
            guard let value = item.string(.codeValue), let scheme = item.string(.codingSchemeDesignator),
                let meaning = item.string(.codeMeaning)
            else { continue }
            let code = CodedConcept(value, scheme, meaning)
            let isASCII = (value + scheme + meaning).utf8.allSatisfy { $0 < 0x80 }
            if isASCII, (try? ContentCheck.check(code)) != nil { found.append(code) }
        }
        return found
    }
}
