/// Where a DICOM file has its header and its Pixel Data.
package struct PixelDataLocation: Hashable, Sendable {
    /// The file's meta information.
    package let meta: FileMetaInformation
    /// Bytes of the file: the data set up to the element header of Pixel Data, or all of it without Pixel Data.
    package let header: Range<Int>
    /// Nil in an object without Pixel Data at the top level.
    package let element: PixelDataElement?
    /// Bytes of the file: the value of Pixel Data; encapsulated, the items with their headers and the sequence delimiter.
    /// Empty without Pixel Data.
    package let pixelData: Range<Int>
    /// Bytes of the file: the elements after Pixel Data.
    package let trailing: Range<Int>

    /// OB, OW or UN. Nil without Pixel Data.
    package var vr: VR? { element?.vr }
    /// Whether Pixel Data is a sequence of fragments. False without Pixel Data.
    package var isEncapsulated: Bool { element?.isEncapsulated ?? false }

    /// Looks through a whole file, as it is mapped or read. Native pixel data are stepped over, not read. Throws
    /// ``FileMetaInformationError`` or ``PreParseError``, whose offset counts from the data set's start.
    package init(parsing file: UnsafeRawBufferPointer, limits: DataSetPreParser.Limits = .init()) throws {
        let meta = try FileMetaInformation(parsing: file)
        var parser = DataSetPreParser(transferSyntax: meta.transferSyntax, limits: limits)
        var lengths: (header: Int, pixelData: Int) = (0, 0)
        try parser.consume(UnsafeRawBufferPointer(rebasing: file[meta.dataSetOffset...])) { part, bytes in
            switch part {
            case .header: lengths.header += bytes.count
            case .pixelData: lengths.pixelData += bytes.count
            case .trailing: break
            }
        }
        try parser.finish()
        self.meta = meta
        element = parser.pixelData
        header = meta.dataSetOffset..<meta.dataSetOffset + lengths.header
        let start = header.upperBound + (parser.pixelData?.encodedHeader.count ?? 0)
        pixelData = start..<start + lengths.pixelData
        trailing = pixelData.upperBound..<file.count
    }
}
