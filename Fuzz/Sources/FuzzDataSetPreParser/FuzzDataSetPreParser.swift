import DICOMCore

/// The first byte chooses the transfer syntax, the second the size of the fragments; the rest is the data set.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDataSetPreParser(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count >= 2 else { return 0 }
    let syntax = TransferSyntax.all[Int(start[0]) % TransferSyntax.all.count]
    let size = max(1, Int(start[1]))
    let bytes = UnsafeRawBufferPointer(start: start + 2, count: count - 2)
    let whole = outcome(bytes, syntax, fragments: .max)
    let cut = outcome(bytes, syntax, fragments: size)
    precondition(whole == cut, "the answer depends on the fragments")
    if case .success(let parts) = whole {
        precondition(parts.bytes == Array(bytes), "bytes were lost, added or moved")
    }
    return 0
}

private struct Parts: Equatable {
    var header: [UInt8] = []
    var element: PixelDataElement?
    var pixelData: [UInt8] = []
    var trailing: [UInt8] = []

    var bytes: [UInt8] { header + (element?.encodedHeader ?? []) + pixelData + trailing }
}

private func outcome(
    _ bytes: UnsafeRawBufferPointer, _ syntax: TransferSyntax, fragments size: Int
) -> Result<Parts, PreParseError> {
    var parser = DataSetPreParser(transferSyntax: syntax)
    var parts = Parts()
    do {
        var offset = 0
        while offset < bytes.count {
            let end = size < bytes.count - offset ? offset + size : bytes.count
            // Copied, so that AddressSanitizer sees a step beyond the fragment.
            try Array(bytes[offset..<end]).withUnsafeBytes { fragment in
                try parser.consume(fragment) { part, run in
                    switch part {
                    case .header: parts.header += run
                    case .pixelData: parts.pixelData += run
                    case .trailing: parts.trailing += run
                    }
                }
            }
            offset = end
        }
        try parser.finish()
    } catch let error as PreParseError {
        return .failure(error)
    } catch {
        preconditionFailure("an error of another kind")
    }
    parts.element = parser.pixelData
    return .success(parts)
}

/// SwiftPM starts an executable at this symbol instead of `main`; libFuzzer's driver takes over.
@_cdecl("FuzzDataSetPreParser_main")
public func fuzzDataSetPreParserMain(
    _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
    var (count, arguments) = (count, arguments)
    return runDriver(&count, &arguments, fuzzDataSetPreParser)
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt
