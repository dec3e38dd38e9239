import ArgumentParser
import OverreadNode

@main
struct Overread: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "overread",
        abstract: "A DICOM node that gives every study a second look.",
        discussion: """
            A scanner or PACS sends images by C-STORE; the node takes identity out of them, queues the study, runs a \
            detector, and returns a Structured Report and heatmaps to the PACS in the patient's own study. Peers are \
            named in AETitles.conf. Research use only: not a medical device.

            Start with `overread doctor`, then `overread serve`.
            """,
        version: NodeIdentity.version,
        subcommands: [
            ServeCommand.self, QueueCommand.self, EchoCommand.self, SendCommand.self, DeidentifyCommand.self,
            AnalyseCommand.self, VaultCommand.self, ModelCommand.self, ConfigCommand.self, ReloadCommand.self,
            DoctorCommand.self,
        ])
}

/// Where the node keeps its things; the same on every command that needs them.
struct FolderOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Data folder (default: ./data, or OVERREAD_DATA).", valueName: "folder"))
    var data: String?
    @Option(
        help: ArgumentHelp(
            "Key folder, outside the data folder (default: <data>.keys, or OVERREAD_KEYS).", valueName: "folder"))
    var keys: String?
    @Option(help: ArgumentHelp("Model folder (default: the shipped Models, or OVERREAD_MODELS).", valueName: "folder"))
    var models: String?
    @Option(
        help: ArgumentHelp(
            "The peers' file (default: the shipped AETitles.conf, or OVERREAD_AE_TITLES).", valueName: "file"))
    var aeTitles: String?

    var configuration: NodeConfiguration { configuration() }

    func configuration(
        identityRetention: String? = nil, keeping: [KeepingSettings.Key: String] = [:]
    ) -> NodeConfiguration {
        NodeConfiguration(
            flags: .init(
                data: data, keys: keys, models: models, aeTitles: aeTitles, identityRetention: identityRetention,
                keeping: keeping))
    }
}
