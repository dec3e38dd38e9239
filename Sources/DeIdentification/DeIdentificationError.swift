import DICOMCore

/// Why an object was not de-identified. Nothing of it may then be kept: any doubt fails closed. Tags are public; no
/// value is
/// ever part of an error.
package enum DeIdentificationError: Error, Equatable, CustomStringConvertible {
    /// An attribute without which no instance can be named is missing or empty.
    case missingAttribute(Tag)
    /// A UID that must name this instance has characters other than digits and periods, or more than 64.
    case invalidUID(Tag)
    /// (0008,0016) is not a class of DICOM's own: what its attributes hold is not known.
    case privateSOPClass
    /// The class is cleaned only by an option that was not chosen.
    case classNeedsOption(ConfidentialityOption)
    /// An encapsulated document.
    case encapsulatedDocument
    /// A DICOMDIR.
    case directory
    /// The pixels may show burned-in text.
    case mayShowText
    /// A face may be reconstructed from the pixels.
    case mayShowFace
    /// (0008,0005), here or in an item, names a repertoire that PS3.3 C.12.1.1.2 does not define.
    case unknownCharacterSet
    /// The header does not say where the pixels end, or their codestream is not what its transfer syntax says.
    case pixelDataNotUnderstood
    /// Pixel data were found in what should be the header.
    case pixelDataInHeader
    /// Items are nested deeper than ``DeIdentifier/deepest``.
    case nestedTooDeep
    /// An element's VR is none of PS3.5's.
    case unknownVR(Tag)
    /// The identity handed over was captured from another object.
    case identityOfAnotherInstance
    /// What was asked for is not what the object holds after the walk.
    case notAsDecided(Tag)
    /// DCMTK failed at this step.
    case dcmtk(Step)

    /// Steps in which DCMTK works.
    package enum Step: String, Sendable {
        /// Reading the identity out.
        case capture
        /// Walking and changing the elements.
        case rewrite
        /// Writing pseudonym and markers.
        case mark
    }

    /// Whether the object could be understood and is not wanted: by its class, or by what its pixels may show.
    package var isPolicy: Bool {
        switch self {
        case .classNeedsOption, .encapsulatedDocument, .directory, .mayShowText, .mayShowFace: true
        default: false
        }
    }

    /// A sentence without any value of the object.
    package var description: String {
        switch self {
        case .missingAttribute(let tag): "the object has no \(tag)"
        case .invalidUID(let tag): "\(tag) is not a UID"
        case .classNeedsOption(let option): "this class needs \"\(option.rawValue)\" in the profile"
        case .encapsulatedDocument: "encapsulated documents cannot be cleaned"
        case .directory: "a DICOMDIR names every patient of its medium"
        case .mayShowText: "pixels may show text; see pixels"
        case .mayShowFace: "pixels may show a face; see pixels"
        case .privateSOPClass: "the object's SOP Class is not one of DICOM's own"
        case .unknownCharacterSet: "the object uses a character set that DICOM does not define"
        case .pixelDataNotUnderstood: "pixel data cannot be told from what else they may hold"
        case .pixelDataInHeader: "pixel data were found in the header"
        case .nestedTooDeep: "sequences are nested deeper than \(DeIdentifier.deepest)"
        case .unknownVR(let tag): "\(tag) has a VR that DICOM does not define"
        case .identityOfAnotherInstance: "the identity was captured from another object"
        case .notAsDecided(let tag): "\(tag) is not what de-identification made of it"
        case .dcmtk(let step): "the object could not be de-identified (step \(step.rawValue))"
        }
    }
}
