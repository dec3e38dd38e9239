import ArgumentParser
import OverreadNode

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "What is wrong with this installation, in sentences.",
        discussion: "Exit status 1 when something keeps the node from its work. Peers are called only with --peers.")
    @OptionGroup var folders: FolderOptions
    @OptionGroup var output: JSONOption
    @Flag(help: "Send a C-ECHO to each destination too.") var peers = false

    func run() async throws {
        let (configuration, peers) = (folders.configuration, peers)
        let findings = try await onThread { Doctor(configuration).examine(callsPeers: peers) }
        if output.json {
            try output.print(findings)
        } else {
            for finding in findings { print("\(Self.mark(finding.severity)) \(finding.subject): \(finding.sentence)") }
        }
        if findings.contains(where: { $0.severity == .problem }) { throw ExitCode(1) }
    }

    private static func mark(_ severity: Doctor.Finding.Severity) -> String {
        switch severity {
        case .good: "good   "
        case .note: "note   "
        case .problem: "PROBLEM"
        }
    }
}
