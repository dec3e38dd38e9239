import Foundation
import Glibc

/// Holds a data folder for one node: an exclusive flock(2) on `node.lock`, which the kernel drops when the process ends,
/// however it ends.
package final class DataFolderLock: Sendable {
    /// The folder.
    let folder: String
    private let descriptor: Int32

    /// - Parameter seconds: so long it waits for another: commands hold the folder for a moment where no node runs, and
    ///   ``isHeld(_:)`` for an instant.
    /// - Throws: ``NodeError/dataFolderInUse(_:)`` when another node holds the folder.
    package init(_ configuration: NodeConfiguration, waiting seconds: Double = 0.2) throws {
        folder = configuration.dataFolder
        try FileManager.default.createDirectory(
            atPath: configuration.dataFolder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let path = configuration.dataFolder + "/node.lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SpoolError(call: "open", code: errno) }
        let deadline = Date(timeIntervalSinceNow: seconds)
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard Date() < deadline else {
                throw NodeError.dataFolderInUse(configuration.dataFolder)
            }
            Thread.sleep(forTimeInterval: 0.05)
        }
    }

    deinit { close(descriptor) }

    /// Whether a node has the folder now. Makes nothing.
    package static func isHeld(_ configuration: NodeConfiguration) -> Bool {
        let descriptor = open(configuration.dataFolder + "/node.lock", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // Shared: two checks at a time do not take each other for a node.
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0
    }
}

/// What keeps a node from starting or a command from running, in one sentence that says what to do.
package enum NodeError: Error, CustomStringConvertible {
    /// Another node has the data folder.
    case dataFolderInUse(String)
    /// There is no data folder to read.
    case noDataFolder(String)
    /// AETitles.conf is wrong; the text is one line a diagnostic.
    case configuration(String)
    /// No model folder holds a model.
    case noModel(String)
    /// More than one model is there and the version can run one.
    case severalModels([String])
    /// The data folder is of an earlier version.
    case olderData(String)
    /// The data folder is of a later version.
    case newerData(String)
    /// A setting's value cannot be used; the text says why.
    case badSetting(String)
    /// No study, pseudonym or instance of that name is here.
    case unknownSubject
    /// A name is no entry of AETitles.conf that can be called.
    case unknownEntity(String)

    /// The sentence.
    package var description: String {
        switch self {
        case .dataFolderInUse(let path):
            "another node is running on \(path): stop it, or give this one a folder of its own with --data"
        case .noDataFolder(let path):
            "there is no node's data in \(path): give the folder with --data, or start a node there"
        case .configuration(let text): text
        case .noModel(let path):
            "no model in \(path): put one there (a folder with model.yaml), or give its place with --models"
        case .severalModels(let names):
            "this version runs one model, and there are several (\(names.joined(separator: ", "))): keep one in the model folder"
        case .olderData(let path):
            "\(path) is of an earlier version: start the node there once, it brings it up to date"
        case .newerData(let path):
            "\(path) is of a later version, and this one would not know what it must keep: use the later program, or bring back "
                + "the data folder as it was before the upgrade"
        case .badSetting(let text): text
        case .unknownSubject:
            "no study, pseudonym or instance of that name has identity here: give one as overread queue list, a "
                + "de-identified file or overread queue show names it"
        case .unknownEntity(let name):
            "\(name) has no section with role = destination in AETitles.conf: add one with host and port"
        }
    }
}
