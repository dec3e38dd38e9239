import Foundation
import Glibc
import NodeTestSupport
import Testing

@testable import OverreadNode

@Suite struct SpoolFileTests {
    private let folder: TemporaryFolder
    private let spool: SpoolFolder

    init() throws {
        folder = try TemporaryFolder()
        spool = try SpoolFolder(root: folder.path("spool"))
    }

    private static let id = "00aa00aa00aa00aa"

    @Test(arguments: [0, 1, 65_535, 65_536, 300_000])
    func whatIsWrittenInPiecesIsInTheFileAfterTheCommit(_ size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let file = try spool.create(instanceID: Self.id)
        for start in stride(from: 0, to: size, by: 7_001) {
            try file.write(Array(bytes[start..<min(size, start + 7_001)]))
        }
        try file.commit()
        #expect(file.byteCount == size)
        #expect(try Array(Data(contentsOf: URL(filePath: spool.path(file.relativePath)))) == bytes)
    }

    @Test func aFileThatIsDiscardedOrForgottenLeavesNothing() throws {
        let file = try spool.create(instanceID: Self.id)
        try file.write([1, 2, 3])
        file.discard()
        #expect(FileManager.default.fileExists(atPath: spool.path(file.relativePath)) == false)
        do { try spool.create(instanceID: Self.id).write([1]) }
        #expect(FileManager.default.fileExists(atPath: spool.path(file.relativePath)) == false)
    }

    @Test func anInstanceIDIsNeverUsedTwice() throws {
        let first = try spool.create(instanceID: Self.id)
        try first.commit()
        let error = #expect(throws: SpoolError.self) { try spool.create(instanceID: Self.id) }
        #expect(error?.code == EEXIST)
    }

    @Test func aFullDiskIsAnErrorThatSaysSoAndLeavesNoFile() throws {
        // /dev/full answers ENOSPC to every write, as a full disk does.
        let path = spool.path("00/\(Self.id).dcm")
        #expect(symlink("/dev/full", path) == 0)
        let error = #expect(throws: SpoolError.self) { try spool.create(instanceID: Self.id) }
        #expect(error?.isOutOfSpace == false)  // a link in our place is refused, not followed
        #expect(SpoolError(call: "write", code: ENOSPC).isOutOfSpace)
        #expect(SpoolError(call: "write", code: EIO).isOutOfSpace == false)
    }

    @Test func filesAndFoldersAreForTheOwnerOnly() throws {
        let file = try spool.create(instanceID: Self.id)
        try file.commit()
        for (path, mode) in [(spool.path(file.relativePath), 0o600), (spool.root, 0o700), (spool.root + "/00", 0o700)] {
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(Int(status.st_mode & 0o777) == mode)
        }
    }
}
