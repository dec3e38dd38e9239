import DICOMCore
import DICOMNetwork
import DeIdentification
import GRDB
import Glibc
import Testing

@testable import OverreadNode

@Suite struct IngestFailureTests {
    /// The table from cause to status, row by row (PS3.4 table B.2-1).
    @Test(
        arguments: [
            (SpoolError(call: "write", code: ENOSPC) as any Error, 0xA700),
            (SpoolError(call: "fsync", code: EIO), 0xA700),
            (DatabaseError(resultCode: .SQLITE_FULL), 0xA700),
            (DatabaseError(resultCode: .SQLITE_IOERR), 0xA700),
            (VaultError.pseudonymTaken, 0xA700),
            (IngestFailure.diskReserve, 0xA700),
            (IngestFailure.queueFull, 0xA700),
            (IngestFailure.backlogFull, 0xA700),
            (IngestFailure.uidMismatch, 0xA900),
            (IngestFailure.instanceOfOtherStudy, 0xA900),
            (IngestFailure.duplicateRefused, 0x0110),
            (DeIdentificationError.privateSOPClass, 0xC000),
            (CancellationError(), 0x0110),
        ] as [(any Error, Int)])
    func eachCauseHasItsStatus(_ error: any Error, _ status: Int) {
        #expect(Int(IngestFailure(error).status.rawValue) == status)
    }

    @Test func commentsFitTheirValueRepresentation() {
        // LO: 64 characters, no backslash, nothing outside ASCII.
        let failures = [
            IngestFailure.diskReserve, .queueFull, .backlogFull, .uidMismatch, .duplicateRefused, .instanceOfOtherStudy,
        ]
        for comment in failures.map(\.comment) + [
            IngestFailure(status: .success, comment: String(repeating: "x", count: 99)).comment
        ] {
            #expect(comment.utf8.count <= 64)
            #expect(comment.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x5C })
        }
    }
}
