import DICOMCore

@testable import DeIdentification

/// Objects of several IODs with the attributes that the profile touches, written element by element.
enum IODSamples {
    static let all: [(name: String, elements: [TestElement])] = [
        ("CT", ct), ("MR", mr), ("CR", cr), ("DX", dx), ("US", us), ("PET", pet),
    ]

    /// Patient, General Study, General Series, General Equipment, General Image and Image Pixel, with optional
    /// attributes.
    private static func image(_ sopClass: String, _ modality: String, suffix: String) -> [TestElement] {
        let uid = "1.2.826.0.1.5.\(suffix)"
        return joined(
            TestElement.instance(sopClass: sopClass, study: uid, series: uid + ".1", instance: uid + ".1.1"),
            patientAndStudy, pixels,
            [
                .text(.modality, "CS", modality), .text(.imageType, "CS", "ORIGINAL\\PRIMARY"),
                .text(.seriesDate, "DA", "20260131"), .text(.seriesTime, "TM", "101112"),
                .text(.acquisitionDate, "DA", "20260131"), .text(.acquisitionTime, "TM", "101113"),
                .text(.contentDate, "DA", "20260131"), .text(.contentTime, "TM", "101114"),
                .text(Tag(0x0008, 0x0012), "DA", "20260131"), .text(Tag(0x0008, 0x0013), "TM", "101115"),
                .text(Tag(0x0008, 0x0070), "LO", "ACME Imaging"), .text(Tag(0x0008, 0x0080), "LO", "General Hospital"),
                .text(Tag(0x0008, 0x1010), "SH", "STATION9"), .text(.operatorsName, "PN", "Operator^One"),
                .text(Tag(0x0008, 0x1090), "LO", "Model 9"), .text(Tag(0x0018, 0x1000), "LO", "SN-4711-A"),
                .text(Tag(0x0018, 0x1030), "LO", "Protocol for Amalie"), .text(.seriesDescription, "LO", "A series"),
                .text(.seriesNumber, "IS", "1"), .text(.instanceNumber, "IS", "1"),
                .text(.patientOrientation, "CS", "L\\P"),
                .text(Tag(0x0020, 0x4000), "LT", "A comment"), .text(.burnedInAnnotation, "CS", "NO"),
                .items(
                    Tag(0x0008, 0x1140),
                    [
                        [
                            .text(Tag(0x0008, 0x1150), "UI", sopClass),
                            .text(Tag(0x0008, 0x1155), "UI", uid + ".1.2"),
                        ]
                    ]),
                .text(.lossyImageCompression, "CS", "00"),
            ])
    }

    private static func joined(_ parts: [TestElement]...) -> [TestElement] { parts.flatMap { $0 } }

    private static let patientAndStudy: [TestElement] = [
        .text(.patientBirthDate, "DA", "19370509"), .text(.patientSex, "CS", "F"), .text(.patientAge, "AS", "088Y"),
        .text(.patientWeight, "DS", "71.5"), .text(.studyDate, "DA", "20260131"), .text(.studyTime, "TM", "101010"),
        .text(.referringPhysicianName, "PN", "Referrer^Anna"), .text(.studyID, "SH", "S1"),
        .text(.accessionNumber, "SH", "ACC778812"), .text(.studyDescription, "LO", "Chest of Sauerbruch"),
    ]

    private static let pixels: [TestElement] = [
        .numbers(Tag(0x0028, 0x0002), [1]), .text(Tag(0x0028, 0x0004), "CS", "MONOCHROME2"),
        .numbers(Tag(0x0028, 0x0010), [2]),
        .numbers(Tag(0x0028, 0x0011), [2]), .numbers(Tag(0x0028, 0x0100), [16]), .numbers(Tag(0x0028, 0x0101), [12]),
        .numbers(Tag(0x0028, 0x0102), [11]), .numbers(Tag(0x0028, 0x0103), [0]),
    ]

    private static let plane: [TestElement] = [
        .text(.frameOfReferenceUID, "UI", "1.2.826.0.1.5.99"), .text(.positionReferenceIndicator, "LO", ""),
        .text(Tag(0x0028, 0x0030), "DS", "0.7\\0.7"), .text(Tag(0x0020, 0x0037), "DS", "1\\0\\0\\0\\1\\0"),
        .text(Tag(0x0020, 0x0032), "DS", "0\\0\\0"), .text(Tag(0x0018, 0x0050), "DS", "2"),
        .text(Tag(0x0018, 0x5100), "CS", "HFS"),
    ]

    private static let ct: [TestElement] = joined(
        image("1.2.840.10008.5.1.4.1.1.2", "CT", suffix: "1"), plane,
        [
            .text(.imageType, "CS", "ORIGINAL\\PRIMARY\\AXIAL"), .text(Tag(0x0028, 0x1052), "DS", "-1024"),
            .text(Tag(0x0028, 0x1053), "DS", "1"), .text(Tag(0x0018, 0x0060), "DS", "120"),
            .text(Tag(0x0020, 0x0012), "IS", "3"), .text(Tag(0x0018, 0x0010), "LO", "Agent X"),
        ])

