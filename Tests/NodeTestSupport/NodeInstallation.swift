import Foundation

/// One installation of the node for one test: AETitles.conf, data folder and keys folder, which outlive the process, so that
/// a test can kill and restart it.
package final class NodeInstallation: Sendable {
    /// What the node calls itself.
    package static let aeTitle = "OVERREAD"
    private let folder: TemporaryFolder
    private let modelsOverride: String?
    private let spareFiles: String

    /// An installation whose AETitles.conf holds this node's section (any free port) and `sections`.
    ///
    /// - Parameters:
    ///   - sections: the peers, in the file's own form.
    ///   - models: another model folder than the package's.
    ///   - data: a data folder elsewhere (on a small file system, say) than in the installation's own folder.
    ///   - keys: a keys folder elsewhere, for two installations of the same data.
    ///   - spareFiles: what files made ahead may take of the disk: less than a real node's, for the tests' sake.
    package init(
        sections: String, models: String? = nil, data: String? = nil, keys: String? = nil, spareFiles: String = "4MiB"
    ) throws {
        self.spareFiles = spareFiles
        folder = try TemporaryFolder()
        modelsOverride = models
        self.data = data ?? folder.path("node-data")
        self.keys = keys ?? folder.path("node-keys")
        try write(configuration: "[\(Self.aeTitle)]\nrole = self\nport = 0\n\n\(sections)\n")
    }

    /// The data folder.
    package let data: String
    /// The keys folder, outside the data folder.
    package let keys: String
    /// AETitles.conf.
    package var aeTitles: String { folder.path("AETitles.conf") }
    /// A path for what the test itself wants to keep beside the installation.
    package func path(_ name: String) -> String { folder.path(name) }

    /// Replaces AETitles.conf.
    package func write(configuration: String) throws {
        try configuration.write(toFile: aeTitles, atomically: true, encoding: .utf8)
    }

    private var models: [String] { modelsOverride.map { ["--models", $0] } ?? [] }

    /// The arguments of `overread serve` for this installation.
    package var serveArguments: [String] {
        ["serve", "--ae-titles", aeTitles, "--data", data, "--keys", keys] + models
    }

    /// Starts the node without waiting for it.
    ///
    /// - Parameter wrapper: a program and its arguments to run the node under (strace, prlimit); absolute path first.
    package func launch(under wrapper: [String] = [], environment: [String: String] = [:]) throws -> ChildProcess {
        let command = wrapper + [try Checkout.overread()] + serveArguments
        return try ChildProcess(
            command[0], Array(command.dropFirst()),
            environment: ["OVERREAD_SPARE_FILES": spareFiles, "OVERREAD_SYSLOG": "off"].merging(environment) { $1 })
    }

    /// Starts the node and waits until it listens.
    package func start(under wrapper: [String] = [], environment: [String: String] = [:]) async throws -> RunningNode {
        let process = try launch(under: wrapper, environment: environment)
        let line = try await process.line { $0.hasPrefix("ready ") }
        guard let port = line.firstMatch(of: /port=([0-9]+)/).flatMap({ Int($0.1) }) else {
            throw TestSupportError("the node's ready line names no port: \(line)")
        }
        let tlsPort = line.firstMatch(of: /tls-port=([0-9]+)/).flatMap { Int($0.1) }
        return RunningNode(installation: self, process: process, port: port, tlsPort: tlsPort)
    }

    /// Runs another subcommand of the program to its end.
    package func overread(_ arguments: [String], upTo limit: Duration = ChildProcess.patience) async throws -> Finished
    {
        try await run(try Checkout.overread(), arguments, upTo: limit)
    }

    /// `overread queue ...` on this data folder.
    package func queue(_ arguments: String...) async throws -> Finished {
        try await overread(["queue"] + arguments + ["--data", data])
    }

    /// Waits until as many files are made ahead as `spareFiles` has room for: 8 MiB are 25 of 16 KiB and 13 of 576 KiB.
    package func untilFilesAreMadeAhead() async throws {
        let wanted = ["0": 0, "8MiB": 38][spareFiles] ?? 0
        try await eventually("\(wanted) files are made ahead") {
            let balance = try await queue("balance")
            return wanted == 0 || balance.output.contains("spare      \(wanted),")
        }
    }

    /// The queue log's events so far, oldest first.
    package var queueEvents: [QueueEvent] { QueueEvent.read("\(data)/queue.jsonl") }
}

/// A node that listens.
package struct RunningNode: Sendable {
    /// Its files.
    package let installation: NodeInstallation
    /// Its process.
    package let process: ChildProcess
    /// The DICOM port that it took.
    package let port: Int
    /// The one for TLS.
    package let tlsPort: Int?
}

/// One line of the queue log in its JSON form.
package struct QueueEvent: Sendable {
    /// Every field as text; nested values are left out.
    package let fields: [String: String]
    /// The event's name.
    package var event: String { fields["event"] ?? "" }

    /// The events of a queue log; empty when there is none yet. A last line that is still being written is left out.
    package static func read(_ path: String) -> [QueueEvent] {
        guard let contents = FileManager.default.contents(atPath: path) else { return [] }
        return contents.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any] else { return nil }
            return QueueEvent(fields: object.mapValues { "\($0)" })
        }
    }
}
