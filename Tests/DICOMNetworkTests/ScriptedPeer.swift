import DICOMCore
import Glibc
import NodeTestSupport

@testable import DICOMNetwork

/// A peer that sends the bytes that a test wants, right or wrong. It blocks: use it in `onThread`.
struct ScriptedPeer: ~Copyable {
    let descriptor: Int32

    /// - Parameter host: the last number of the address of the loopback interface that the connection comes from.
    init(port: UInt16, from host: UInt8 = 1) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        func with(_ host: UInt8, _ port: UInt16, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = (UInt32(0x7F00_0000) + UInt32(host)).bigEndian
            return withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    call($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        let socket = descriptor
        guard with(host, 0, { bind(socket, $0, $1) }) == 0, with(1, port, { connect(socket, $0, $1) }) == 0 else {
            throw TestSupportError("no connection: errno \(errno)")
        }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// Another descriptor of the same connection, which stays open when this value goes.
    func duplicate() -> Int32 { dup(descriptor) }

    /// Releases the association, and keeps the connection open until here.
    func release() throws {
        try send([5, 0, 0, 0, 0, 4, 0, 0, 0, 0])
        guard try receivePDU().first == 6 else { throw TestSupportError("no A-RELEASE-RP") }
    }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.send(descriptor, buffer.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw TestSupportError("the node does not take what is sent: errno \(errno)") }
            sent += count
        }
    }

    /// Exactly so many bytes, fewer when the node closes before.
    func receive(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var buffer = [UInt8](repeating: 0, count: count - bytes.count)
            let got = recv(descriptor, &buffer, buffer.count, 0)
            if got == 0 || (got < 0 && errno == ECONNRESET) { return bytes }
            guard got > 0 else { throw TestSupportError("nothing came from the node: errno \(errno)") }
            bytes += buffer[..<got]
        }
        return bytes
    }

    /// The next PDU with its header; empty when the node has closed.
    func receivePDU() throws -> [UInt8] {
        let header = try receive(6)
        guard header.count == 6 else { return header }
        return header + (try receive(header[2...5].reduce(0) { $0 << 8 | Int($1) }))
    }

    /// Asks for an association with Verification (1) and CT Image Storage (3), and reads the answer.
    func associate() throws {
        try send(AssociateRequestBytes().encoded)
        let answer = try receivePDU()
        guard answer.first == 2 else { throw TestSupportError("no A-ASSOCIATE-AC but \(answer.prefix(10))") }
    }

    /// A P-DATA-TF with one presentation data value.
    static func pData(context: UInt8, command: Bool, last: Bool, _ bytes: [UInt8]) -> [UInt8] {
        let control: UInt8 = (command ? 1 : 0) | (last ? 2 : 0)
        return [4, 0] + bigEndian(bytes.count + 6) + bigEndian(bytes.count + 2) + [context, control] + bytes
    }

    static func bigEndian(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }

    /// A C-STORE-RQ command set.
    static func cStore(
        instance: String = "2.25.99", sopClass: String = TestInstance.ctImageStorage, hasDataSet: Bool = true
    ) -> [UInt8] {
        func element(_ number: UInt8, _ group: UInt8, _ value: [UInt8]) -> [UInt8] {
            [0, 0, number, group, UInt8(value.count), 0, 0, 0] + value
        }
        func padded(_ text: String) -> [UInt8] { Array(text.utf8) + (text.utf8.count % 2 == 0 ? [] : [0]) }
        return element(0x02, 0, padded(sopClass)) + element(0x00, 1, [1, 0]) + element(0x10, 1, [7, 0])
            + element(0x00, 7, [0, 0]) + element(0x00, 8, hasDataSet ? [0, 0] : [1, 1])
            + element(0x00, 0x10, padded(instance))
    }
}

/// An A-ASSOCIATE-RQ, right unless a test changes something.
struct AssociateRequestBytes {
    var protocolVersion: [UInt8] = [0, 1]
    var called = "OVERREAD"
    var calling = "PEER"
    var applicationContext = AssociateRequestPDU.dicomApplicationContextName
    var contexts: [(id: UInt8, abstract: String, transfer: [String])] = [
        (1, SOPClassUID.verification, ["1.2.840.10008.1.2"]),
        (3, TestInstance.ctImageStorage, ["1.2.840.10008.1.2.1"]),
    ]
    var userInformation: [UInt8] = [0x51, 0, 0, 4, 0, 0, 0x40, 0]

    static func item(_ type: UInt8, _ value: [UInt8]) -> [UInt8] {
        [type, 0, UInt8(value.count >> 8), UInt8(value.count & 0xFF)] + value
    }

    var encoded: [UInt8] {
        func title(_ text: String) -> [UInt8] {
            Array(text.utf8) + [UInt8](repeating: 0x20, count: 16 - text.utf8.count)
        }
        var body = protocolVersion + [0, 0] + title(called) + title(calling) + [UInt8](repeating: 0, count: 32)
        body += AssociateRequestBytes.item(0x10, Array(applicationContext.utf8))
        for context in contexts {
            var value: [UInt8] = [context.id, 0, 0, 0]
            value += AssociateRequestBytes.item(0x30, Array(context.abstract.utf8))
            for syntax in context.transfer { value += AssociateRequestBytes.item(0x40, Array(syntax.utf8)) }
            body += AssociateRequestBytes.item(0x20, value)
        }
        body += AssociateRequestBytes.item(0x50, userInformation)
        return [1, 0] + ScriptedPeer.bigEndian(body.count) + body
    }
}
