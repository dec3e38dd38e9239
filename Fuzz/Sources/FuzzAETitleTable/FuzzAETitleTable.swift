import DICOMNetwork

/// The input is the text of an AETitles.conf. Whatever it is, there is a table, or a diagnostic with its place.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzAETitleTable(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start else { return 0 }
    let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    do {
        _ = try AETitleTable(parsing: text, file: "f", resolver: HostResolver { _ in [:] })
    } catch let error as AETitleTableError {
        precondition(!error.diagnostics.isEmpty)
        for diagnostic in error.diagnostics {
            precondition((1...lines.count).contains(diagnostic.line), "no such line")
            precondition((1...lines[diagnostic.line - 1].count + 1).contains(diagnostic.column), "no such column")
        }
    } catch {
        preconditionFailure("an error of another kind")
    }
    return 0
}

/// SwiftPM starts an executable at this symbol instead of `main`; libFuzzer's driver takes over.
@_cdecl("FuzzAETitleTable_main")
public func fuzzAETitleTableMain(
    _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
    var (count, arguments) = (count, arguments)
    return runDriver(&count, &arguments, fuzzAETitleTable)
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt
