import CDCMTKShims
import DICOMCore

/// Why a compressed frame was not decoded. Nothing of the frame is in it.
package enum PixelDecoderError: Error, Equatable, Sendable {
    /// The items of (7FE0,0010) do not follow PS3.5 A.4, or hold no frame.
    case malformedFragments
    /// The codestream's own header cannot be read.
    case malformedCodestream
    /// Size, samples per pixel or precision of the codestream are not what the data set says.
    case differsFromDataSet
    /// The codec gave up: the codestream is damaged or truncated.
    case codecFailed
    /// There is no decoder for the transfer syntax.
    case unsupportedTransferSyntax
}

/// Decodes the one frame of an encapsulated Pixel Data element (PS3.5 A.4): JPEG and JPEG-LS by DCMTK, JPEG 2000 by
/// OpenJPEG, RLE here.
///
/// Each codestream's header is compared with the data set before a codec sees it, so that a small file cannot ask for a
/// large image, and memory is bounded by rows * columns.
package enum PixelDecoder {
    /// What the data set says of the frame. One sample per pixel.
    package struct Format: Sendable, Equatable {
        /// (0028,0010), at least 1.
        package let rows: Int
        /// (0028,0011), at least 1.
        package let columns: Int
        /// (0028,0100): 8 or 16.
        package let bitsAllocated: Int

        /// All three as the data set has them.
        package init(rows: Int, columns: Int, bitsAllocated: Int) {
            self.rows = rows
            self.columns = columns
            self.bitsAllocated = bitsAllocated
        }

        var samples: Int { rows * columns }
    }

    /// Samples row by row, as bit patterns of up to 16 bits: bits above Bits Stored are not cleared, the sign not extended.
    ///
    /// - Parameter fragments: the value of (7FE0,0010) from its first item on, with or without the sequence delimiter.
    /// - Throws: ``PixelDecoderError``. Blocks for the time of decoding.
    @available(*, noasync)
    package static func decode(
        _ fragments: UnsafeRawBufferPointer, format: Format, transferSyntax: TransferSyntax
    ) throws(PixelDecoderError) -> [UInt16] {
        guard (1...65535).contains(format.rows), (1...65535).contains(format.columns),
            format.bitsAllocated == 8 || format.bitsAllocated == 16
        else { throw .differsFromDataSet }
        let codestream = try joined(fragments)
        switch transferSyntax {
        case .rleLossless:
            return try RLEFrame.decode(codestream, samples: format.samples, bytesPerSample: format.bitsAllocated / 8)
        case .jpeg2000, .jpeg2000Lossless:
            return try decodeJPEG2000(codestream, format: format)
        case .jpegBaseline, .jpegExtended, .jpegLossless, .jpegLosslessSV1, .jpegLSLossless, .jpegLSNearLossless:
            return try decodeJPEG(codestream, format: format, transferSyntax: transferSyntax)
        default:
            throw .unsupportedTransferSyntax
        }
    }

    /// The bytes of all fragments after the offset table. There is one frame, so they belong together.
    private static func joined(_ bytes: UnsafeRawBufferPointer) throws(PixelDecoderError) -> [UInt8] {
        var offset = 0
        var items = 0
        var joined: [UInt8] = []
        joined.reserveCapacity(bytes.count)
        while offset + 8 <= bytes.count {
            let group = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
            let element = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 2, as: UInt16.self))
            let length = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
            offset += 8
            if group == 0xFFFE, element == 0xE0DD { break }
            guard group == 0xFFFE, element == 0xE000, Int(length) <= bytes.count - offset else {
                throw .malformedFragments
            }
            if items > 0 { joined.append(contentsOf: bytes[offset..<offset + Int(length)]) }
            items += 1
            offset += Int(length)
        }
        guard !joined.isEmpty else { throw .malformedFragments }
        return joined
    }

    private static func decodeJPEG(
        _ codestream: [UInt8], format: Format, transferSyntax: TransferSyntax
    ) throws(PixelDecoderError) -> [UInt16] {
        guard let header = JPEGFrameHeader(codestream) else { throw .malformedCodestream }
        guard header.rows == format.rows, header.columns == format.columns, header.components == 1,
            (2...format.bitsAllocated).contains(header.precision)
        else { throw .differsFromDataSet }
        return try run(format, precision: header.precision) { shim, out in
            transferSyntax.uid.withCString { uid in
                var shim = shim
                shim.transfer_syntax = uid
                return cdcmtk_image_decode(&shim, codestream, codestream.count, out.baseAddress, out.count, nil)
            }
        }
    }

    private static func decodeJPEG2000(_ codestream: [UInt8], format: Format) throws(PixelDecoderError) -> [UInt16] {
        guard let header = JPEG2000Header(codestream) else { throw .malformedCodestream }
        guard header.rows == format.rows, header.columns == format.columns, header.components == 1,
            (1...format.bitsAllocated).contains(header.precision)
        else { throw .differsFromDataSet }
        return try run(format, precision: header.precision) { shim, out in
            var shim = shim
            return cdcmtk_image_decode_jpeg2000(&shim, codestream, codestream.count, out.baseAddress, out.count, nil)
        }
    }

    /// Calls the C boundary with a buffer for the frame. The codec writes through the pointer only during the call.
    private static func run(
        _ format: Format, precision: Int,
        _ body: (cdcmtk_image_format, UnsafeMutableBufferPointer<UInt16>) -> cdcmtk_status
    ) throws(PixelDecoderError) -> [UInt16] {
        let shim = cdcmtk_image_format(
            transfer_syntax: nil, rows: UInt16(format.rows), columns: UInt16(format.columns),
            precision: UInt16(precision))
        var status = CDCMTK_FAILED
        let samples = [UInt16](unsafeUninitializedCapacity: format.samples) { buffer, count in
            // A codec that fails half way leaves the rest unwritten: nothing uninitialised may be read as a pixel.
            buffer.initialize(repeating: 0)
            status = body(shim, buffer)
            count = buffer.count
        }
        guard status == CDCMTK_OK else { throw .codecFailed }
        return samples
    }
}

