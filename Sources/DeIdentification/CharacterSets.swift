/// The defined terms of (0008,0005) Specific Character Set (PS3.3 C.12.1.1.2).
enum CharacterSets {
    private static let numbers = [
        "6", "100", "101", "109", "110", "144", "127", "126", "138", "148", "203", "13", "166",
    ]
    private static let codeExtensions = ["87", "159", "149", "58"]

    /// Without and with code extensions, and the multi-byte sets that stand alone.
    private static let terms: Set<String> = Set(
        numbers.flatMap { ["ISO_IR \($0)", "ISO 2022 IR \($0)"] } + codeExtensions.map { "ISO 2022 IR \($0)" }
            + ["ISO_IR 192", "GB18030", "GBK", ""])

    /// Whether every value of the attribute is a defined term. An empty first value stands for the default repertoire.
    static func areDefined(_ value: UnsafeRawBufferPointer) -> Bool {
        value.split(separator: 0x5C, omittingEmptySubsequences: false).allSatisfy {
            terms.contains(String(decoding: $0.trimmedPadding, as: UTF8.self))
        }
    }
}
