import DCMTKBridge
import DICOMCore

/// What identifies an instance and its patient, taken out before de-identification.
///
/// It holds everything that a result filed in the original study needs (patient, study, request and reference
/// attributes), as
/// a data set of its own in Explicit VR Little Endian, in the object's own character set. It is sealed by ``Vault``
/// and written
/// nowhere else. Prints nothing.
package struct Identity: Sendable, CustomStringConvertible, CustomReflectable {
    /// The data set of ``tags``, Explicit VR Little Endian.
    package let encoded: [UInt8]
    /// Whose study it is, for the pseudonym.
    package let patient: PatientKey
    /// The original (0008,0018), as sent, without padding.
    package let sopInstanceUID: String
    /// The original (0020,000D), as sent, without padding.
    package let studyInstanceUID: String
    /// The original (0020,000E), as sent, without padding.
    package let seriesInstanceUID: String
    /// (0008,0016).
    package let sopClassUID: SOPClassUID
    /// (0008,0020) without padding; empty when there is none.
    package let studyDate: String
    /// (0008,0050) without padding; empty when there is none.
    let accessionNumber: [UInt8]
    /// Strings of this patient that must not be left in text that the profile keeps.
    let terms: IdentityTerms

    /// Prints nothing.
    package var description: String { "<identity>" }
    /// Shows nothing.
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// What is taken out, where present (docs/results.md names what a result copies: the Patient, Patient Study and
    /// General Study
    /// modules, the request, the reference to the source image and its frame of reference).
    package static let tags: [Tag] = [
        .specificCharacterSet, .imageType, .sopClassUID, .sopInstanceUID, .studyDate, .seriesDate, .acquisitionDate,
        .contentDate,
        .acquisitionDateTime, .studyTime, .seriesTime, .acquisitionTime, .contentTime, .accessionNumber,
        .issuerOfAccessionNumberSequence, .modality, .referringPhysicianName, .timezoneOffsetFromUTC, .studyDescription,
        .procedureCodeSequence, .seriesDescription, .patientName, .patientID, .issuerOfPatientID, .typeOfPatientID,
        .issuerOfPatientIDQualifiersSequence, .patientBirthDate, .patientBirthTime, .patientSex, .patientAge,
        .patientSize,
        .patientWeight, .bodyPartExamined, .viewPosition, .studyInstanceUID, .seriesInstanceUID, .studyID,
        .seriesNumber,
        .instanceNumber, .patientOrientation, .frameOfReferenceUID, .laterality, .imageLaterality,
        .positionReferenceIndicator,
        .burnedInAnnotation, .lossyImageCompression, .lossyImageCompressionRatio, .lossyImageCompressionMethod,
        .requestAttributesSequence,
    ]

    /// Reads the identity of a received header, which is not changed.
    ///
    /// - Throws: ``DeIdentificationError`` when the object names no instance, series, study or class, or names them by
    /// something
    ///   that is not a UID.
    /// - Parameter isSealed: whether ``encoded`` is needed; without, it is empty.
    package static func capture(
        from header: borrowing DataSet, isSealed: Bool = true
    ) throws(DeIdentificationError) -> Identity {
        let sopClass = try uid(.sopClassUID, of: header)
        guard let sopClassUID = SOPClassUID(sopClass) else { throw .invalidUID(.sopClassUID) }
        let instance = try uid(.sopInstanceUID, of: header)
        let study = try uid(.studyInstanceUID, of: header)
        let series = try uid(.seriesInstanceUID, of: header)
        guard let characterSet = header.characterSet else { throw .unknownCharacterSet }
        do {
            return Identity(
                encoded: isSealed ? try encoded(header) : [],
                patient: try PatientKey(of: header, studyUID: study),
                sopInstanceUID: instance, studyInstanceUID: study, seriesInstanceUID: series, sopClassUID: sopClassUID,
                studyDate: header.string(.studyDate) ?? "",
                accessionNumber: Array((header.bytes(.accessionNumber) ?? []).trimmedPadding),
                terms: try IdentityTerms(of: header, characterSet: characterSet))
        } catch {
            throw .dcmtk(.capture)
        }
    }

    private static func encoded(_ header: borrowing DataSet) throws(DCMTKError) -> [UInt8] {
        let taken = try DataSet()
        try header.copyAttributes(tags, to: taken)
        return try taken.encoded(as: .explicitVRLittleEndian)
    }

    /// A UID as devices send it: devices are known that write components with leading zeros, and the result must name
    /// the
    /// instance as the PACS does, so only length and repertoire are asked for.
    private static func uid(_ tag: Tag, of header: borrowing DataSet) throws(DeIdentificationError) -> String {
        guard let value = header.bytes(tag)?.trimmedPadding, !value.isEmpty else { throw .missingAttribute(tag) }
        guard value.count <= 64, value.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }) else {
            throw .invalidUID(tag)
        }
        return String(decoding: value, as: UTF8.self)
    }
}

/// Whose object it is: the patient ID together with who issued it, since the same ID from two issuers is two patients
/// (PS3.3
/// C.7.1.1). Prints nothing.
package struct PatientKey: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    /// Length-prefixed parts, for an HMAC.
    let parts: [[UInt8]]

    /// A patient with an ID. Issuer parts may be empty.
    package init(patientID: String, issuer: String = "", universalEntityID: String = "") {
        self.init(parts: [Array("id".utf8), Array(issuer.utf8), Array(universalEntityID.utf8), Array(patientID.utf8)])
    }

    /// A patient without an ID: nothing says that two studies are of the same person, so each study is a patient of
    /// its own.
    package init(unidentifiedInStudy studyUID: String) {
        self.init(parts: [Array("study".utf8), Array(studyUID.utf8)])
    }

    private init(parts: [[UInt8]]) { self.parts = parts }

    /// (0010,0020) without its issuer; nil for a patient without one.
    var patientID: [UInt8]? { parts.count == 4 ? parts[3] : nil }

    init(of header: borrowing DataSet, studyUID: String) throws(DCMTKError) {
        let id = Array((header.bytes(.patientID) ?? []).trimmedPadding)
        guard !id.isEmpty else {
            self.init(unidentifiedInStudy: studyUID)
            return
        }
        var universal: [UInt8] = []
        if header.itemCount(.issuerOfPatientIDQualifiersSequence) > 0 {
            let qualifiers = try header.item(.issuerOfPatientIDQualifiersSequence, at: 0)
            universal = Array((qualifiers.bytes(.universalEntityID) ?? []).trimmedPadding)
        }
        let issuer = Array((header.bytes(.issuerOfPatientID) ?? []).trimmedPadding)
        self.init(parts: [Array("id".utf8), issuer, universal, id])
    }

    /// Prints nothing.
    package var description: String { "<patient>" }
    /// Shows nothing.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
