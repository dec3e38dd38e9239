/// What becomes of an object whose pixels may show who the patient is: burned-in text, or a face that can be reconstructed.
/// Nothing in this version looks into pixels or changes them.
package enum PixelPolicy: String, CaseIterable, Hashable, Sendable {
    /// It is not taken.
    case refuse
    /// It is taken, and its pixels stay as they are.
    case accept
}
