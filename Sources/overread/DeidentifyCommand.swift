import ArgumentParser
import Foundation
import OverreadNode

struct DeidentifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deidentify",
        abstract: "De-identify files with the node's engine and keys.",
        discussion: """
            IN is a DICOM file, or a folder that is gone through whole. OUT is a file or, for a folder, a folder of the same \
            shape: its folders are numbered and its files are named by their new SOP Instance UID, since names may hold \
            identity. Files that are refused are named on stderr with the reason, nothing is written of them, and the exit \
            status is 1.

            With --report the equivalence classes of the patients in OUT follow (k-anonymity); with --report and no OUT, \
            those of IN, which must have been de-identified before.
            """)
    @OptionGroup var folders: FolderOptions
    @OptionGroup var policy: DeidentifyPolicy
    @Argument(help: ArgumentHelp("A file or folder.", valueName: "in"), completion: .file()) var input: String
    @Argument(help: ArgumentHelp("Where the result goes.", valueName: "out")) var output: String?
    @Flag(help: "Say how well the patients of the folder hide among one another.") var report = false
    @Flag(help: "Make each file durable (fsync) before the next is begun.") var sync = false
    @Flag(help: "Print a summary as JSON.") var json = false

    func validate() throws {
        guard output != nil || report else { throw ValidationError("OUT is missing: where does the result go?") }
    }

    /// What --json prints.
    private struct Printed: Codable {
        var summary: FolderDeIdentification.Summary?
        var report: KAnonymityReport?
    }

    func run() async throws {
        let (configuration, input, output) = (folders.configuration, input, output)
        let (isReported, isSynced, isJSON) = (report, sync, json)
        let (profile, pixels) = (try policy.confidentiality, policy.pixels)
        let printed = try await onThread {
            var printed = Printed()
            if let output {
                let engine = try FileDeIdentification(
                    configuration, profile: profile, pixels: pixels, isSynced: isSynced)
                printed.summary = try Self.deidentify(engine, input, output)
            }
            if isReported { printed.report = try KAnonymityReport(folder: output ?? input) }
            return printed
        }
        if isJSON {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(printed), as: UTF8.self))
        } else {
            if let report = printed.report { print(report.text) }
        }
        if let summary = printed.summary, !summary.refused.isEmpty { throw ExitCode(1) }
    }

    private static func deidentify(
        _ engine: FileDeIdentification, _ input: String, _ output: String
    ) throws -> FolderDeIdentification.Summary {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: input, isDirectory: &isFolder) else {
            throw ValidationError("\(input) is not there")
        }
        let work =
            try isFolder.boolValue
            ? FolderDeIdentification(engine, from: input, to: output)
            : FolderDeIdentification(engine, file: input, to: output)
        var progress = Progress(count: work.count)
        let summary = work.run { done, refusal in progress.step(done, refused: refusal != nil) }
        progress.end()
        for refusal in summary.refused { say("\(refusal.file): refused: \(refusal.reason)") }
        if isFolder.boolValue { say("\(summary.deidentified) de-identified, \(summary.refused.count) refused") }
        return summary
    }

    private static func say(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }

    /// A line on stderr for what takes long: rewritten on a terminal, now and then elsewhere.
    private struct Progress {
        let count: Int
        private var refused = 0
        private var last = ContinuousClock.now
        private var isShown = false
        private let isTerminal = isatty(2) == 1

        init(count: Int) { self.count = count }

        mutating func step(_ done: Int, refused isRefused: Bool) {
            if isRefused { refused += 1 }
            let now = ContinuousClock.now
            guard now - last > (isTerminal ? .milliseconds(500) : .seconds(10)) else { return }
            last = now
            isShown = true
            let line = "\(done) of \(count) files, \(refused) refused"
            FileHandle.standardError.write(Data((isTerminal ? "\r\(line)" : "\(line)\n").utf8))
        }

        func end() { if isShown, isTerminal { FileHandle.standardError.write(Data("\n".utf8)) } }
    }
}
