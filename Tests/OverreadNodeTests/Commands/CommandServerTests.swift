import Foundation
import Glibc
import NodeTestSupport
import StudyQueue
import Testing

@testable import OverreadNode

/// The socket of the data folder: who may command, and what a client cannot do to the node.
@Suite struct CommandServerTests {
    private static let identity = "CANARYDOE^JANE"

    @Test func aCommandComesWithTheUserAndItsAnswerGoesBack() throws {
        let fixture = try CommandFixture()
        let commands: [NodeCommand] = [
            .reload, .retry(study: "s-8q2v0m4k7d"), .retryParked(reason: "model-failed", after: 12),
            .park(study: "s-1", note: OperatorNote("TICKET-1")), .release(study: "s-2"), .hold(source: "CT_1"),
            .hold(source: nil), .lift(source: "*"),
        ]
        for command in commands {
            let answer = try #require(try CommandClient.send(command, to: fixture.configuration.dataFolder))
            #expect(answer == .done(["done"], changed: 1))
        }
        #expect(fixture.performed.all == commands)
        #expect(fixture.performed.uids == commands.map { _ in geteuid() })
    }

    @Test func aHangUpIsAReloadOfNobody() async throws {
        let fixture = try CommandFixture()
        fixture.server.requestReload()
        try await eventually("it is reloaded") { fixture.performed.all == [.reload] }
        #expect(fixture.performed.uids == [nil])
    }

    /// sun_path has 108 bytes.
    @Test func aDeepDataFolderHasASocketToo() throws {
        let fixture = try CommandFixture(depth: 8)
        #expect(fixture.socket.utf8.count > 300)
        #expect(try CommandClient.send(.reload, to: fixture.configuration.dataFolder)?.ok == true)
        #expect(FileManager.default.fileExists(atPath: fixture.socket))
    }

    @Test func silentClientsKeepNobodyWaiting() throws {
        let fixture = try CommandFixture()
        let silent = try (0..<20).map { _ in try fixture.raw() }
        let half = try fixture.raw()
        half.send(Array("{\"version\":1,".utf8))
        #expect(try CommandClient.send(.reload, to: fixture.configuration.dataFolder)?.ok == true)
        // And one that goes on after the others is answered too.
        half.send(Array("\"command\":\"reload\"}\n".utf8))
        #expect(half.everything()?.contains("\"ok\":true") == true)
        #expect(fixture.performed.all == [.reload, .reload])
        withExtendedLifetime(silent) {}
    }

    @Test func aClientThatTakesTooLongIsToldSoAndCutOff() throws {
        let fixture = try CommandFixture(patience: 0.2)
        let client = try fixture.raw()
        client.send(Array("{\"version\":1,\"study\":\"\(Self.identity)".utf8))
        let answer = try #require(client.everything())
        #expect(answer.contains(CommandError.tooSlow.rawValue) && !answer.contains(Self.identity))
        #expect(fixture.performed.all.isEmpty)
    }

    @Test(arguments: [
        "\n", "garbage \(identity)\n", "[]\n", "{}\n", "{\"version\":\"1\",\"command\":\"reload\"}\n",
        "{\"version\":1,\"command\":\"\(identity)\"}\n", "{\"version\":2,\"command\":\"reload\"}\n",
        "{\"version\":1,\"command\":\"retry\"}\n", "{\"version\":1,\"command\":\"retry\",\"study\":\"\(identity)\"}\n",
        "{\"version\":1,\"command\":\"retry\",\"study\":7}\n",
        "{\"version\":1,\"command\":\"park\",\"study\":\"s-1\",\"note\":\"\(identity) has a broken arm\"}\n",
        "{\"version\":1,\"command\":\"hold\",\"source\":\"\(identity) of a very long name\"}\n",
        "{\"version\":1,\"command\":\"retry-parked\",\"reason\":\"\(identity)\"}\n",
        "{\"version\":1,\"command\":\"retry\",\"study\":\"s-1' OR ''='\"}\n", "\u{0}\u{FF}\n", "GET / HTTP/1.1\r\n\r\n",
    ])
    func whatIsNoCommandIsRefusedAndNotRepeated(_ line: String) throws {
        let fixture = try CommandFixture()
        let client = try fixture.raw()
        client.send(Array(line.utf8))
        let answer = try #require(client.everything())
        #expect(answer.contains("\"ok\":false"), "\(answer)")
        #expect(!answer.contains("CANARY") && !answer.contains("OR "))
        #expect(fixture.performed.all.isEmpty)
        #expect(try CommandClient.send(.reload, to: fixture.configuration.dataFolder)?.ok == true)
    }

    @Test func whatIsTooLongIsNotReadToItsEnd() throws {
        let fixture = try CommandFixture()
        let client = try fixture.raw()
        client.send([UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20))
        #expect(client.everything()?.contains(CommandError.tooLong.rawValue) == true)
        let nested = try fixture.raw()
        nested.send(Array((String(repeating: "[", count: 60_000) + "\n").utf8))
        #expect(nested.everything()?.contains("\"ok\":false") == true)
        #expect(try CommandClient.send(.reload, to: fixture.configuration.dataFolder)?.ok == true)
    }

