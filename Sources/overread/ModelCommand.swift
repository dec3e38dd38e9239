import ArgumentParser
import Detection
import Foundation
import OverreadNode

struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "The models in the model folder.",
        subcommands: [List.self, Check.self, Bench.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Names and versions.")
        @OptionGroup var folders: FolderOptions

        func run() async throws {
            let folder = folders.configuration.modelsFolder
            let rows = await withFolders(folder) { path, load in
                switch load {
                case .success(let manifest): [manifest.name, manifest.version, path]
                case .failure(let error): ["?", "?", "\(path): \(error)"]
                }
            }
            QueueCommand.printTable(["NAME", "VERSION", "FOLDER"], rows)
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Whether each model's manifest and file are whole and fit each other. Exit status 1 when not.")
        @OptionGroup var folders: FolderOptions

        func run() async throws {
            let folder = folders.configuration.modelsFolder
            let problems = await withFolders(folder) { path, load in
                switch load {
                case .success(let manifest): (true, "\(path): \(manifest.name) \(manifest.version) is whole")
                case .failure(let error): (false, "\(error)")
                }
            }
            for (_, line) in problems { print(line) }
            if problems.isEmpty { throw NodeError.noModel(folder) }
            if problems.contains(where: { !$0.0 }) { throw ExitCode(1) }
        }
    }
}

extension ModelCommand {
    struct Bench: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "How long one run of the model takes on this machine, without reading or preparing an image.")
        @OptionGroup var folders: FolderOptions
        @OptionGroup var output: JSONOption
        @Option(help: "How many runs; the median is printed.") var runs = 15

        func run() async throws {
            let (configuration, runs) = (folders.configuration, max(1, runs))
            let bench = try await onThread { try ModelBench(configuration, runs: runs) }
            if output.json { return try output.print(bench) }
            print(
                "\(bench.model): load \(bench.loadSeconds) s, run \(bench.seconds) s, \(bench.processorSeconds) s of processor"
            )
        }
    }
}

/// Loads each model's manifest, on a thread.
private func withFolders<T: Sendable>(
    _ folder: String, _ body: @escaping @Sendable (String, Result<ModelManifest, ModelError>) -> T
) async -> [T] {
    let found = try? await onThread {
        ModelSelection.folders(in: folder).map { path in
            body(path, Result { () throws(ModelError) in try ModelFolder.load(path).manifest })
        }
    }
    return found ?? []
}
