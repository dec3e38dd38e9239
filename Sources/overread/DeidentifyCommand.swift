import ArgumentParser
import Foundation
import OverreadNode

struct DeidentifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deidentify",
        abstract: "De-identify files with the node's engine and keys.",
        discussion: """
            IN is a DICOM file, or a folder that is gone through whole. OUT is a file or, for a folder, a folder; files in \
            it are numbered, since names may hold identity. Files that are refused are named on stderr, nothing is \
            written of them, and the exit status is 1.
            """)
    @OptionGroup var folders: FolderOptions
    @Argument(help: ArgumentHelp("A file or folder.", valueName: "in"), completion: .file()) var input: String
    @Argument(help: ArgumentHelp("Where the result goes.", valueName: "out")) var output: String

    func run() async throws {
        let (configuration, input, output) = (folders.configuration, input, output)
        let refused = try await onThread {
            let engine = try FileDeIdentification(configuration)
            return try DeidentifyCommand.jobs(input, output).reduce(0) { refused, job in
                do {
                    try engine.deidentify(job.input, to: job.output)
                    return refused
                } catch {
                    FileHandle.standardError.write(Data("\(job.input): refused: \(error)\n".utf8))
                    return refused + 1
                }
            }
        }
        if refused > 0 { throw ExitCode(1) }
    }

    private static func jobs(_ input: String, _ output: String) throws -> [(input: String, output: String)] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: input, isDirectory: &isFolder) else {
            throw ValidationError("\(input) is not there")
        }
        guard isFolder.boolValue else { return [(input, output)] }
        try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        let paths = FileManager.default.enumerator(atPath: input)?.compactMap { $0 as? String }.sorted() ?? []
        let files = paths.map { input + "/" + $0 }.filter { path in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
        }
        return files.enumerated().map { number, path in
            let digits = String(number + 1)
            return (path, output + "/" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits + ".dcm")
        }
    }
}
