import Foundation
import Glibc
import Logging
import NodeTestSupport
import StudyQueue
import Synchronization
import Testing

@testable import OverreadNode

/// A data folder with a command server on it, and what the server was told to do.
final class CommandFixture: Sendable {
    let configuration: NodeConfiguration
    let server: CommandServer
    let performed = Performed()
    private let folder: TemporaryFolder
    private let lock: DataFolderLock
    private let thread = Mutex<WorkerThread?>(nil)

    /// Commands in their order, and the answer to each.
    final class Performed: Sendable {
        private let commands = Mutex<[NodeCommand]>([])
        private let answer = Mutex(CommandAnswer.done(["done"], changed: 1))
        private let people = Mutex<[UInt32?]>([])
        var all: [NodeCommand] { commands.withLock { $0 } }
        var uids: [UInt32?] { people.withLock { $0 } }
        /// Whether a command comes within a minute.
        func isReached() -> Bool {
            let deadline = Date(timeIntervalSinceNow: 60)
            while all.isEmpty, Date() < deadline { usleep(1000) }
            return !all.isEmpty
        }
        func answer(with other: CommandAnswer) { answer.withLock { $0 = other } }
        func perform(_ command: NodeCommand, by person: OperatorID?) -> CommandAnswer {
            commands.withLock { $0.append(command) }
            people.withLock { $0.append(person?.uid) }
            return answer.withLock { $0 }
        }
    }

    /// - Parameters:
    ///   - patience: a minute unless the test is about it: then nothing but the right behaviour ends it sooner.
    ///   - prepare: what is in the data folder before the server is made.
    init(
        depth: Int = 0, patience: Double = 60, permitted: Set<uid_t> = [geteuid(), 0],
        _ prepare: (String) throws -> Void = { _ in }
    ) throws {
        folder = try TemporaryFolder()
        let parts = ["data"] + [String](repeating: String(repeating: "d", count: 40), count: depth)
        let data = folder.path(parts.joined(separator: "/"))
        configuration = NodeConfiguration(flags: .init(data: data), environment: [:])
        lock = try DataFolderLock(configuration)
        try prepare(data)
        var limits = CommandServer.Limits()
        limits.patience = patience
        let performed = performed
        server = try CommandServer(
            holding: lock, permitted: permitted, limits: limits, logger: Logger(label: "test")
        ) { performed.perform($0, by: $1) }
        let server = server
        thread.withLock { $0 = WorkerThread("commands") { server.run() } }
    }

    deinit { server.stop() }

    var socket: String { "\(configuration.dataFolder)/\(CommandSocket.name)" }

    /// Stops the server and waits for its end.
    func stop() -> Bool {
        server.stop()
        return thread.withLock { $0?.join(seconds: 60) ?? false }
    }

    /// Another client than the program's.
    func raw() throws -> RawClient {
        guard let descriptor = try CommandSocket.connection(to: configuration.dataFolder) else {
            throw TestSupportError("nobody listens at \(socket)")
        }
        return RawClient(descriptor: descriptor)
    }
}

/// A connection that sends what a test likes.
final class RawClient: Sendable {
    let descriptor: Int32
    init(descriptor: Int32) { self.descriptor = descriptor }
    deinit { close(descriptor) }

    /// Sends as much as is taken.
    func send(_ bytes: some Collection<UInt8>) {
        var rest = Array(bytes)[...]
        for _ in 0..<1000 where !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent > 0 { rest = rest.dropFirst(sent) } else if errno != EAGAIN { return } else { usleep(1000) }
        }
    }

    /// What comes until the other end hangs up; nil when it does not within a minute.
    func everything() -> String? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        let deadline = Date(timeIntervalSinceNow: 60)
        while Date() < deadline {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                bytes += buffer[..<count]
            } else if count < 0, errno == EAGAIN {
                usleep(1000)
            } else {
                return String(decoding: bytes, as: UTF8.self)
            }
        }
        return nil
    }
}
