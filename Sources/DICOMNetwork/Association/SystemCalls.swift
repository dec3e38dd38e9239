import CDispatch  // the module that Swift counts pthread_attr_t to once Foundation is in the target
import Glibc

/// A system call that failed.
package struct SystemError: Error, Equatable, CustomStringConvertible {
    /// Which one.
    package let call: String
    /// errno.
    package let number: Int32

    /// The last error of this thread.
    static func last(_ call: String) -> SystemError { SystemError(call: call, number: errno) }

    /// The system's words.
    package var description: String { "\(call): \(String(cString: strerror(number)))" }
}

/// Threads of our own: blocking calls never run on Swift's cooperative pool.
enum SystemThread {
    /// Starts a thread, which can be joined.
    ///
    /// - Parameters:
    ///   - name: as `top -H` and debuggers show it, cut to 15 bytes by the system.
    ///   - stackSize: address space; memory is taken only as it is used.
    static func start(name: String, stackSize: Int, _ run: @escaping @Sendable () -> Void) throws(SystemError)
        -> pthread_t
    {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, stackSize)
        var thread: pthread_t = 0
        let body = Unmanaged.passRetained(ThreadBody(name: name, run: run))
        let result = pthread_create(&thread, &attributes, runThread, body.toOpaque())
        guard result == 0 else {
            body.release()
            throw SystemError(call: "pthread_create", number: result)
        }
        return thread
    }
}

/// What a new thread is given: its name, and what it does.
private final class ThreadBody: Sendable {
    let name: String
    let run: @Sendable () -> Void

    init(name: String, run: @escaping @Sendable () -> Void) {
        self.name = name
        self.run = run
    }

    /// pthread_setname_np is a GNU extension that Glibc's module does not show; this is what it does.
    func nameThisThread() {
        let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = write(descriptor, name, name.utf8.count)
        close(descriptor)
    }
}

private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    let body = Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue()
    body.nameThisThread()
    body.run()
    return nil
}

/// IPv4 sockets, as much of them as the listener needs.
enum StreamSocket {
    /// What one read or write came to.
    enum Transfer: Equatable {
        case bytes(Int)
        /// Not now.
        case wouldBlock
        /// The peer has closed, or the connection is broken.
        case ended
    }

    /// A socket that listens, without blocking. SO_REUSEADDR is set: it lets a restarted node have its port again, and does
    /// not let two listeners share one.
    static func listening(host: String, port: UInt16, backlog: Int32) throws(SystemError) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else {
            throw SystemError(call: "inet_pton", number: EINVAL)
        }
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_INET, type, 0)
        guard descriptor >= 0 else { throw .last("socket") }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        let bound = withGenericAddress(&address) { bind(descriptor, $0, $1) }
        guard bound == 0, listen(descriptor, backlog) == 0 else {
            let error = SystemError.last(bound == 0 ? "listen" : "bind")
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// The port that a socket is bound to.
    static func port(of descriptor: Int32) -> UInt16 {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withGenericAddress(&address) { pointer, _ in getsockname(descriptor, pointer, &length) }
        return UInt16(bigEndian: address.sin_port)
    }

    /// The next connection; nil when there is none.
    static func accept(_ listener: Int32) throws(SystemError) -> (descriptor: Int32, peer: PeerAddress)? {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = withGenericAddress(&address) { pointer, _ in Glibc.accept(listener, pointer, &length) }
        guard descriptor >= 0 else {
            switch errno {
            case EAGAIN, EINTR, ECONNABORTED, EPROTO: return nil
            default: throw .last("accept")
            }
        }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, socklen_t(MemoryLayout<Int32>.size))
        let ipv4 = UInt32(bigEndian: address.sin_addr.s_addr)
        let host = (0..<4).map { String(ipv4 >> (24 - 8 * $0) & 0xFF) }.joined(separator: ".")
        return (descriptor, PeerAddress(host: host, port: UInt16(bigEndian: address.sin_port)))
    }

    /// Reads what is there, without waiting.
    static func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        let count = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
        if count > 0 { return .bytes(count) }
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? .wouldBlock : .ended
    }

    /// What the next byte is.
    enum Peek: Equatable {
        case byte(UInt8)
        case wouldBlock
        case ended
    }

    /// The next byte, which stays.
    static func peek(_ descriptor: Int32) -> Peek {
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK))
        if count > 0 { return .byte(byte) }
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? .wouldBlock : .ended
    }

    /// Writes a few bytes, without waiting: the send buffer of a new connection has room for them.
    static func write(_ descriptor: Int32, _ bytes: [UInt8]) {
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
    }

    /// The two ends of a pipe, which children do not inherit.
    static func pipe() throws(SystemError) -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else { throw .last("pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func withGenericAddress<Result>(
        _ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
