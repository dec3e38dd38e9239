import DCMTKBridge
import DICOMCore
import DeIdentification

/// What the pre-parser gave of an object before its pixels.
struct ReceivedHeader {
    /// The data set up to Pixel Data.
    let bytes: [UInt8]
    /// Nil in an object without Pixel Data.
    let pixelData: PixelDataElement?
    /// Of both.
    let transferSyntax: TransferSyntax
}

/// A de-identified instance, ready to be written: `head`, then `pixelBytes` of the received pixel data, then a zero byte if
/// the value needs padding.
struct PreparedInstance {
    /// What was taken out.
    let identity: Identity
    /// Who it is now.
    let pseudonym: Pseudonym
    /// What it is now.
    let instance: DeIdentifiedInstance
    /// Preamble, file meta information, header and the element header of Pixel Data.
    let head: [UInt8]
    /// Bytes of the received pixel data that are kept; all of them when encapsulated.
    let pixelBytes: UInt64
    /// Values have an even length (PS3.5 7.1.1).
    let needsPadding: Bool
}

extension DeIdentifier {
    /// De-identifies a received header; the same steps for the network and for files.
    ///
    /// - Parameter pseudonym: finds the patient's pseudonym, or throws to refuse the instance.
    func prepare(_ received: ReceivedHeader, pseudonym: (Identity) throws -> Pseudonym) throws -> PreparedInstance {
        let dataSet = try DataSet(parsing: received.bytes, transferSyntax: received.transferSyntax)
        if OwnEquipment.made(dataSet) { throw OwnResultReturned() }
        let identity = try Identity.capture(from: dataSet)
        let pixels = PixelDataLength(received.pixelData, of: dataSet)
        let pseudonym = try pseudonym(identity)
        let instance = try deidentify(dataSet, identity: identity, pseudonym: pseudonym)
        var head = FileMetaInformation.encoded(
            sopClass: instance.sopClassUID, sopInstance: instance.sopInstanceUID,
            transferSyntax: received.transferSyntax)
        head += try dataSet.encoded(as: received.transferSyntax)
        if let element = received.pixelData { head += pixels.header(of: element, in: received.transferSyntax) }
        return PreparedInstance(
            identity: identity, pseudonym: pseudonym, instance: instance, head: head, pixelBytes: pixels.kept,
            needsPadding: pixels.written != nil && pixels.kept % 2 == 1)
    }
}

/// How much of the pixel data is kept and what length the element says.
private struct PixelDataLength {
    /// Bytes taken from the sender.
    let kept: UInt64
    /// (7FE0,0010)'s length field; nil for undefined.
    let written: UInt32?

    /// Native pixel data end with the last pixel (PS3.5 8.1.1), padded to even length: bytes after that are no pixels and
    /// can hold text. Encapsulated data are kept as they are.
    init(_ element: PixelDataElement?, of dataSet: borrowing DataSet) {
        guard let length = element?.length else {
            kept = .max
            written = nil
            return
        }
        var image = UInt64(length)
        let factors = [
            dataSet.number(.rows), dataSet.number(.columns), dataSet.number(.samplesPerPixel) ?? 1,
            dataSet.number(.numberOfFrames) ?? 1, dataSet.number(.bitsAllocated),
        ]
        let bits = factors.reduce(1.0) { $0 * ($1 ?? .infinity) }
        let isSubsampled = dataSet.string(.photometricInterpretation)?.hasSuffix("_422") ?? false
        if bits.isFinite, bits > 0, !isSubsampled {
            let bytes = (bits / 8).rounded(.up)
            if bytes < Double(image) { image = UInt64(bytes) }
        }
        kept = image
        written = UInt32(truncatingIfNeeded: image + image % 2)
    }

    /// The element's header with the length that is written: its last four bytes, whatever the VR.
    func header(of element: PixelDataElement, in transferSyntax: TransferSyntax) -> [UInt8] {
        let length = written ?? 0xFFFF_FFFF
        let bytes = withUnsafeBytes(of: transferSyntax.isBigEndian ? length.bigEndian : length.littleEndian) {
            Array($0)
        }
        return element.encodedHeader.dropLast(4) + bytes
    }
}

extension Tag {
    fileprivate static let samplesPerPixel = Tag(0x0028, 0x0002)
    fileprivate static let photometricInterpretation = Tag(0x0028, 0x0004)
    fileprivate static let numberOfFrames = Tag(0x0028, 0x0008)
    fileprivate static let rows = Tag(0x0028, 0x0010)
    fileprivate static let columns = Tag(0x0028, 0x0011)
    fileprivate static let bitsAllocated = Tag(0x0028, 0x0100)
}
