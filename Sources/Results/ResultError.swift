import DCMTKBridge
import DICOMCore

/// Why a result was not made. The study is parked with it; no case holds identity.
package enum ResultError: Error, Hashable, CustomStringConvertible {
    /// There is no image to report on.
    case noImages
    /// Less than 16 bytes of input digest: UIDs would not be unique.
    case inputDigestTooShort
    /// An attribute that the identity must have is missing or makes no sense.
    case identityLacks(Tag)
    /// The identity's text cannot be converted to UTF-8 with the character set that it names.
    case characterSet
    /// A text of ours does not fit its value representation: empty, too long or with control characters.
    case text(String)
    /// A coded entry of which a part is empty or too long.
    case code(value: String, scheme: String)
    /// A unit that is none of {1, mm, mm2, %, {pixels}}.
    case unit(String)
    /// A number that is not finite or out of its range.
    case number(String)
    /// A polygon that is not closed, or has less than four distinct points.
    case openPolygon
    /// A coordinate that is not finite or outside the image.
    case coordinate
    /// A finding that is not present has regions, or a present one is asked for and is not.
    case contradictoryFinding(key: String)
    /// Heat, image or matrix of a secondary capture do not fit together.
    case picture(String)
    /// Cairo or Pango failed.
    case rendering(String)
    /// DCMTK refused the tree or the data set.
    case refused(String)
    /// The finished object failed its check.
    case defect(ResultDefect)

    /// One sentence without identity.
    package var description: String {
        switch self {
        case .noImages: "there is no image to report on"
        case .inputDigestTooShort: "the input digest has less than 16 bytes"
        case .identityLacks(let tag): "the original attribute \(tag) is missing or not valid"
        case .characterSet: "the original text does not convert from its character set to UTF-8"
        case .text(let what): "\(what) is empty, too long or has control characters"
        case .code(let value, let scheme): "the code (\(value), \(scheme)) does not fit a coded entry"
        case .unit(let unit): "the unit \(unit) is not one that reports use"
        case .number(let what): "\(what) is not a finite number in its range"
        case .openPolygon: "a region's outline is not closed"
        case .coordinate: "a region's coordinate is outside the image or not finite"
        case .contradictoryFinding(let key): "the finding \(key) contradicts itself"
        case .picture(let what): "the heatmap cannot be drawn: \(what)"
        case .rendering(let what): "the heatmap cannot be drawn: \(what) failed"
        case .refused(let what): "the object cannot be made: \(what)"
        case .defect(let defect): "the object is not sound: \(defect)"
        }
    }
}

/// What ``ResultValidation`` found wrong in a finished object.
package enum ResultDefect: Hashable, Sendable, CustomStringConvertible {
    /// The bytes do not parse.
    case unreadable
    /// A required attribute is absent, or empty though it must have a value.
    case missing(Tag)
    /// An attribute that must have a certain value has another.
    case unexpectedValue(Tag)
    /// A patient or study attribute differs from the original.
    case identityDiffers(Tag)
    /// A referenced instance is not in evidence, or one in evidence is not referenced.
    case evidence
    /// A reference to an instance that is none of the study's images.
    case foreignReference
    /// A pseudonym or a mapped UID is in the object.
    case forbiddenBytes
    /// Pixel Data has not the length that rows, columns and samples make.
    case pixelLength

    /// One clause without identity.
    package var description: String {
        switch self {
        case .unreadable: "it does not parse"
        case .missing(let tag): "\(tag) has no value"
        case .unexpectedValue(let tag): "\(tag) has another value than it must"
        case .identityDiffers(let tag): "\(tag) differs from the original"
        case .evidence: "evidence and references differ"
        case .foreignReference: "it refers to an instance outside the study's images"
        case .forbiddenBytes: "a pseudonym or mapped UID is in it"
        case .pixelLength: "the pixel data has another length than the matrix"
        }
    }
}

/// Runs a call of the bridge and says what it was for when DCMTK refuses.
func orRefused<Result: ~Copyable>(
    _ what: String, _ body: () throws(DCMTKError) -> Result
) throws(ResultError) -> Result {
    do { return try body() } catch { throw .refused("\(what), \(error)") }
}