    @Test func clientsThatHangUpOrAreTooManyCostNothing() throws {
        let fixture = try CommandFixture()
        for _ in 0..<50 { try fixture.raw().send(Array("{\"version\"".utf8)) }
        let many = try (0..<40).map { _ in try fixture.raw() }
        #expect(try CommandClient.send(.reload, to: fixture.configuration.dataFolder)?.ok == true)
        // The oldest gave way.
        #expect(many.first?.everything() == "")
    }

    @Test func whoDoesNotTakeTheAnswerLosesIt() throws {
        let fixture = try CommandFixture(patience: 0.2)
        fixture.performed.answer(with: .done([String](repeating: String(repeating: "x", count: 1000), count: 4000)))
        let client = try fixture.raw()
        client.send(Array("{\"version\":1,\"command\":\"reload\"}\n".utf8))
        #expect(fixture.performed.isReached())
        fixture.performed.answer(with: .done([]))
        #expect(try CommandClient.send(.reload, to: fixture.configuration.dataFolder)?.ok == true)
    }

    // MARK: The file

    @Test func theSocketIsTheUsersOwnAndGoesWithTheServer() throws {
        let fixture = try CommandFixture()
        var status = stat()
        #expect(lstat(fixture.socket, &status) == 0)
        #expect(status.st_mode == S_IFSOCK | 0o600)
        #expect(fixture.stop())
        #expect(lstat(fixture.socket, &status) != 0)
        #expect(try CommandClient.send(.reload, to: fixture.configuration.dataFolder) == nil)
    }

    @Test func aSocketThatACrashLeftIsReplaced() throws {
        let fixture = try CommandFixture { data in
            let listen = "IO::Socket::UNIX->new(Local => '\(data)/\(CommandSocket.name)', Listen => 1) or die"
            let child = Process()
            child.executableURL = URL(filePath: "/usr/bin/perl")
            child.arguments = ["-MIO::Socket::UNIX", "-e", listen]
            try child.run()
            child.waitUntilExit()
            #expect(child.terminationStatus == 0)
            #expect(try CommandClient.send(.reload, to: data) == nil, "nobody listens there")
        }
        #expect(try CommandClient.send(.reload, to: fixture.configuration.dataFolder)?.ok == true)
    }

    @Test(arguments: ["file", "link", "open"])
    func whereTheSocketCannotBeTheNodesThereIsNoneAndNothingIsTakenAway(_ what: String) throws {
        let fixture = try CommandFixture { data in
            let path = "\(data)/\(CommandSocket.name)"
            switch what {
            case "file": try Data("mine".utf8).write(to: URL(filePath: path))
            case "link": symlink("\(data)/elsewhere", path)
            default: chmod(data, 0o777)
            }
        }
        var status = stat()
        let isThere = lstat(fixture.socket, &status) == 0
        #expect(isThere == (what != "open"))
        #expect(!isThere || status.st_mode & S_IFMT != S_IFSOCK)
        #expect(lstat("\(fixture.configuration.dataFolder)/elsewhere", &status) != 0)
        // SIGHUP works all the same.
        fixture.server.requestReload()
        #expect(fixture.performed.isReached())
    }

    // MARK: Who

    @Test func anotherUserIsRefused() throws {
        let fixture = try CommandFixture(permitted: [])
        #expect(
            try CommandClient.send(.reload, to: fixture.configuration.dataFolder)
                == .refused(CommandError.otherUser.rawValue))
        #expect(fixture.performed.all.isEmpty)
    }

    @Test(.enabled(if: geteuid() == 0, "needs root, to become another user"))
    func theKernelSaysWhoItIsWhateverTheModeOfTheSocket() async throws {
        let fixture = try CommandFixture()
        let script =
            "$SIG{PIPE} = 'IGNORE'; my $s = IO::Socket::UNIX->new(Peer => '\(fixture.socket)') or die qq($!\n); "
            + #"print $s qq({"version":1,"command":"reload"}\n); $s->flush; print <$s>"#
        let nobody = [
            "--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/perl", "-MIO::Socket::UNIX", "-e",
            script,
        ]
        let data = URL(filePath: fixture.configuration.dataFolder)
        for folder in [data, data.deletingLastPathComponent()] { chmod(folder.path, 0o755) }
        let refusedByMode = try await run("/usr/bin/setpriv", nobody)
        #expect(refusedByMode.errors.contains("Permission denied"), "\(refusedByMode.everything)")
        chmod(fixture.socket, 0o666)
        let refusedByNode = try await run("/usr/bin/setpriv", nobody)
        #expect(refusedByNode.output.contains(CommandError.otherUser.rawValue), "\(refusedByNode.everything)")
        #expect(fixture.performed.all.isEmpty)
    }

    @Test func oneProcessHoldsADataFolder() throws {
        let fixture = try CommandFixture()
        let error = #expect(throws: NodeError.self) { try DataFolderLock(fixture.configuration, waiting: 0.1) }
        #expect("\(try #require(error))".hasPrefix("another node is running on \(fixture.configuration.dataFolder)"))
    }
}
