import DCMTKBridge
import DICOMCore
import Glibc

/// The last check before a result leaves: the encoded bytes are read again and looked at as a receiver would.
package enum ResultValidation {
    /// Checks an encoded result.
    ///
    /// - Parameters:
    ///   - bytes: the data set as it will be sent, without file meta information.
    ///   - input: what it was built from.
    ///   - identity: the original attributes, as the builders had them.
    ///   - forbidden: byte strings that must not be in it: pseudonyms and mapped UIDs. Pixel Data is not searched: its
    ///     bytes are drawn by us from the source's pixels and our own banner. Strings of less than 4 bytes are not
    /// searched     for, as they would be found by chance.
    /// - Throws: ``ResultError/defect(_:)`` for the first defect; the study is parked with it.
    package static func check(
        _ bytes: [UInt8], as transferSyntax: TransferSyntax, _ input: ReportInput, identity: borrowing DataSet,
        forbidden: [[UInt8]]
    ) throws(ResultError) {
        // Pixel Data is the last element: what is before it is parsed and searched, of itself only the length counts.
        let split =
            transferSyntax == .implicitVRLittleEndian || transferSyntax == .explicitVRLittleEndian
            ? PixelDataPosition(in: bytes, isExplicitVR: transferSyntax.isExplicitVR) : nil
        let header = split?.header ?? bytes.count
        let object: DataSet
        do {
            object = try DataSet(parsing: Array(bytes[..<header]), transferSyntax: transferSyntax)
        } catch { throw .defect(.unreadable) }
        let isReport = object.string(.modality) == "SR"
        try checkAttributes(object, isReport: isReport)
        try checkIdentity(object, identity)
        if isReport {
            try checkReport(object, input)
        } else {
            try checkHeatmap(object, input, pixelLength: split?.length)
        }
        try checkForbidden(bytes[..<header], forbidden)
    }

    /// Where an encoded data set's Pixel Data begins, if it is the last element and has a length.
    private struct PixelDataPosition {
        /// Bytes before the element.
        let header: Int
        /// Length of the value.
        let length: Int

        init?(in bytes: [UInt8], isExplicitVR: Bool) {
            let mark: [UInt8] = [0xE0, 0x7F, 0x10, 0x00] + (isExplicitVR ? [0x4F, 0x42, 0, 0] : [])
            var start = 0
            while start + mark.count + 4 <= bytes.count {
                guard let at = bytes[start...].firstIndex(of: mark[0]), at + mark.count + 4 <= bytes.count else {
                    return nil
                }
                start = at + 1
                let value = at + mark.count + 4
                guard bytes[at..<at + mark.count].elementsEqual(mark) else { continue }
                let length = bytes[value - 4..<value].reversed().reduce(0) { $0 << 8 | Int($1) }
                guard value + length == bytes.count else { continue }
                self.header = at
                self.length = length
                return
            }
            return nil
        }
    }

    // MARK: Required attributes (PS3.3 A.35.13, A.8.1)

    private static let requiredOfAll: [Tag] = [
        .sopClassUID, .sopInstanceUID, .studyInstanceUID, .seriesInstanceUID, .modality, .seriesNumber, .instanceNumber,
        .contentDate, .contentTime, .manufacturer, .manufacturerModelName, .softwareVersions, .deviceSerialNumber,
        .contributingEquipmentSequence,
    ]
    private static let requiredOfReports: [Tag] = [
        .completionFlag, .verificationFlag, .valueType, .conceptNameCodeSequence, .continuityOfContent,
        .contentTemplateSequence, .contentSequence, .currentRequestedProcedureEvidenceSequence,
    ]
    private static let requiredOfHeatmaps: [Tag] = [
        .conversionType, .imageType, .burnedInAnnotation, .samplesPerPixel, .photometricInterpretation, .rows, .columns,
        .bitsAllocated, .bitsStored, .highBit, .pixelRepresentation, .planarConfiguration,
        .sourceImageSequence, .derivationDescription, .lossyImageCompression,
    ]

    private static func checkAttributes(_ object: borrowing DataSet, isReport: Bool) throws(ResultError) {
        for tag in requiredOfAll + (isReport ? requiredOfReports : requiredOfHeatmaps) {
            guard (object.multiplicity(tag) ?? 0) > 0 || object.itemCount(tag) > 0 else { throw .defect(.missing(tag)) }
        }
        for tag in ResultIdentity.presentEvenIfEmpty where !object.contains(tag) { throw .defect(.missing(tag)) }
        guard object.string(.contentQualification) == "RESEARCH" else {
            throw .defect(.unexpectedValue(.contentQualification))
        }
        for tag in [Tag.sopInstanceUID, .seriesInstanceUID] {
            guard UID(object.string(tag) ?? "") != nil else { throw .defect(.unexpectedValue(tag)) }
        }
    }

    // MARK: Identity

    private static func checkIdentity(_ object: borrowing DataSet, _ identity: borrowing DataSet) throws(ResultError) {
        let isConverted =
            object.string(.specificCharacterSet) == "ISO_IR 192"
            && identity.string(.specificCharacterSet) != "ISO_IR 192"
        let expected = try PreparedIdentity(identity, asUTF8: isConverted)
        for tag in ResultIdentity.copied {
            guard expected.attributes.contains(tag) else {
                // An attribute that the original lacks may be there only empty, where its module demands it.
                if object.contains(tag), object.multiplicity(tag) != 0 || object.itemCount(tag) != 0 {
                    throw .defect(.identityDiffers(tag))
                }
                continue
            }
            guard try isEqual(tag, object, expected.attributes) else { throw .defect(.identityDiffers(tag)) }
        }
    }

    private static func isEqual(
        _ tag: Tag, _ a: borrowing DataSet, _ b: borrowing DataSet
    ) throws(ResultError) -> Bool {
        guard a.contains(tag), a.itemCount(tag) == b.itemCount(tag) else { return false }
        if b.vr(tag) == "SQ" {
            return try orRefused("comparison") { () throws(DCMTKError) in
                let one = try DataSet()
                let other = try DataSet()
                try a.copyAttributes([tag], to: one)
                try b.copyAttributes([tag], to: other)
                return try one.encoded(as: .implicitVRLittleEndian) == other.encoded(as: .implicitVRLittleEndian)
            }
        }
        return trimmed(a.bytes(tag)) == trimmed(b.bytes(tag))
    }

    /// Without padding: it is the encoder's, not the value's.
    private static func trimmed(_ bytes: [UInt8]?) -> [UInt8] {
        var bytes = bytes ?? []
        while let last = bytes.last, last == 0x20 || last == 0 { bytes.removeLast() }
        return bytes
    }

    // MARK: References

    private static func checkReport(_ object: borrowing DataSet, _ input: ReportInput) throws(ResultError) {
        guard object.string(.sopClassUID) == StructuredReport.sopClassUID(input.shape).uid.value else {
            throw .defect(.unexpectedValue(.sopClassUID))
        }
        guard object.string(.verificationFlag) == "UNVERIFIED" else {
            throw .defect(.unexpectedValue(.verificationFlag))
        }
        let isComplete = input.images.allSatisfy(\.isAnalysed)
        guard object.string(.completionFlag) == (isComplete ? "COMPLETE" : "PARTIAL") else {
            throw .defect(.unexpectedValue(.completionFlag))
        }
        let content = try instances(in: object, below: .contentSequence)
        let evidence = try instances(in: object, below: .currentRequestedProcedureEvidenceSequence)
        guard content == evidence else { throw .defect(.evidence) }
        guard content == Set(input.images.map(\.image.sopInstanceUID.uid.value)) else {
            throw .defect(.foreignReference)
        }
    }

    private static func checkHeatmap(
        _ object: borrowing DataSet, _ input: ReportInput, pixelLength: Int?
    ) throws(ResultError) {
        guard let pixelLength else { throw .defect(.missing(.pixelData)) }
        guard object.string(.burnedInAnnotation) == "YES" else { throw .defect(.unexpectedValue(.burnedInAnnotation)) }
        let sources = try instances(in: object, below: .sourceImageSequence)
        guard sources.count == 1, sources.isSubset(of: input.images.map(\.image.sopInstanceUID.uid.value)) else {
            throw .defect(.foreignReference)
        }
        let reports = try instances(in: object, below: .referencedInstanceSequence)
        guard reports == [StructuredReport.reference(input).sopInstanceUID.uid.value] else {
            throw .defect(.foreignReference)
        }
        let (rows, columns) = (object.number(.rows) ?? 0, object.number(.columns) ?? 0)
        let length = Int(rows) * Int(columns) * 3
        guard pixelLength == length + length % 2 else { throw .defect(.pixelLength) }
    }

    /// Every Referenced SOP Instance UID below a sequence of the top level.
    private static func instances(in object: borrowing DataSet, below tag: Tag) throws(ResultError) -> Set<String> {
        var collected: Set<String> = []
        try orRefused("look at references") { () throws(DCMTKError) in
            let part = try DataSet()
            try object.copyAttributes([tag], to: part)
            try part.rewrite { element in
                if element.tag == .referencedSOPInstanceUID,
                    let uid = UID(String(decoding: element.value, as: UTF8.self))
                {
                    collected.insert(uid.value)
                }
                return .keep
            }
        }
        return collected
    }

    // MARK: Forbidden bytes

    private static func checkForbidden(_ bytes: ArraySlice<UInt8>, _ forbidden: [[UInt8]]) throws(ResultError) {
        let isFound = bytes.withUnsafeBytes { haystack in
            forbidden.contains { needle in needle.count >= 4 && contains(haystack, needle) }
        }
        if isFound { throw .defect(.forbiddenBytes) }
    }

    /// Whether the bytes occur. memchr and memcmp stay within `haystack`: the last start leaves room for the needle.
    private static func contains(_ haystack: UnsafeRawBufferPointer, _ needle: [UInt8]) -> Bool {
        guard var start = haystack.baseAddress, let first = needle.first, haystack.count >= needle.count else {
            return false
        }
        let end = start + (haystack.count - needle.count + 1)
        while start < end, let hit = memchr(start, Int32(first), end - start) {
            if memcmp(hit, needle, needle.count) == 0 { return true }
            start = UnsafeRawPointer(hit) + 1
        }
        return false
    }
}
