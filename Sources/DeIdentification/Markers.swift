import DCMTKBridge
import DICOMCore

/// What the object says of its own de-identification (PS3.15 E.1.1; PS3.16 CID 7050), and the pseudonym.
enum Markers {
    /// The values of (0012,0063), at most 64 characters each: who did what by which edition, then each option.
    static func methods(_ profile: ConfidentialityProfile) -> [String] {
        let options = codes(profile).dropFirst().map(\.meaning)
        let summary = options.isEmpty ? "no options" : "options:"
        return ["Overread: PS3.15 \(BasicProfile2026d.edition) Basic Profile, \(summary)"] + options
    }

    /// The codes of (0012,0064): the profile's, then each option's.
    static func codes(_ profile: ConfidentialityProfile) -> [DeIdentificationMethodCode] {
        (["113100"] + profile.options.map(\.methodCode)).compactMap { value in
            DeIdentificationMethods2026d.codes.first { $0.value == value }
        }
    }

    /// (0028,0303).
    static func temporalInformation(_ profile: ConfidentialityProfile) -> String {
        if profile.contains(.retainFullDates) { return "UNMODIFIED" }
        return profile.contains(.retainModifiedDates) ? "MODIFIED" : "REMOVED"
    }

    static func write(
        to header: borrowing DataSet, pseudonym: Pseudonym, profile: ConfidentialityProfile
    ) throws(DCMTKError) {
        try header.set(.patientID, pseudonym.value)
        try header.set(.patientName, pseudonym.personName)
        try header.set(.patientIdentityRemoved, "YES")
        try header.set(.longitudinalTemporalInformationModified, temporalInformation(profile))
        for method in methods(profile) { try append(method, to: header) }
        for code in codes(profile) { try append(code, to: header) }
    }

    /// Methods are added to, not replaced: earlier passes stay documented.
    private static func append(_ method: String, to header: borrowing DataSet) throws(DCMTKError) {
        var values = header.bytes(.deidentificationMethod).map { Array($0.trimmedPadding) } ?? []
        let ours = Array(method.utf8)
        if values.split(separator: 0x5C).contains(where: { $0.trimmedPadding.elementsEqual(ours) }) { return }
        if !values.isEmpty { values.append(0x5C) }
        try header.set(.deidentificationMethod, vr: "LO", bytes: values + ours)
    }

    private static func append(_ code: DeIdentificationMethodCode, to header: borrowing DataSet) throws(DCMTKError) {
        for index in 0..<header.itemCount(.deidentificationMethodCodeSequence) {
            let item = try header.item(.deidentificationMethodCodeSequence, at: index)
            if item.string(.codeValue) == code.value, item.string(.codingSchemeDesignator) == "DCM" { return }
        }
        if header.contains(.deidentificationMethodCodeSequence), header.vr(.deidentificationMethodCodeSequence) != "SQ"
        {
            try header.remove(.deidentificationMethodCodeSequence)
        }
        let item = try DataSet()
        try item.set(.codeValue, code.value)
        try item.set(.codingSchemeDesignator, "DCM")
        try item.set(.codeMeaning, code.meaning)
        try header.append(item, to: .deidentificationMethodCodeSequence)
    }
}

extension ConfidentialityOption {
    /// The option's code in CID 7050.
    var methodCode: String {
        switch self {
        case .retainSafePrivate: "113111"
        case .retainUIDs: "113110"
        case .retainDeviceIdentity: "113109"
        case .retainInstitutionIdentity: "113112"
        case .retainPatientCharacteristics: "113108"
        case .retainFullDates: "113106"
        case .retainModifiedDates: "113107"
        case .cleanDescriptors: "113105"
        case .cleanStructuredContent: "113104"
        case .cleanGraphics: "113103"
        }
    }
}