    private static let mr: [TestElement] = joined(
        image("1.2.840.10008.5.1.4.1.1.4", "MR", suffix: "2"), plane,
        [
            .text(.imageType, "CS", "ORIGINAL\\PRIMARY\\OTHER"), .text(Tag(0x0018, 0x0020), "CS", "SE"),
            .text(Tag(0x0018, 0x0021), "CS", "NONE"), .text(Tag(0x0018, 0x0022), "CS", "FS"),
            .text(Tag(0x0018, 0x0023), "CS", "2D"), .text(Tag(0x0018, 0x0080), "DS", "500"),
            .text(Tag(0x0018, 0x0081), "DS", "10"), .text(Tag(0x0018, 0x0091), "IS", "1"),
        ])

    private static let cr: [TestElement] = joined(
        image("1.2.840.10008.5.1.4.1.1.1", "CR", suffix: "3"),
        [
            .text(.bodyPartExamined, "CS", "CHEST"), .text(.viewPosition, "CS", "PA"),
            .text(Tag(0x0018, 0x1004), "LO", "PLATE-77"), .text(Tag(0x0018, 0x1400), "LO", "Processing for Amalie"),
            .text(.laterality, "CS", ""),
        ])

    private static let dx: [TestElement] = joined(
        image("1.2.840.10008.5.1.4.1.1.1.1", "DX", suffix: "4"),
        [
            .text(Tag(0x0008, 0x0068), "CS", "FOR PRESENTATION"), .text(.imageType, "CS", "ORIGINAL\\PRIMARY\\"),
            .text(.bodyPartExamined, "CS", "CHEST"), .text(Tag(0x0028, 0x1040), "CS", "LOG"),
            .numbers(Tag(0x0028, 0x1041), [1]), .text(Tag(0x0028, 0x1052), "DS", "0"),
            .text(Tag(0x0028, 0x1053), "DS", "1"),
            .text(Tag(0x0028, 0x1054), "LO", "US"), .text(Tag(0x2050, 0x0020), "CS", "IDENTITY"),
            .text(Tag(0x0028, 0x0301), "CS", "NO"), .text(Tag(0x0018, 0x7004), "CS", "DIRECT"),
            .text(Tag(0x0018, 0x700A), "SH", "DET-1"), .text(Tag(0x0018, 0x700C), "DA", "20251231"),
            .text(Tag(0x0018, 0x700E), "TM", "080000"), .text(Tag(0x0018, 0x1164), "DS", "0.15\\0.15"),
            .text(.imageLaterality, "CS", "U"), .text(Tag(0x0028, 0x1050), "DS", "2048"),
            .text(Tag(0x0028, 0x1051), "DS", "4096"),
            .items(Tag(0x0008, 0x2218), [anatomy]), .items(Tag(0x0054, 0x0220), []), .items(Tag(0x0040, 0x0555), []),
        ])

    private static let anatomy: [TestElement] = [
        .text(.codeValue, "SH", "816094009"), .text(.codingSchemeDesignator, "SH", "SCT"),
        .text(.codeMeaning, "LO", "Chest"),
    ]

    private static let us: [TestElement] = joined(
        image("1.2.840.10008.5.1.4.1.1.6.1", "US", suffix: "5"),
        [
            .text(.imageType, "CS", "ORIGINAL\\PRIMARY\\ABDOMINAL\\0001"), .text(Tag(0x0008, 0x2124), "IS", "1"),
            .numbers(Tag(0x0028, 0x0100), [8]), .numbers(Tag(0x0028, 0x0101), [8]), .numbers(Tag(0x0028, 0x0102), [7]),
        ])

    private static let pet: [TestElement] = joined(
        image("1.2.840.10008.5.1.4.1.1.128", "PT", suffix: "6"), plane,
        [
            .text(Tag(0x0054, 0x1001), "CS", "BQML"), .text(Tag(0x0054, 0x1002), "CS", "EMISSION"),
            .text(Tag(0x0054, 0x1000), "CS", "STATIC\\IMAGE"), .numbers(Tag(0x0054, 0x0081), [1]),
            .text(Tag(0x0028, 0x0051), "CS", "ATTN"), .text(Tag(0x0054, 0x1102), "CS", "START"),
            .text(Tag(0x0018, 0x1181), "CS", "NONE"), .text(Tag(0x0028, 0x1052), "DS", "0"),
            .text(Tag(0x0028, 0x1053), "DS", "1"),
            .text(Tag(0x0054, 0x1300), "DS", "0"), .text(Tag(0x0018, 0x1242), "IS", "60000"),
            .numbers(Tag(0x0054, 0x1330), [1]),
            .items(
                Tag(0x0054, 0x0016),
                [
                    [
                        .text(Tag(0x0018, 0x0031), "LO", "FDG"), .text(Tag(0x0018, 0x1072), "TM", "090000"),
                        .text(Tag(0x0018, 0x1074), "DS", "370000000"), .items(Tag(0x0054, 0x0300), [anatomy]),
                    ]
                ]),
            .items(Tag(0x0054, 0x0410), []), .items(Tag(0x0054, 0x0414), []),
        ])
}
