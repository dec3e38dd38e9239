import DCMTKBridge
import DICOMCore

/// What the object says of its own de-identification (PS3.15 E.1.1; PS3.16 CID 7050), and the pseudonym.
enum Markers {
    /// A value of (0012,0063); at most 64 characters.
    static let method = "Overread: PS3.15 \(BasicProfile2026d.edition) Basic Profile, no options"

    /// A code of CID 7050.
    struct Code {
        let value: String
        let meaning: String
        static let basicProfile = Code(value: "113100", meaning: "Basic Application Confidentiality Profile")
    }

    static func write(to header: borrowing DataSet, pseudonym: Pseudonym) throws(DCMTKError) {
        try header.set(.patientID, pseudonym.value)
        try header.set(.patientName, pseudonym.personName)
        try header.set(.patientIdentityRemoved, "YES")
        try header.set(.longitudinalTemporalInformationModified, "REMOVED")
        try appendMethod(to: header)
        try append(.basicProfile, to: header)
    }

    /// Methods are added to, not replaced: earlier passes stay documented.
    private static func appendMethod(to header: borrowing DataSet) throws(DCMTKError) {
        var values = header.bytes(.deidentificationMethod).map { Array($0.trimmedPadding) } ?? []
        let ours = Array(method.utf8)
        if values.split(separator: 0x5C).contains(where: { $0.trimmedPadding.elementsEqual(ours) }) { return }
        if !values.isEmpty { values.append(0x5C) }
        try header.set(.deidentificationMethod, vr: "LO", bytes: values + ours)
    }

    private static func append(_ code: Code, to header: borrowing DataSet) throws(DCMTKError) {
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
