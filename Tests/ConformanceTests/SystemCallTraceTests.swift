import NodeTestSupport
import Testing

/// The judge of the durability test is judged: it passes the right order and names each wrong one.
@Suite struct SystemCallTraceTests {
    private static let create =
        #"70 openat(AT_FDCWD</data>, "/data/spool/ab/abcd.dcm", O_WRONLY|O_CREAT|O_EXCL, 0600) = 9</data/spool/ab/abcd.dcm>"#
    private static let file = "70 fsync(9</data/spool/ab/abcd.dcm>) = 0"
    private static let folder = "70 fsync(10</data/spool/ab>) = 0"
    private static let database = "71 fdatasync(5</data/overread.sqlite-wal>) = 0"
    private static let response =
        #"70 sendto(8<TCP:[127.0.0.1:11112->127.0.0.1:40000]>, "\4\0"..., 90, 0, NULL, 0) = 90"#

    private func violations(_ lines: String...) -> [String] {
        SystemCallTrace(lines.joined(separator: "\n")).durabilityViolations(
            spool: "/data/spool", database: "overread.sqlite", port: 11112)
    }

    @Test func theRightOrderPasses() {
        #expect(violations(Self.create, Self.file, Self.folder, Self.database, Self.response) == [])
        // The database's commit runs in another thread, and the trace tells entry and return apart.
        #expect(
            violations(
                Self.create, Self.file, Self.folder, "71 fdatasync(5</data/overread.sqlite-wal> <unfinished ...>",
                "72 write(1</log>, 3) = 3", "71 <... fdatasync resumed>) = 0", Self.response) == [])
    }

    @Test func aSyncThatAnotherThreadInterruptsIsOfItsFileAllTheSame() {
        #expect(
            violations(
                Self.create, "70 fsync(9</data/spool/ab/abcd.dcm> <unfinished ...>", "72 write(1</log>, 3) = 3",
                "70 <... fsync resumed>) = 0", Self.folder, Self.database, Self.response) == [])
    }

    @Test func eachMissingStepIsNamed() {
        #expect(!violations(Self.create, Self.folder, Self.database, Self.response).isEmpty)
        #expect(!violations(Self.create, Self.file, Self.database, Self.response).isEmpty)
        #expect(!violations(Self.create, Self.file, Self.folder, Self.response).isEmpty)
        #expect(!violations(Self.create, Self.file, Self.folder, Self.database).isEmpty)
        #expect(!violations(Self.response).isEmpty)
    }

    @Test func aResponseBeforeTheEndOfAStepIsNamed() {
        #expect(!violations(Self.create, Self.file, Self.folder, Self.response, Self.database).isEmpty)
        #expect(!violations(Self.create, Self.response, Self.file, Self.folder, Self.database, Self.response).isEmpty)
        #expect(
            !violations(
                Self.create, Self.file, Self.folder, "71 fdatasync(5</data/overread.sqlite-wal> <unfinished ...>",
                Self.response,
                "71 <... fdatasync resumed>) = 0"
            ).isEmpty)
    }

    // Made ahead by thread 60, written by the association's thread 70.
    private static let ahead = [
        #"60 openat(AT_FDCWD</data>, "/data/spool/ab/abcd.dcm", O_WRONLY|O_CREAT|O_EXCL, 0600) = 9</data/spool/ab/abcd.dcm>"#,
        "60 fsync(9</data/spool/ab/abcd.dcm>) = 0", "60 fsync(10</data/spool/ab>) = 0",
    ].joined(separator: "\n")
    private static let reopen =
        #"70 openat(AT_FDCWD</data>, "/data/spool/ab/abcd.dcm", O_WRONLY, 0600) = 9</data/spool/ab/abcd.dcm>"#
    private static let dataSync = "70 fdatasync(9</data/spool/ab/abcd.dcm>) = 0"

    @Test func aFileThatWasMadeAheadNeedsItsFolderSyncedOnlyThen() {
        #expect(violations(Self.ahead, Self.reopen, Self.dataSync, Self.database, Self.response) == [])
        #expect(!violations(Self.reopen, Self.dataSync, Self.database, Self.response).isEmpty)
        #expect(!violations(Self.ahead, Self.reopen, Self.database, Self.response).isEmpty)
        #expect(!violations(Self.ahead, Self.reopen, Self.dataSync, Self.response).isEmpty)
        #expect(!violations(Self.ahead, Self.reopen, Self.dataSync, Self.response, Self.database).isEmpty)
        #expect(!violations(Self.ahead, Self.reopen, Self.database, Self.dataSync, Self.response).isEmpty)
        let hasty = Self.ahead.split(separator: "\n").dropLast().joined(separator: "\n")
        #expect(!violations(hasty, Self.reopen, Self.dataSync, Self.database, Self.response).isEmpty)
        #expect(
            !violations(hasty, Self.reopen, Self.dataSync, Self.folder, Self.database, Self.response).isEmpty)
    }

    @Test func aFileThatWasMadeAheadAndNotUsedNeedsNoResponse() {
        #expect(
            violations(
                Self.ahead.replacing("abcd", with: "abce"), Self.create, Self.file, Self.folder, Self.database,
                Self.response) == [])
    }

    @Test func aStepThatFailedIsNamed() {
        let failed = "70 fsync(9</data/spool/ab/abcd.dcm>) = -1 EIO (Input/output error)"
        #expect(!violations(Self.create, failed, Self.folder, Self.database, Self.response).isEmpty)
    }

    @Test func aCallThatTheProcessDidNotSurviveNeverReturned() {
        let trace = SystemCallTrace("70 fsync(9</data/spool/ab/abcd.dcm>)  = ?\n70 +++ killed by SIGKILL +++")
        #expect(trace.calls.map(\.returned) == [.max])
    }

    @Test func theOrdinalCountsCallsOfTheNameInTheThread() throws {
        let trace = SystemCallTrace([Self.create, Self.file, Self.database, Self.folder].joined(separator: "\n"))
        #expect(trace.ordinal(of: try #require(trace.calls.last)) == 2)
    }
}
