import Glibc

/// A TCP port of the loopback interface that nobody listened on a moment ago. For peers that cannot choose one themselves;
/// the node takes port 0 and says which it got.
///
/// Below the range from which the system gives ports to connections (32768 and up): among thousands of those, of
/// hostile peers say, a port of theirs would often be taken before it is used.
package func freePort() throws -> Int {
    for _ in 0..<100 {
        let port = UInt16.random(in: 15_000..<32_000)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw TestSupportError("no socket: errno \(errno)") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if status == 0 { return Int(port) }
    }
    throw TestSupportError("no free port: errno \(errno)")
}
