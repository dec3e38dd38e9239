import Foundation
import Glibc
import Logging
import StudyQueue

/// Takes commands at the data folder's socket, and SIGHUP, on a thread of its own: one command after the other.
///
/// Whoever connects has so long to send one line; a client that says nothing, or too much, costs a descriptor until then
/// and keeps nobody waiting. Nothing that a client sends is repeated in an answer or the log.
final class CommandServer: Sendable {
    /// What a client may cost.
    struct Limits {
        /// For a whole request, from the connection on, and again for taking the answer.
        var patience = 2.0
        /// Bytes of a request.
        var requestBytes = 64 << 10
        /// Clients at once; the oldest goes when one more comes.
        var clients = 32
    }

    private let lock: DataFolderLock
    private let permitted: Set<uid_t>
    private let limits: Limits
    private let logger: Logger
    private let perform: @Sendable (NodeCommand, OperatorID?) -> CommandAnswer
    /// -1 where there is no socket.
    private let listener: Int32
    /// A byte in this pipe wakes the thread: a SIGHUP, or the stop.
    private let wake: (reading: Int32, writing: Int32)
    private static let reloadByte = UInt8(ascii: "r")
    private static let stopByte = UInt8(ascii: "s")

    /// Listens; commands wait in the kernel until ``run()``. A node whose socket cannot be made receives all the same, and
    /// says in its log what is the matter.
    ///
    /// - Parameter perform: called on the server's thread; nil is SIGHUP's user.
    init(
        holding lock: DataFolderLock, permitted: Set<uid_t> = [geteuid(), 0], limits: Limits = Limits(),
        logger: Logger, perform: @escaping @Sendable (NodeCommand, OperatorID?) -> CommandAnswer
    ) throws {
        self.lock = lock
        self.permitted = permitted
        self.limits = limits
        self.logger = logger
        self.perform = perform
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw SpoolError(call: "pipe", code: errno) }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        wake = (ends[0], ends[1])
        do {
            listener = try CommandSocket.listening(holding: lock)
        } catch {
            listener = -1
            logger.error("no commands are taken while the node runs", metadata: ["error": "\(error)"])
        }
    }

    deinit {
        close(wake.reading)
        close(wake.writing)
        if listener >= 0 { close(listener) }
    }

    /// Reads AETitles.conf again, soon. Any thread may ask; it does not wait.
    func requestReload() { send(Self.reloadByte) }

    /// Ends ``run()``. A command in progress is finished.
    func stop() { send(Self.stopByte) }

    private func send(_ byte: UInt8) { _ = withUnsafePointer(to: byte) { write(wake.writing, $0, 1) } }

    /// Works until the stop, and takes the socket away then.
    @available(*, noasync, message: "blocks: call it from a thread")
    func run() {
        var clients: [Client] = []
        while true {
            var descriptors = ([wake.reading, listener] + clients.map(\.descriptor)).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            let wait = clients.map(\.deadline).min().map { max(0, $0.timeIntervalSinceNow) * 1000 + 1 } ?? -1
            if poll(&descriptors, nfds_t(descriptors.count), Int32(wait)) < 0, errno != EINTR { usleep(50_000) }
            if descriptors[0].revents != 0, !takeWakeBytes() { break }
            clients = serve(clients, ready: descriptors.dropFirst(2).map { $0.revents != 0 })
            if descriptors[1].revents != 0 { accept(into: &clients) }
        }
        for client in clients { close(client.descriptor) }
        if listener >= 0 { CommandSocket.remove(holding: lock) }
    }

    /// False when the server is to stop.
    private func takeWakeBytes() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(wake.reading, &bytes, bytes.count)
        let taken = bytes.prefix(max(0, count))
        if taken.contains(Self.stopByte) { return false }
        // Several signals at once are one.
        if taken.contains(Self.reloadByte) { _ = perform(.reload, nil) }
        return true
    }

    // MARK: Clients

    /// A connection whose request is not whole yet.
    private struct Client {
        let descriptor: Int32
        let uid: uid_t
        let deadline: Date
        var bytes: [UInt8] = []
    }

    private func accept(into clients: inout [Client]) {
        do {
            while let (descriptor, uid) = try CommandSocket.accept(listener) {
                guard permitted.contains(uid) else {
                    logger.warning("a command of another user refused", metadata: ["uid": "\(uid)"])
                    end(descriptor, .refused("\(CommandError.otherUser)"))
                    continue
                }
                if clients.count >= limits.clients { close(clients.removeFirst().descriptor) }
                clients.append(
                    Client(
                        descriptor: descriptor, uid: uid, deadline: Date(timeIntervalSinceNow: limits.patience)))
            }
        } catch {
            // No descriptor is free: the connection stays, and is asked for again.
            usleep(50_000)
        }
    }

    /// Reads what is there, answers whole requests, and returns the clients that are still to be read.
    private func serve(_ clients: [Client], ready: [Bool]) -> [Client] {
        var left: [Client] = []
        for (var client, isReady) in zip(clients, ready) {
            var outcome = isReady ? receive(&client) : .more
            if outcome == .more, client.deadline <= Date() { outcome = .failed(.tooSlow) }
            switch outcome {
            case .more: left.append(client)
            case .gone: close(client.descriptor)
            case .failed(let error): end(client.descriptor, .refused("\(error)"))
            case .line(let line): end(client.descriptor, answer(line, of: client.uid))
            }
        }
        return left
    }

    private enum Reception: Equatable {
        case more
        case gone
        case line([UInt8])
        case failed(CommandError)
    }

    private func receive(_ client: inout Client) -> Reception {
        var buffer = [UInt8](repeating: 0, count: 8 << 10)
        while true {
            let count = recv(client.descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count < 0 { return errno == EAGAIN || errno == EINTR ? .more : .gone }
            if count == 0 { return .gone }
            if let newline = buffer[..<count].firstIndex(of: UInt8(ascii: "\n")) {
                return .line(client.bytes + buffer[..<newline])
            }
            client.bytes += buffer[..<count]
            if client.bytes.count > limits.requestBytes { return .failed(.tooLong) }
        }
    }

    private func answer(_ line: [UInt8], of uid: uid_t) -> CommandAnswer {
        do {
            guard let request = try? JSONDecoder().decode(CommandRequest.self, from: Data(line)) else {
                throw CommandError.notUnderstood
            }
            return perform(try request.nodeCommand(), OperatorID(uid: uid))
        } catch {
            return .refused("\(error)")
        }
    }

    /// Answers, and hangs up. Who does not take the answer in time loses it.
    private func end(_ descriptor: Int32, _ answer: CommandAnswer) {
        defer { close(descriptor) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard var rest = (try? encoder.encode(answer)).map({ [UInt8]($0) + [UInt8(ascii: "\n")] })?[...] else { return }
        let deadline = Date(timeIntervalSinceNow: limits.patience)
        while !rest.isEmpty, Date() < deadline {
            let sent = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
            }
            if sent > 0 { rest = rest.dropFirst(sent) }
            if sent < 0 {
                guard errno == EAGAIN || errno == EINTR else { return }
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&ready, 1, 50)
            }
        }
    }
}
