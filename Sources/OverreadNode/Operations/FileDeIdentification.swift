import DCMTKBridge
import DICOMCore
import DeIdentification
import Foundation
import GRDB
import StudyQueue
import Synchronization

/// The node's de-identification on files: same pre-parser, same engine, same keys, so the same UIDs as the node writes.
///
/// A patient whom the node knows gets the node's pseudonym; another gets one that holds for this call.
package final class FileDeIdentification: Sendable {
    private let deIdentifier: DeIdentifier
    private let vault: Vault
    private let database: any DatabaseReader

    /// Opens the keys (and makes them where there are none) and the node's database, if there is one.
    @available(*, noasync, message: "blocks: call it from a thread")
    package init(_ configuration: NodeConfiguration) throws {
        try DCMTKRuntime.initialize(adding: DictionarySupplement2026d.entries)
        let dataExist = NodeStore.exists(configuration)
        let folder = try KeyFolder.open(
            configuration.keysFolder, dataFolder: configuration.dataFolder, dataExist: dataExist)
        let (keys, publicKey) = try folder.receiverKeys()
        deIdentifier = DeIdentifier(keys: keys)
        vault = Vault(keys: keys, publicKey: publicKey)
        database = try dataExist ? StudyDatabase.openForReading(path: configuration.databasePath) : Self.emptyVault()
    }

    private static func emptyVault() throws -> DatabaseQueue {
        let database = try DatabaseQueue()
        var migrator = DatabaseMigrator()
        Vault.register(in: &migrator)
        try migrator.migrate(database)
        return database
    }

    /// De-identifies one file.
    ///
    /// The output appears under its name only when it is whole. Nothing is written of an input that is refused.
    /// - Throws: an error whose description names no value of the file.
    package func deidentify(_ input: String, to output: String) throws {
        let file = try Data(contentsOf: URL(filePath: input), options: .mappedIfSafe)
        try file.withUnsafeBytes { bytes in
            let location = try PixelDataLocation(parsing: bytes)
            let prepared = try deIdentifier.prepare(
                ReceivedHeader(
                    bytes: Array(bytes[location.header]), pixelData: location.element,
                    transferSyntax: location.meta.transferSyntax)
            ) { try vault.pseudonym(for: $0.patient, in: database) }
            var result = Data(prepared.head)
            let kept = Int(min(prepared.pixelBytes, UInt64(location.pixelData.count)))
            result.append(contentsOf: bytes[location.pixelData.lowerBound..<location.pixelData.lowerBound + kept])
            if prepared.needsPadding { result.append(0) }
            try result.write(to: URL(filePath: output), options: .atomic)
        }
    }
}
