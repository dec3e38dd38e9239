import ArgumentParser
import Detection
import Foundation
import OverreadNode

struct AnalyseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "analyse", abstract: "The detector on files.",
        discussion: "Nothing is stored and nothing is sent. Research use only: not a medical device.")
    @OptionGroup var folders: FolderOptions
    @OptionGroup var output: JSONOption
    @Option(help: ArgumentHelp("Write the heatmap of the likeliest finding of one file here (PNG).", valueName: "file"))
    var heatmap: String?
    @Argument(help: ArgumentHelp("DICOM files.", valueName: "file"), completion: .file()) var files: [String]

    struct Answer: Codable, Sendable {
        let file: String
        let analysis: ImageAnalysis
    }

    func validate() throws {
        if files.isEmpty { throw ValidationError("name at least one file") }
        if heatmap != nil, files.count != 1 { throw ValidationError("--heatmap takes one file") }
    }

    func run() async throws {
        let (configuration, files, heatmap) = (folders.configuration, files, heatmap)
        let (answers, drawn) = try await onThread {
            let engine = try FileAnalysis(configuration)
            let answers = try files.map { Answer(file: $0, analysis: try engine.analyse($0)) }
            guard let heatmap, let first = answers.first else { return (answers, nil as String?) }
            return (answers, try engine.writeHeatmap(of: first.analysis, first.file, to: heatmap) ?? "")
        }
        if output.json {
            try output.print(answers)
        } else {
            for answer in answers { AnalyseCommand.printTable(answer) }
        }
        if drawn == "" {
            FileHandle.standardError.write(Data("no finding is present: no heatmap was written\n".utf8))
        }
    }

    private static func printTable(_ answer: Answer) {
        print("\(answer.file): \(answer.analysis.model.name) \(answer.analysis.model.version)")
        switch answer.analysis.outcome {
        case .failed(let reason): print("  failed: \(reason.sentence)")
        case .outOfScope(let reason): print("  out of scope: \(reason.sentence)")
        case .analysed:
            let rows = answer.analysis.findings.map { finding in
                [
                    "  " + finding.code.meaning, finding.isPresent ? "present" : "absent", percent(finding.probability),
                    percent(finding.threshold), finding.confidence.rawValue, String(finding.regions.count),
                ]
            }
            QueueCommand.printTable(
                ["  FINDING", "DECISION", "PROBABILITY", "THRESHOLD", "CONFIDENCE", "REGIONS"], rows)
        }
    }

    private static func percent(_ value: Double) -> String { "\((value * 1000).rounded() / 10) %" }
}
