import DICOMCore

/// What pydicom 3.0.2 (`pydicom.filereader.data_element_generator`) finds in the DICOM files that are shared among this
/// project's workers and never committed: where the data set begins and where the value of Pixel Data begins and ends.
struct SharedFile: Sendable {
    let name: String
    let transferSyntax: String
    let dataSet: Int
    /// Nil without Pixel Data.
    let pixelData: Range<Int>?

    init(_ name: String, _ transferSyntax: String, _ dataSet: Int, _ pixelData: Range<Int>? = nil) {
        self.name = name
        self.transferSyntax = transferSyntax
        self.dataSet = dataSet
        self.pixelData = pixelData
    }

    static let readable: [SharedFile] = [
        SharedFile("o001", "1.2.840.10008.1.2.1", 342),
        SharedFile("o002", "1.2.840.10008.1.2.4.51", 338, 1614..<94084),
        SharedFile("o003", "1.2.840.10008.1.2.4.90", 338, 1554..<832104),
        SharedFile("o004", "1.2.840.10008.1.2", 298, 1394..<525682),
        SharedFile("o005", "1.2.840.10008.1.2", 230, 796..<262940),
        SharedFile("o006", "1.2.840.10008.1.2.1", 350),
        SharedFile("o007", "1.2.840.10008.1.2.1", 334, 4326..<1052902),
        SharedFile("o008", "1.2.840.10008.1.2.2", 366, 7036..<531324),
        SharedFile("o009", "1.2.840.10008.1.2.4.51", 358, 3658..<83952),
        SharedFile("o010", "1.2.840.10008.1.2.4.51", 338, 1352..<768386),
        SharedFile("o012", "1.2.840.10008.1.2.4.70", 328, 1710..<131058),
        SharedFile("o013", "1.2.840.10008.1.2.4.90", 352, 5988..<138518),
        SharedFile("o014", "1.2.840.10008.1.2.5", 310, 758..<918),
        SharedFile("o015", "1.2.840.10008.1.2.1", 370, 3492..<3496),
        SharedFile("o016", "1.2.840.10008.1.2.1", 320),
        SharedFile("o017", "1.2.840.10008.1.2.1", 358),
        SharedFile("o018", "1.2.840.10008.1.2.1", 370, 11484..<11488),
        SharedFile("o020", "1.2.840.10008.1.2", 348, 1510..<9702),
        SharedFile("o021", "1.2.840.10008.1.2.1", 346),
        SharedFile("o022", "1.2.840.10008.1.2.1", 248, 535..<2583),
        SharedFile("o023", "1.2.840.10008.1.2.2", 370, 2336..<84256),
        SharedFile("o027", "1.2.840.10008.1.2.4.90", 348, 26028..<41726),
        SharedFile("o028", "1.2.840.10008.1.2.4.91", 336, 1890..<9012),
        SharedFile("o029", "1.2.840.10008.1.2.5", 370, 2336..<49022),
        SharedFile("o030", "1.2.840.10008.1.2.1", 334, 2640..<526928),
        SharedFile("o031", "1.2.840.10008.1.2.4.51", 336, 2990..<9844),
        SharedFile("o032", "1.2.840.10008.1.2.4.80", 336, 2898..<92020),
        SharedFile("o033", "1.2.840.10008.1.2.4.90", 336, 2930..<89958),
        SharedFile("o034", "1.2.840.10008.1.2.5", 356, 2838..<174704),
        SharedFile("o035", "1.2.840.10008.1.2", 360, 912..<5956),
        SharedFile("o036", "1.2.840.10008.1.2.1", 354),
        SharedFile("o037", "1.2.840.10008.1.2.1", 348),
        SharedFile("o038", "1.2.840.10008.1.2.4.50", 344, 1672..<3094),
        SharedFile("o039", "1.2.840.10008.1.2.4.90", 338, 1306..<308850),
        SharedFile("o040", "1.2.840.10008.1.2.5", 224, 1942..<378746),
        SharedFile("o041", "1.2.840.10008.1.2.1", 308),
        SharedFile("o044", "1.2.840.10008.1.2.1", 332, 1726..<239294),
        SharedFile("o045", "1.2.840.10008.1.2.1", 334, 1618..<7618),
        SharedFile("o046", "1.2.840.10008.1.2.5", 364, 1766..<2122),
        SharedFile("o049", "1.2.840.10008.1.2.1", 332),
        SharedFile("o050", "1.2.840.10008.1.2.5", 380, 1482..<915946),
        SharedFile("o051", "1.2.840.10008.1.2.1", 356, 2652..<2684),
        SharedFile("o052", "1.2.840.10008.1.2.2", 340, 3764..<36532),
        SharedFile("o053", "1.2.840.10008.1.2.5", 354, 4392..<10766),
        SharedFile("o054", "1.2.840.10008.1.2.1", 354, 6008..<11008),
        SharedFile("o055", "1.2.840.10008.1.2", 360),
        SharedFile("o056", "1.2.840.10008.1.2.1", 336),
        SharedFile("o057", "1.2.840.10008.1.2.1", 342),
        SharedFile("o058", "1.2.840.10008.1.2.1", 360),
        SharedFile("o059", "1.2.840.10008.1.2.1", 344),
        SharedFile("o061", "1.2.840.10008.1.2", 342, 3168..<483168),
        SharedFile("o062", "1.2.840.10008.1.2.2", 348, 1012..<15412),
        SharedFile("o063", "1.2.840.10008.1.2.4.51", 418, 2378..<82576),
        SharedFile("o064", "1.2.840.10008.1.2.4.80", 338, 2484..<309580),
        SharedFile("o065", "1.2.840.10008.1.2.4.91", 340, 1526..<59140),
        SharedFile("o066", "1.2.840.10008.1.2.5", 374, 6058..<91754),
        SharedFile("o067", "1.2.840.10008.1.2.4.70", 338, 1204..<495626),
        SharedFile("o068", "1.2.840.10008.1.2.4.81", 338, 1314..<131822),
        SharedFile("o069", "1.2.840.10008.1.2.4.91", 338, 1332..<109340),
        SharedFile("o070", "1.2.840.10008.1.2.4.50", 352, 6400..<62560),
        SharedFile("o071", "1.2.840.10008.1.2.4.90", 346, 2064..<88526),
        SharedFile("o072", "1.2.840.10008.1.2.4.50", 348, 864..<9528),
        SharedFile("o073", "1.2.840.10008.1.2.4.50", 348, 860..<9524),
        SharedFile("o074", "1.2.840.10008.1.2.4.50", 348, 864..<9528),
        SharedFile("o075", "1.2.840.10008.1.2.4.50", 348, 864..<9528),
        SharedFile("o076", "1.2.840.10008.1.2.1", 332, 868..<1892),
        SharedFile("o077", "1.2.840.10008.1.2.1", 358, 972..<1996),
        SharedFile("o078", "1.2.840.10008.1.2.1", 332, 866..<1890),
        SharedFile("o079", "1.2.840.10008.1.2.1", 332, 936..<1960),
        SharedFile("o080", "1.2.840.10008.1.2.1", 332, 866..<1890),
        SharedFile("o081", "1.2.840.10008.1.2.1", 332, 910..<1934),
        SharedFile("o082", "1.2.840.10008.1.2.1", 350),
        SharedFile("o083", "1.2.840.10008.1.2.1", 360),
        SharedFile("o084", "1.2.840.10008.1.2.1", 332, 866..<1890),
        SharedFile("o085", "1.2.840.10008.1.2.4.50", 344, 998..<127290),
        SharedFile("o086", "1.2.840.10008.1.2.4.91", 336, 1998..<676846),
        SharedFile("o087", "1.2.840.10008.1.2.4.81", 336, 1980..<2765596),
        SharedFile("o088", "1.2.840.10008.1.2.1", 316, 1086..<388286),
        SharedFile("o089", "1.2.840.10008.1.2.2", 330),
        SharedFile("o090", "1.2.840.10008.1.2.1", 330),
        SharedFile("o091", "1.2.840.10008.1.2", 328),
        SharedFile("o092", "1.2.840.10008.1.2.1", 330),
        SharedFile("o106", "1.2.840.10008.1.2.1", 336, 6297..<39065),
        SharedFile("o108", "1.2.840.10008.1.2.1", 336, 9478..<42246),
        SharedFile("o109", "1.2.840.10008.1.2.1", 336, 6300..<39068),
        SharedFile("o114", "1.2.840.10008.1.2.1", 336, 6300..<39068),
        SharedFile("o115", "1.2.840.10008.1.2", 230),
        SharedFile("o116", "1.2.840.10008.1.2", 338),
        SharedFile("o117", "1.2.840.10008.1.2", 338),
        SharedFile("o118", "1.2.840.10008.1.2.1", 278, 654..<910),
        SharedFile("o119", "1.2.840.10008.1.2.1", 342),
        SharedFile("o122", "1.2.840.10008.1.2.4.50", 354, 880..<4310),
        SharedFile("o123", "1.2.840.10008.1.2.4.50", 342, 662..<262834),
        SharedFile("o124", "1.2.840.10008.1.2.4.80", 352, 608..<5934),
        SharedFile("o125", "1.2.840.10008.1.2.4.90", 376, 770..<30706),
    ]
    /// What cannot be read, and why.
    static let refused: [(name: String, reason: Refusal)] = [
        ("o011", .head(.unsupportedTransferSyntax)), ("o060", .head(.unsupportedTransferSyntax)),
        ("o121", .head(.unsupportedTransferSyntax)), ("o019", .head(.noPrefix)), ("o042", .head(.noPrefix)),
        ("o047", .head(.noPrefix)), ("o048", .head(.noPrefix)), ("o101", .head(.noPrefix)), ("o100", .head(.tooShort)),
        ("o103", .head(.noMetaInformation)), ("o111", .head(.damaged)), ("o094", .dataSet(.pixelDataEncoding)),
        ("o095", .dataSet(.unexpectedDelimiter)), ("o097", .dataSet(.unexpectedDelimiter)),
        ("o098", .dataSet(.truncated)), ("o099", .dataSet(.invalidVR)), ("o102", .dataSet(.truncated)),
        ("o104", .dataSet(.duplicateTag)), ("o105", .dataSet(.invalidVR)), ("o107", .dataSet(.truncated)),
        ("o110", .dataSet(.lengthOverflow)), ("o112", .dataSet(.truncated)), ("o113", .dataSet(.invalidVR)),
    ]

    enum Refusal: Equatable {
        case head(FileMetaInformationError)
        case dataSet(PreParseError.Reason)
    }
}
