import Foundation
import Glibc
import NodeTestSupport
import Testing

@testable import DeIdentification

@Suite struct KeyFolderTests {
    private let temporary: TemporaryFolder
    private var keys: String { temporary.path("keys") }
    private var data: String { temporary.path("data") }

    init() throws { temporary = try TemporaryFolder() }

    private func open(dataExist: Bool = false) throws -> KeyFolder {
        try KeyFolder.open(keys, dataFolder: data, dataExist: dataExist)
    }

    private func mode(_ path: String) throws -> mode_t {
        var status = stat()
        try #require(stat(path, &status) == 0)
        return status.st_mode & 0o777
    }

    @Test func theFirstStartMakesKeysThatOnlyTheOwnerReads() throws {
        umask(0)
        defer { umask(0o022) }
        let folder = try open()
        #expect(try mode(keys) == 0o700)
        #expect(try mode(keys + "/receiver.key") == 0o600)
        #expect(try mode(keys + "/vault.key") == 0o600)
        #expect(try mode(keys + "/vault.pub") == 0o644)
        let sealed = try folder.receiverKeys().publicKey.seal([1, 2, 3], for: .identity, boundTo: [])
        #expect(try folder.privateKeys().open(sealed, for: .identity, boundTo: []) == [1, 2, 3])
    }

    @Test func theSecondStartFindsTheSameKeys() throws {
        let uid = Array("1.2.3".utf8)
        let first = UIDMap(keys: try open().receiverKeys().keys).mapped(uid)
        #expect(UIDMap(keys: try open(dataExist: true).receiverKeys().keys).mapped(uid) == first)
    }

    @Test func theKeysOfOneFolderAllDiffer() throws {
        let text = try KeyText(parsing: Array(Data(contentsOf: try receiverFile())))
        #expect(Set(text.keys.values).count == 4 && text.keys.values.allSatisfy { $0.count == 32 })
    }

    private func receiverFile() throws -> URL { URL(fileURLWithPath: try open().path + "/receiver.key") }

    @Test(arguments: ["", "/receiver.key", "/vault.key"])
    func whatOthersMayReadIsRefusedWithTheCommandThatHelps(name: String) throws {
        let folder = try open()
        #expect(chmod(keys + name, 0o755) == 0)
        let error = try #require(throws: KeyFolderError.self) {
            let folder = try open()
            _ = try folder.receiverKeys()
            _ = try folder.privateKeys()
        }
        #expect(error == .openToOthers(folder.path + name, name.isEmpty ? "700" : "600"))
        #expect(error.description.contains("chmod \(name.isEmpty ? 700 : 600) "))
    }

    @Test func missingKeysAreNotReplacedWhenStudiesExist() throws {
        #expect(throws: KeyFolderError.self) { _ = try open(dataExist: true) }
        #expect(access(keys + "/receiver.key", F_OK) != 0)
        let folder = try open()
        #expect(unlink(folder.path + "/receiver.key") == 0)
        #expect(throws: KeyFolderError.keyMissing(folder.path + "/receiver.key")) {
            _ = try open(dataExist: true).receiverKeys()
        }
    }

    @Test(arguments: [["receiver.key"], ["receiver.key", "vault.pub"], ["receiver.key", "vault.key"]])
    func aFolderLeftHalfMadeIsCompletedWhileNothingIsStored(missing: [String]) throws {
        let first = try open()
        let before = try first.receiverKeys().publicKey.id
        for name in missing { #expect(unlink(first.path + "/" + name) == 0) }
        let second = try open()
        #expect(try second.receiverKeys().publicKey.id == before)
        if !missing.contains("vault.key") { #expect(try second.privateKeys().currentID == before) }
    }

    @Test func theReceiverWorksWithoutThePrivateKey() throws {
        let folder = try open()
        #expect(unlink(folder.path + "/vault.key") == 0)
        _ = try open(dataExist: true).receiverKeys()
        #expect(throws: KeyFolderError.keyMissing(folder.path + "/vault.key")) { _ = try open().privateKeys() }
    }

    @Test func aFolderInsideTheDataFolderIsRefusedAlsoThroughALink() throws {
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: temporary.path("link"), withDestinationPath: data)
        for path in [data + "/keys", data, temporary.path("link/keys"), data + "/../data/keys"] {
            let error = try #require(throws: KeyFolderError.self) {
                _ = try KeyFolder.open(path, dataFolder: data, dataExist: false)
            }
            #expect(error.description.contains("lies in the data folder"))
        }
        _ = try KeyFolder.open(data + "-keys", dataFolder: data, dataExist: false)
    }

    @Test func filesThatAreNoKeysAreRefused() throws {
        let folder = try open()
        let file = folder.path + "/receiver.key"
        let whole = try String(contentsOfFile: file, encoding: .utf8)
        for text in [
            "", "{}", String(whole.dropLast(40)),
            whole.replacingOccurrences(of: "\"version\" : 1", with: "\"version\" : 2"),
            whole.replacingOccurrences(of: "receiver", with: "vault private"),
            whole.replacingOccurrences(of: "uid", with: "uix"),
        ] {
            try #require(FileManager.default.contents(atPath: file) != nil)
            try Data(text.utf8).write(to: URL(fileURLWithPath: file))
            #expect(chmod(file, 0o600) == 0)
            #expect(throws: KeyFolderError.notAKey(file)) { _ = try folder.receiverKeys() }
        }
    }

    @Test func aPairThatDoesNotMatchIsRefused() throws {
        let folder = try open()
        let other = try KeyFolder.open(temporary.path("other"), dataFolder: data, dataExist: false)
        try FileManager.default.removeItem(atPath: folder.path + "/vault.pub")
        try FileManager.default.copyItem(atPath: other.path + "/vault.pub", toPath: folder.path + "/vault.pub")
        #expect(throws: KeyFolderError.keysDiffer(folder.path)) { _ = try folder.privateKeys() }
    }
}
