import DCMTKBridge
import DICOMCore
import DeIdentification
import Foundation
import GRDB
import Glibc
import StudyQueue
import Synchronization

/// The node's de-identification on files: same pre-parser, same engine, same keys, so the same UIDs as the node writes.
///
/// A patient whom the node knows gets the node's pseudonym; another gets one that holds for this call.
package final class FileDeIdentification: Sendable {
    private let deIdentifier: DeIdentifier
    private let vault: Vault
    /// Nil where no node has stored anything yet.
    private let database: (any DatabaseReader)?
    private let isSynced: Bool
    private let admission: Admission

    /// Opens the keys (and makes them where there are none) and the node's database, if there is one.
    ///
    /// - Parameter isSynced: whether each file is durable before the next is begun.
    @available(*, noasync, message: "blocks: call it from a thread")
    package init(
        _ configuration: NodeConfiguration, profile: ConfidentialityProfile = .basic, pixels: PixelPolicy = .accept,
        isSynced: Bool = false
    ) throws {
        admission = Admission(profile: profile, pixels: pixels)
        try DCMTKRuntime.initialize(adding: DictionarySupplement2026d.entries)
        let dataExist = NodeStore.exists(configuration)
        let folder = try KeyFolder.open(
            configuration.keysFolder, dataFolder: configuration.dataFolder, dataExist: dataExist)
        if folder.hasNewKeys {
            FileHandle.standardError.write(Data("new keys were made: \(folder.lossIsFinal)\n".utf8))
        }
        let (keys, publicKey) = try folder.receiverKeys()
        deIdentifier = DeIdentifier(keys: keys)
        vault = Vault(keys: keys, publicKey: publicKey)
        database = try dataExist ? StudyDatabase.openForReading(path: configuration.databasePath) : nil
        self.isSynced = isSynced
        try database?.read { try ReceiverCheck.check(keys, in: $0) }
    }

    /// De-identifies one file.
    ///
    /// The output appears under its name only when it is whole. Nothing is written of an input that is refused.
    /// - Throws: an error whose description names no value of the file.
    package func deidentify(_ input: String, to output: String) throws {
        try deidentify(input, reading: InputBuffer()) { _ in output }
    }

    /// De-identifies one file to where `place` says, by the new SOP Instance UID.
    func deidentify(
        _ input: String, reading buffer: InputBuffer, place: (SOPInstanceUID) throws -> String
    ) throws {
        try buffer.withBytes(of: input) { bytes in
            let location = try PixelDataLocation(parsing: bytes)
            if location.meta.sopClass == Self.directory { throw FileRefusal.directory }
            let prepared = try deIdentifier.prepare(
                ReceivedHeader(
                    bytes: Array(bytes[location.header]), pixelData: location.element,
                    transferSyntax: location.meta.transferSyntax), admission: admission, isSealed: false
            ) { identity in
                try database.map { try vault.pseudonym(for: identity.patient, in: $0) }
                    ?? vault.pseudonym(ofNew: identity.patient)
            }
            let output = try place(prepared.instance.sopInstanceUID)
            try write(prepared, UnsafeRawBufferPointer(rebasing: bytes[location.pixelData]), to: output)
        }
    }

    /// Media Storage Directory Storage: it names every patient of a medium.
    private static let directory = SOPClassUID("1.2.840.10008.1.3.10")

    private func write(_ prepared: PreparedInstance, _ pixels: UnsafeRawBufferPointer, to output: String) throws {
        let file = try NewFile(beside: output)
        do {
            try prepared.head.withUnsafeBytes { try file.write($0) }
            try prepared.pixels.clean(pixels) { try file.write($0) }
            try prepared.pixels.finish { try file.write($0) }
            try file.move(to: output, isSynced: isSynced)
        } catch {
            file.discard()
            throw error
        }
    }
}

/// Why a file was not taken, beside what the parsers and the engine say.
enum FileRefusal: Error, CustomStringConvertible {
    case unreadable
    case directory

    var description: String {
        switch self {
        case .unreadable: "the file cannot be read"
        case .directory: "a DICOMDIR names every patient of its medium: make a new one for the copy"
        }
    }
}

/// A file that has no name of its own until it is whole.
private final class NewFile {
    private let path: String
    private var descriptor: Int32

    init(beside output: String) throws {
        path = output + ".part"
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw SpoolError(call: "open", code: errno) }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws { try writeAll(bytes, to: descriptor) }

    func move(to output: String, isSynced: Bool) throws {
        if isSynced, fsync(descriptor) != 0 { throw SpoolError(call: "fsync", code: errno) }
        close(descriptor)
        descriptor = -1
        guard rename(path, output) == 0 else { throw SpoolError(call: "rename", code: errno) }
        if isSynced { try SpoolFolder.syncFolder(URL(filePath: output).deletingLastPathComponent().path) }
    }

    func discard() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        unlink(path)
    }
}
