import Foundation
import Glibc

/// One command over the socket of a running node.
enum CommandClient {
    /// For an answer: a reload may wait some seconds for a name server.
    private static let patience = 60.0
    private static let answerBytes = 4 << 20

    /// The node's answer; nil when no node listens there.
    @available(*, noasync, message: "blocks: call it from a thread")
    static func send(_ command: NodeCommand, to folder: String) throws -> CommandAnswer? {
        let connection: Int32?
        do throws(CommandSocket.Failure) {
            connection = try CommandSocket.connection(to: folder)
        } catch {
            if case .system(_, EACCES) = error { throw CommandError.otherUser }
            throw error
        }
        guard let descriptor = connection else { return nil }
        defer { close(descriptor) }
        let line = try [UInt8](JSONEncoder().encode(CommandRequest(command))) + [UInt8(ascii: "\n")]
        // A request fits into the buffer of a new connection. Who refuses it may hang up before it is written.
        _ = Glibc.send(descriptor, line, line.count, Int32(MSG_NOSIGNAL))
        guard let answer = receive(descriptor) else { throw CommandError.noAnswer }
        guard let decoded = try? JSONDecoder().decode(CommandAnswer.self, from: Data(answer)) else {
            throw CommandError.otherVersion
        }
        return decoded
    }

    /// The line that comes; nil when none comes.
    private static func receive(_ descriptor: Int32) -> [UInt8]? {
        let deadline = Date(timeIntervalSinceNow: patience)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= answerBytes, Date() < deadline {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                bytes += buffer[..<count]
                if bytes.last == UInt8(ascii: "\n") { return bytes }
            } else if count < 0, errno == EAGAIN || errno == EINTR {
                var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                poll(&ready, 1, 100)
            } else {
                return nil
            }
        }
        return nil
    }
}
