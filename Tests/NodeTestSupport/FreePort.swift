import Glibc

/// A TCP port of the loopback interface that nobody listened on a moment ago. For peers that cannot choose one themselves;
/// the node takes port 0 and says which it got.
package func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw TestSupportError("no socket: errno \(errno)") }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
            bind(descriptor, general, size) == 0 ? getsockname(descriptor, general, &size) : -1
        }
    }
    guard status == 0 else { throw TestSupportError("no free port: errno \(errno)") }
    return Int(UInt16(bigEndian: address.sin_port))
}
