/// The head of a DICOM file (PS3.10 7.1, 2026d): preamble, prefix and File Meta Information.
package struct FileMetaInformation: Hashable, Sendable {
    /// (0002,0002). Nil in files that do not say it, or not as a UID: the data set's (0008,0016) says it then.
    package let sopClass: SOPClassUID?
    /// (0002,0003). Nil in the same way: (0008,0018).
    package let sopInstance: SOPInstanceUID?
    /// (0002,0010)
    package let transferSyntax: TransferSyntax
    /// Bytes from the start of the file to the data set.
    package let dataSetOffset: Int

    /// Encodes zero preamble, "DICM" and the meta elements 0002,0000 to 0002,0013. The data set follows at once.
    ///
    /// Nothing of the sender is in it: no AE title, no private information (PS3.15 E.1.1: the meta information of a
    /// de-identified file is replaced).
    package static func encoded(
        sopClass: SOPClassUID, sopInstance: SOPInstanceUID, transferSyntax: TransferSyntax
    ) -> [UInt8] {
        var elements: [UInt8] = []
        // (0002,0001) File Meta Information Version: OB, two reserved bytes, length 2, version 1.
        elements += [0x02, 0x00, 0x01, 0x00, 0x4F, 0x42, 0, 0, 2, 0, 0, 0, 0x00, 0x01]
        append(0x0002, "UI", sopClass.uid.value, padding: 0, to: &elements)
        append(0x0003, "UI", sopInstance.uid.value, padding: 0, to: &elements)
        append(0x0010, "UI", transferSyntax.uid, padding: 0, to: &elements)
        append(0x0012, "UI", Implementation.classUID, padding: 0, to: &elements)
        append(0x0013, "SH", Implementation.versionName, padding: 0x20, to: &elements)

        var bytes = [UInt8](repeating: 0, count: 128)
        bytes.reserveCapacity(128 + 4 + 12 + elements.count)
        bytes += "DICM".utf8
        // (0002,0000) Group Length: UL, the bytes after it.
        bytes += [0x02, 0x00, 0x00, 0x00, 0x55, 0x4C, 4, 0]
        withUnsafeBytes(of: UInt32(elements.count).littleEndian) { bytes += $0 }
        return bytes + elements
    }

    private static func append(
        _ element: UInt8, _ vr: String, _ value: String, padding: UInt8, to bytes: inout [UInt8]
    ) {
        let characters = Array(value.utf8)
        let count = characters.count + characters.count % 2
        bytes += [0x02, 0x00, element, 0x00] + Array(vr.utf8)
        bytes += [UInt8(truncatingIfNeeded: count), UInt8(truncatingIfNeeded: count >> 8)]
        bytes += characters
        if count > characters.count { bytes.append(padding) }
    }
}

/// Why a file's head could not be read. Holds nothing of the file, so it may be printed.
package enum FileMetaInformationError: Error, Hashable, Sendable, CustomStringConvertible, CaseIterable {
    /// Shorter than preamble and prefix.
    case tooShort
    /// No "DICM" at byte 128.
    case noPrefix
    /// No meta elements after the prefix.
    case noMetaInformation
    /// A meta element is damaged or cut off.
    case damaged
    /// (0002,0010) is missing or no UID.
    case noTransferSyntax
    /// A transfer syntax that this program does not parse, deflated and HTJ2K among them.
    case unsupportedTransferSyntax

    /// One sentence that says what is wrong with the file.
    package var description: String {
        switch self {
        case .tooShort: "The file is too short to be a DICOM file."
        case .noPrefix: "The file is not a DICOM file: \"DICM\" is missing at byte 128."
        case .noMetaInformation: "The DICOM file has no File Meta Information."
        case .damaged: "The DICOM file's File Meta Information is damaged or cut off."
        case .noTransferSyntax: "The DICOM file does not say its transfer syntax (0002,0010)."
        case .unsupportedTransferSyntax: "The DICOM file's transfer syntax is not supported."
        }
    }
}

// MARK: - Parsing

extension FileMetaInformation {
    /// Meta information above this is refused: real ones are below 1 KiB.
    private static let maximumSize = 1 << 20

    /// Reads the head of a file of which at least the head is in `file`. The meta information ends where group 0002 ends,
    /// whatever (0002,0000) says, for its length is wrong in many files. Throws ``FileMetaInformationError``.
    package init(parsing file: UnsafeRawBufferPointer) throws(FileMetaInformationError) {
        guard file.count >= 132 else { throw .tooShort }
        guard file[128] == 0x44, file[129] == 0x49, file[130] == 0x43, file[131] == 0x4D else { throw .noPrefix }
        var reader = MetaReader(bytes: UnsafeRawBufferPointer(rebasing: file.prefix(FileMetaInformation.maximumSize)))
        try reader.read()
        guard reader.offset > 132 else { throw .noMetaInformation }
        guard let syntax = reader.transferSyntax else { throw .noTransferSyntax }
        guard let transferSyntax = TransferSyntax(uid: syntax.value) else { throw .unsupportedTransferSyntax }
        self.init(
            sopClass: reader.sopClass.map(SOPClassUID.init), sopInstance: reader.sopInstance.map(SOPInstanceUID.init),
            transferSyntax: transferSyntax, dataSetOffset: reader.offset)
    }

    /// Walks the elements of group 0002, explicit VR little endian (PS3.10 7.1).
    private struct MetaReader {
        let bytes: UnsafeRawBufferPointer
        var offset = 132
        var sopClass: UID?
        var sopInstance: UID?
        var transferSyntax: UID?

        init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        mutating func read() throws(FileMetaInformationError) {
            let form = PreParserHeader.Form(isExplicitVR: true, isBigEndian: false)
            // A file may end with the meta information: then its data set is empty.
            while offset + 2 <= bytes.count, bytes[offset] == 0x02, bytes[offset + 1] == 0x00 {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
                guard let header = PreParserHeader(rest, form), !header.hasInvalidVR, !header.hasUndefinedLength,
                    Int(header.length) <= rest.count - header.size
                else { throw .damaged }
                let value = rest[header.size..<header.size + Int(header.length)]
                switch header.tag {
                case 0x0002_0002: sopClass = MetaReader.uid(value)
                case 0x0002_0003: sopInstance = MetaReader.uid(value)
                case 0x0002_0010: transferSyntax = MetaReader.uid(value)
                default: break
                }
                offset += header.size + Int(header.length)
            }
        }

        private static func uid(_ value: UnsafeRawBufferPointer.SubSequence) -> UID? {
            UID(String(decoding: value, as: UTF8.self))
        }
    }
}
