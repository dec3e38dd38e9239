import Glibc

/// The Unix socket of the data folder, as system calls.
///
/// Paths of sockets have 107 bytes at most, those of data folders more: the socket is named through a descriptor of its
/// folder, which is short however deep the folder is.
enum CommandSocket {
    static let name = "node.sock"

    /// Why there is no socket.
    enum Failure: Error, CustomStringConvertible {
        /// Group or others may write in the folder, so that what is there need not be the node's.
        case openToOthers(String)
        /// Something else has the socket's name.
        case notASocket(String)
        /// A system call failed.
        case system(call: String, number: Int32)

        var description: String {
            switch self {
            case .openToOthers(let path): "others may write in \(path): run chmod 700 on it"
            case .notASocket(let path): "\(path)/\(CommandSocket.name) is no socket: move it away"
            case .system(let call, let number): "\(call): \(String(cString: strerror(number)))"
            }
        }

        static func last(_ call: String) -> Failure { .system(call: call, number: errno) }
    }

    /// The listening socket, mode 0600 from its first moment. What a crash left of the name is replaced, which only the
    /// holder of the folder's lock may do.
    static func listening(holding lock: DataFolderLock) throws(Failure) -> Int32 {
        let folder = open(lock.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw .last("open") }
        defer { close(folder) }
        var status = stat()
        guard fstat(folder, &status) == 0 else { throw .last("fstat") }
        guard status.st_mode & 0o022 == 0 else { throw .openToOthers(lock.folder) }
        if fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 {
            guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(lock.folder) }
            unlinkat(folder, name, 0)
        }
        let descriptor = try stream()
        // The mode of the socket becomes that of its name: no moment at which others could connect.
        guard fchmod(descriptor, 0o600) == 0,
            withAddress(of: folder, { bind(descriptor, $0, $1) }) == 0, listen(descriptor, 16) == 0
        else {
            let failure = Failure.last("bind")
            close(descriptor)
            throw failure
        }
        return descriptor
    }

    /// Takes the name away. The holder of the lock may.
    static func remove(holding lock: DataFolderLock) { unlink("\(lock.folder)/\(name)") }

    /// A connection to the node of a folder; nil when nobody listens there.
    static func connection(to folder: String) throws(Failure) -> Int32? {
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw .last("open") }
        defer { close(directory) }
        let descriptor = try stream()
        for _ in 0..<100 {
            if withAddress(of: directory, { connect(descriptor, $0, $1) }) == 0 { return descriptor }
            // As many wait as may.
            guard errno == EAGAIN else { break }
            usleep(20_000)
        }
        let number = errno
        close(descriptor)
        if number == ENOENT || number == ECONNREFUSED { return nil }
        throw .system(call: "connect", number: number)
    }

    /// The next connection and whose it is; nil when there is none.
    static func accept(_ listener: Int32) throws(Failure) -> (descriptor: Int32, uid: uid_t)? {
        let descriptor = Glibc.accept(listener, nil, nil)
        guard descriptor >= 0 else {
            if errno == EAGAIN || errno == EINTR || errno == ECONNABORTED { return nil }
            throw .last("accept")
        }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return (descriptor, peer(of: descriptor))
    }

    /// The user at the other end; nobody's number when the kernel does not say.
    private static func peer(of descriptor: Int32) -> uid_t {
        // struct ucred, which Glibc's module does not show: pid, uid, gid.
        var credentials: (pid_t, uid_t, gid_t) = (0, .max, .max)
        var length = socklen_t(MemoryLayout<(pid_t, uid_t, gid_t)>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 else { return .max }
        return credentials.1
    }

    private static func stream() throws(Failure) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw .last("socket") }
        return descriptor
    }

    private static func withAddress(
        of folder: Int32, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: "/proc/self/fd/\(folder)/\(name)".utf8) }
        return withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
