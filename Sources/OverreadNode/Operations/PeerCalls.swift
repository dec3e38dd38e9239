import DCMTKBridge
import DICOMCore
import DICOMNetwork
import Foundation

/// What an operator does with a peer by hand: `overread echo` and `overread send`.
package struct PeerCalls: Sendable {
    private let peer: RemoteApplicationEntity

    /// A destination of AETitles.conf by its section's name.
    /// - Throws: ``NodeError/unknownEntity(_:)``, or what is wrong with the file.
    @available(*, noasync, message: "blocks: call it from a thread")
    package init(_ name: String, _ configuration: NodeConfiguration) throws {
        try DCMTKRuntime.initialize()
        let table = try AETitleTable(contentsOf: configuration.aeTitlesFile)
        guard let entity = table.destination(named: name), let settings = entity.destination,
            let called = entity.aeTitle
        else { throw NodeError.unknownEntity(name) }
        peer = RemoteApplicationEntity(
            host: settings.host, port: settings.port, calledAETitle: called, callingAETitle: table.node.aeTitle)
    }

    /// C-ECHO. Returns the status and the seconds it took.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func echo() throws -> (status: DIMSEStatus, seconds: Double) {
        let begin = Date()
        let status = try VerificationSCU.echo(peer)
        return (status, Date().timeIntervalSince(begin))
    }

    /// C-STORE of DICOM files as they are, over one association. `report` hears of each file.
    /// - Returns: how many the peer has not stored.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func send(_ paths: [String], report: (_ path: String, _ outcome: String) -> Void) throws -> Int {
        let files = try paths.map { path in
            do { return try File(path) } catch let error as FileMetaInformationError {
                throw FileProblem(path: path, sentence: error.description)
            }
        }
        var proposals: [StorageProposal] = []
        for file in files where !proposals.contains(file.kind) { proposals.append(file.kind) }
        guard proposals.count <= 128 else {
            throw FileProblem(
                path: "\(paths.count) files", sentence: "More than 128 kinds of object: send them in parts.")
        }
        var scu = try StorageSCU(peer, proposing: proposals)
        var failed = 0
        for file in files {
            guard scu.accepts(file.kind) else {
                report(file.path, "not sent: the peer does not take this SOP class in this transfer syntax")
                failed += 1
                continue
            }
            let status = try file.withDataSet { try scu.store(file.kind, sopInstance: file.instance, dataSet: $0) }
            report(file.path, status.isStored ? "stored (\(status))" : "refused (\(status))")
            if !status.isStored { failed += 1 }
        }
        scu.release()
        return failed
    }

    /// A file whose name and trouble an operator is told.
    private struct FileProblem: Error, CustomStringConvertible {
        let path: String
        let sentence: String
        var description: String { "\(path): \(sentence)" }
    }

    private struct File {
        let path: String
        let kind: StorageProposal
        let instance: SOPInstanceUID
        private let data: Data
        private let offset: Int

        init(_ path: String) throws {
            self.path = path
            data = try Data(contentsOf: URL(filePath: path), options: .mappedIfSafe)
            let meta = try data.withUnsafeBytes { try FileMetaInformation(parsing: $0) }
            guard let sopClass = meta.sopClass, let sopInstance = meta.sopInstance else {
                throw FileProblem(
                    path: path, sentence: "The file does not say its SOP class and instance (0002,0002/0003).")
            }
            kind = StorageProposal(sopClass: sopClass, transferSyntax: meta.transferSyntax)
            instance = sopInstance
            offset = meta.dataSetOffset
        }

        func withDataSet<T>(_ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
            try data.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[offset...])) }
        }
    }
}
