import ArgumentParser
import DICOMCore
import Foundation
import OverreadNode

struct EchoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo", abstract: "C-ECHO to a destination of AETitles.conf.")
    @OptionGroup var folders: FolderOptions
    @Argument(help: ArgumentHelp("Name of a section with role = destination.", valueName: "AE")) var name: String

    func run() async throws {
        let (configuration, name) = (folders.configuration, name)
        let (status, seconds) = try await onThread { try PeerCalls(name, configuration).echo() }
        print("\(name) answered \(status) in \(Int((seconds * 1000).rounded())) ms")
        if status != .success { throw ExitCode(1) }
    }
}

struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "C-STORE files to a destination of AETitles.conf, as they are.",
        discussion: "Nothing is de-identified or changed. Exit status 1 when one file was not stored.")
    @OptionGroup var folders: FolderOptions
    @Argument(help: ArgumentHelp("Name of a section with role = destination.", valueName: "AE")) var name: String
    @Argument(help: ArgumentHelp("DICOM files.", valueName: "file"), completion: .file()) var files: [String]

    func validate() throws {
        if files.isEmpty { throw ValidationError("name at least one file") }
    }

    func run() async throws {
        let (configuration, name, files) = (folders.configuration, name, files)
        let failed = try await onThread {
            try PeerCalls(name, configuration).send(files) { path, outcome in print("\(path): \(outcome)") }
        }
        if failed > 0 { throw ExitCode(1) }
    }
}
