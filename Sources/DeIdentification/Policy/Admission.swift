import DCMTKBridge
import DICOMCore

/// What is asked of an object before it is de-identified: that its class can be, and that its pixels may be kept.
package struct Admission: Hashable, Sendable {
    /// The options that will be carried out.
    package let profile: ConfidentialityProfile
    /// What becomes of pixels that may show who the patient is.
    package let pixels: PixelPolicy

    /// Both as the operator chose them.
    package init(profile: ConfidentialityProfile, pixels: PixelPolicy) {
        self.profile = profile
        self.pixels = pixels
    }

    /// Throws ``DeIdentificationError`` for an object that is not taken. The header is the received one, unchanged.
    package func check(_ header: borrowing DataSet, of identity: borrowing Identity) throws(DeIdentificationError) {
        try SOPClassPolicy.check(identity.sopClassUID, profile)
        try PixelCheck.check(header, identity.sopClassUID, pixels)
    }
}
