import Configuration
import DICOMNetwork
import Foundation

/// Where the node keeps its things and how much it may use; everything about peers is in AETitles.conf.
///
/// A flag of the command line wins over an `OVERREAD_*` environment variable, which wins over the default.
package struct NodeConfiguration: Sendable {
    /// De-identified files, the database, the queue log.
    package let dataFolder: String
    /// HMAC keys and the vault's key pair; must not lie inside the data folder.
    package let keysFolder: String
    /// Holds one folder a model.
    package let modelsFolder: String
    /// The peers' file.
    package let aeTitlesFile: String
    /// Threads of the inference engine; 0 lets it choose.
    package let inferenceThreads: Int
    /// Queue log, balance and retention.
    package let keeping: KeepingSettings
    /// As given: see ``identityRetention``.
    private let identityRetentionText: String
    /// As given: see ``spareFiles``.
    private let spareFilesText: String
    /// Seconds that associations get to finish when the node stops.
    package let stopDeadline: Double

    /// A value given on the command line; nil where it was not.
    package struct Flags: Sendable {
        /// `--data`
        package var data: String?
        /// `--keys`
        package var keys: String?
        /// `--models`
        package var models: String?
        /// `--ae-titles`
        package var aeTitles: String?
        /// `--identity-retention`
        package var identityRetention: String?
        /// Those of ``KeepingSettings``.
        package var keeping: [KeepingSettings.Key: String]
        /// None given.
        package init(
            data: String? = nil, keys: String? = nil, models: String? = nil, aeTitles: String? = nil,
            identityRetention: String? = nil, keeping: [KeepingSettings.Key: String] = [:]
        ) {
            self.data = data
            self.keys = keys
            self.models = models
            self.aeTitles = aeTitles
            self.identityRetention = identityRetention
            self.keeping = keeping
        }
    }

    /// Reads flags, environment and defaults.
    package init(flags: Flags = Flags(), environment: [String: String] = ProcessInfo.processInfo.environment) {
        var given: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in [
            ("data", flags.data), ("keys", flags.keys), ("models", flags.models), ("ae-titles", flags.aeTitles),
            ("identity-retention", flags.identityRetention),
        ] {
            if let value { given[["overread", key]] = ConfigValue(stringLiteral: value) }
        }
        for (key, value) in flags.keeping { given[["overread", key.rawValue]] = ConfigValue(stringLiteral: value) }
        let reader = ConfigReader(providers: [
            InMemoryProvider(name: "flags", values: given),
            EnvironmentVariablesProvider(environmentVariables: environment),
        ]).scoped(to: "overread")
        let data = Self.absolute(reader.string(forKey: "data", default: "data"))
        self.dataFolder = data
        self.keysFolder = Self.absolute(reader.string(forKey: "keys", default: data + ".keys"))
        self.modelsFolder = Self.absolute(reader.string(forKey: "models", default: Self.shipped("Models")))
        self.aeTitlesFile = Self.absolute(reader.string(forKey: "ae-titles", default: Self.shipped("AETitles.conf")))
        self.keeping = KeepingSettings(reader)
        self.identityRetentionText = reader.string(forKey: "identity-retention", default: "90d")
        self.spareFilesText = reader.string(forKey: "spare-files", default: "256MiB")
        self.inferenceThreads = reader.int(forKey: "inference-threads", default: 0)
        self.stopDeadline = reader.double(forKey: "stop-deadline", default: 20)
    }

    /// How long the identity of a delivered study is kept; nil: for ever.
    ///
    /// - Throws: ``NodeError/badSetting(_:)``: a setting that erases is not guessed.
    package var identityRetention: Duration? {
        get throws {
            if identityRetentionText == "off" { return nil }
            guard let duration = AETitleValue.duration(identityRetentionText), duration >= .seconds(1) else {
                throw NodeError.badSetting(
                    "identity-retention is not a time: write a number and a unit (90d, 12h; at least 1s), or off")
            }
            return duration
        }
    }

    /// Bytes of the disk that spool files made ahead may take; 0: none is made.
    ///
    /// - Throws: ``NodeError/badSetting(_:)``.
    package var spareFiles: Int {
        get throws {
            if spareFilesText == "0" || spareFilesText == "off" { return 0 }
            guard let bytes = AETitleValue.size(spareFilesText) else {
                throw NodeError.badSetting(
                    "spare-files is not a size: write a number and a unit (256MiB, 1GB), or 0 for none")
            }
            return Int(bytes)
        }
    }

    /// The database file.
    package var databasePath: String { dataFolder + "/overread.sqlite" }
    /// The folder of the queue log.
    package var logFolder: String {
        let path = keeping.text(.log)
        return path.isEmpty ? dataFolder : Self.absolute(path)
    }
    /// The folder of de-identified files.
    package var spoolPath: String { dataFolder + "/spool" }

    private static func absolute(_ path: String) -> String {
        URL(fileURLWithPath: (path as NSString).expandingTildeInPath).standardizedFileURL.path
    }

    /// A file that ships with the node: in the working folder, else beside or above the binary, so that a binary started
    /// from another folder finds it too.
    private static func shipped(_ name: String) -> String {
        var candidates = [FileManager.default.currentDirectoryPath]
        var folder = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent()
        for _ in 0..<5 {
            guard let current = folder else { break }
            candidates.append(current.path)
            candidates.append(current.appending(path: "share/overread").path)
            folder = current.path == "/" ? nil : current.deletingLastPathComponent()
        }
        return candidates.map { $0 + "/" + name }.first { FileManager.default.fileExists(atPath: $0) } ?? name
    }
}
