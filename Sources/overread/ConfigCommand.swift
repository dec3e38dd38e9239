import ArgumentParser
import DICOMCore
import DICOMNetwork
import OverreadNode

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "The peers' file.", subcommands: [Check.self])

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read AETitles.conf whole and say what is wrong in it, with line and column.")
        @OptionGroup var folders: FolderOptions

        func run() async throws {
            let path = folders.configuration.aeTitlesFile
            let table = try await onThread { try AETitleTable(contentsOf: path) }
            let sources = table.entities.filter { $0.source != nil }.map(\.name)
            let destinations = table.entities.filter { $0.destination != nil }.map(\.name)
            print("\(path): good")
            print("node          \(table.node.aeTitle.value), port \(table.node.port)")
            print("sources       \(sources.joined(separator: ", "))")
            print("destinations  \(destinations.joined(separator: ", "))")
        }
    }
}