/// The frame header of a JPEG or JPEG-LS codestream (ISO/IEC 10918-1 B.2.2, 14495-1 C.2.2).
struct JPEGFrameHeader: Equatable {
    let precision: Int
    let rows: Int
    let columns: Int
    let components: Int

    /// Nil if there is no start of frame before the first scan, or a segment runs out of the codestream.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 4, bytes[0] == 0xFF, bytes[1] == 0xD8 else { return nil }
        var offset = 2
        while offset + 4 <= bytes.count {
            guard bytes[offset] == 0xFF else { return nil }
            let marker = bytes[offset + 1]
            if marker == 0xFF {
                offset += 1
                continue
            }
            let length = Int(bytes[offset + 2]) << 8 | Int(bytes[offset + 3])
            guard length >= 2, offset + 2 + length <= bytes.count else { return nil }
            if JPEGFrameHeader.isStartOfFrame(marker) {
                guard length >= 8 else { return nil }
                precision = Int(bytes[offset + 4])
                rows = Int(bytes[offset + 5]) << 8 | Int(bytes[offset + 6])
                columns = Int(bytes[offset + 7]) << 8 | Int(bytes[offset + 8])
                components = Int(bytes[offset + 9])
                return
            }
            if marker == 0xDA { return nil }
            offset += 2 + length
        }
        return nil
    }

    /// SOF0 to SOF15 without DHT, JPG and DAC; SOF55 of JPEG-LS.
    private static func isStartOfFrame(_ marker: UInt8) -> Bool {
        marker == 0xF7 || ((0xC0...0xCF).contains(marker) && ![0xC4, 0xC8, 0xCC].contains(marker))
    }
}

/// The SIZ segment of a JPEG 2000 codestream (ISO/IEC 15444-1 A.5.1), bare or in a JP2 file.
struct JPEG2000Header: Equatable {
    let rows: Int
    let columns: Int
    let components: Int
    let precision: Int
    let isSigned: Bool

    /// Nil if the codestream does not begin with SOC and SIZ.
    init?(_ bytes: [UInt8]) {
        guard let start = JPEG2000Header.start(bytes), bytes.count >= start + 45 else { return nil }
        func word(_ offset: Int) -> Int { bytes[start + offset..<start + offset + 4].reduce(0) { $0 << 8 | Int($1) } }
        columns = word(8) - word(16)
        rows = word(12) - word(20)
        components = Int(bytes[start + 40]) << 8 | Int(bytes[start + 41])
        precision = Int(bytes[start + 42] & 0x7F) + 1
        isSigned = bytes[start + 42] & 0x80 != 0
    }

    /// Where SOC is: at 0, or after the boxes of a JP2 file (15444-1 I.4), which are few and short before the codestream.
    private static func start(_ bytes: [UInt8]) -> Int? {
        let mark: [UInt8] = [0xFF, 0x4F, 0xFF, 0x51]
        if bytes.starts(with: mark) { return 0 }
        guard bytes.count > 12, bytes[4..<8].elementsEqual("jP  ".utf8) else { return nil }
        let limit = min(bytes.count - 4, 4096)
        return (12..<max(12, limit)).first { bytes[$0..<$0 + 4].elementsEqual(mark) }
    }
}
