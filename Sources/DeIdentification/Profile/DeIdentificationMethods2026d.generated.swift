// Written by Scripts/generate-profile.py from Tables/cid_7050_2026d.csv. Not to be edited.
// DICOM PS3.16 2026d: CID 7050, © NEMA: facts only.
// swift-format-ignore-file

/// CID 7050 of PS3.16, edition 2026d.
enum DeIdentificationMethods2026d {
    static let codes: [DeIdentificationMethodCode] = [
        DeIdentificationMethodCode("113100", "Basic Application Confidentiality Profile"),
        DeIdentificationMethodCode("113101", "Clean Pixel Data Option"),
        DeIdentificationMethodCode("113102", "Clean Recognizable Visual Features Option"),
        DeIdentificationMethodCode("113103", "Clean Graphics Option"),
        DeIdentificationMethodCode("113104", "Clean Structured Content Option"),
        DeIdentificationMethodCode("113105", "Clean Descriptors Option"),
        DeIdentificationMethodCode("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
        DeIdentificationMethodCode("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
        DeIdentificationMethodCode("113108", "Retain Patient Characteristics Option"),
        DeIdentificationMethodCode("113109", "Retain Device Identity Option"),
        DeIdentificationMethodCode("113110", "Retain UIDs Option"),
        DeIdentificationMethodCode("113111", "Retain Safe Private Option"),
        DeIdentificationMethodCode("113112", "Retain Institution Identity Option"),
    ]
}
