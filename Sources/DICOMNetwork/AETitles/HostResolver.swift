import Dispatch
import Foundation
import Synchronization

/// Finds the addresses of host names, so that no association waits for a name server: names are resolved when
/// AETitles.conf is read.
package struct HostResolver: Sendable {
    /// Answers the IPv4 addresses of each name that could be resolved in time. Names without an answer are left out.
    package let resolve: @Sendable (_ names: [String]) -> [String: [String]]

    package init(resolve: @escaping @Sendable (_ names: [String]) -> [String: [String]]) {
        self.resolve = resolve
    }

    /// The system's resolver. All names are asked for at once and get `seconds` together; a lookup that takes longer is
    /// given up, and its thread ends when the system's resolver returns. Blocks the caller: not for Swift's cooperative pool.
    package static func system(seconds: Double = 5) -> HostResolver {
        concurrent(seconds: seconds, lookUp: lookUp)
    }

    /// The same over another way to look one name up.
    static func concurrent(seconds: Double, lookUp: @escaping @Sendable (String) -> [String]) -> HostResolver {
        HostResolver { names in
            let found = Answers()
            for name in names {
                found.begin()
                let thread = Thread { found.add(name, lookUp(name)) }
                thread.name = "overread-resolver"
                thread.start()
            }
            return found.wait(seconds: seconds)
        }
    }

    private static func lookUp(_ name: String) -> [String] {
        var hints = addrinfo()
        hints.ai_family = AF_INET
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var addresses: [String] = []
        var next = list
        while let entry = next {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let info = entry.pointee
            if getnameinfo(info.ai_addr, info.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 {
                let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                if !addresses.contains(address) { addresses.append(address) }
            }
            next = info.ai_next
        }
        return addresses
    }
}

/// Answers of several lookups, as they come.
private final class Answers: Sendable {
    private let answers = Mutex<[String: [String]]>([:])
    private let lookups = DispatchGroup()

    /// One more lookup has begun; each is ended by ``add(_:_:)``.
    func begin() { lookups.enter() }

    func add(_ name: String, _ addresses: [String]) {
        if !addresses.isEmpty { answers.withLock { $0[name] = addresses } }
        lookups.leave()
    }

    /// What has come when all lookups have ended, or after so many seconds.
    func wait(seconds: Double) -> [String: [String]] {
        _ = lookups.wait(timeout: .now() + seconds)
        return answers.withLock { $0 }
    }
}
