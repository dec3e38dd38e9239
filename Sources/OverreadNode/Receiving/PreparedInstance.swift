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

/// A de-identified instance, ready to be written: `head`, then what `pixels` keeps of the received pixel data.
struct PreparedInstance {
    /// What was taken out.
    let identity: Identity
    /// Who it is now.
    let pseudonym: Pseudonym
    /// What it is now.
    let instance: DeIdentifiedInstance
    /// Preamble, file meta information, header and the element header of Pixel Data.
    let head: [UInt8]
    /// Takes out of the pixel data what is no pixel.
    let pixels: PixelDataCleaner

    /// How long the file will be at most; nil where the pixel data do not say how long they are.
    func byteCount(pixelData element: PixelDataElement?) -> Int? {
        guard let element else { return head.count }
        return element.length.map { head.count + Int($0) }
    }
}

extension DeIdentifier {
    /// De-identifies a received header; the same steps for the network and for files.
    ///
    /// - Parameters:
    ///   - admission: what is asked of the object; nil for one that is dropped once it was counted.
    ///   - isSealed: whether the identity is kept, sealed, for results.
    ///   - pseudonym: finds the patient's pseudonym, or throws to refuse the instance.
    func prepare(
        _ received: ReceivedHeader, admission: Admission?, isSealed: Bool = true,
        pseudonym: (Identity) throws -> Pseudonym
    ) throws -> PreparedInstance {
        let dataSet = try DataSet(parsing: received.bytes, transferSyntax: received.transferSyntax)
        if OwnEquipment.made(dataSet) { throw OwnResultReturned() }
        let identity = try Identity.capture(from: dataSet, isSealed: isSealed)
        try admission?.check(dataSet, of: identity)
        let pixels = try PixelDataCleaner(
            received.pixelData, of: dataSet, transferSyntax: received.transferSyntax)
        let pseudonym = try pseudonym(identity)
        let instance = try deidentify(
            dataSet, identity: identity, pseudonym: pseudonym, profile: admission?.profile ?? .basic)
        var head = FileMetaInformation.encoded(
            sopClass: instance.sopClassUID, sopInstance: instance.sopInstanceUID,
            transferSyntax: received.transferSyntax)
        head += try dataSet.encoded(as: received.transferSyntax)
        head += pixels.encodedHeader
        return PreparedInstance(
            identity: identity, pseudonym: pseudonym, instance: instance, head: head, pixels: pixels)
    }
}
