/// A coded concept as DICOM writes it (PS3.3 table 8.8-1): Coding Scheme Designator, Code Value, Code Meaning.
package struct CodedConcept: Codable, Equatable, Hashable, Sendable {
    /// (0008,0102), SH: 1 to 16 characters.
    package let scheme: String
    /// (0008,0100), SH: 1 to 16 characters.
    package let value: String
    /// (0008,0104), LO: 1 to 64 characters.
    package let meaning: String

    /// A triple; lengths are the caller's to keep.
    package init(scheme: String, value: String, meaning: String) {
        self.scheme = scheme
        self.value = value
        self.meaning = meaning
    }
}
