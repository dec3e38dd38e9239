import Foundation

/// Whether this is `make soak`: the same tests, longer.
package enum Soak {
    /// Set by Scripts/soak.sh.
    package static let isOn = ProcessInfo.processInfo.environment["OVERREAD_SOAK"] == "1"
}

/// A memory cgroup of a test, where this user may make one (root, cgroup v1 or v2).
package final class MemoryGroup: Sendable {
    private let path: String

    /// Nil where it cannot be made.
    package init?(bytes: Int) {
        let top = "/sys/fs/cgroup"
        let isSecond = FileManager.default.fileExists(atPath: "\(top)/cgroup.controllers")
        path = "\(top)/\(isSecond ? "" : "memory/")overread-test-\(getpid())-\(UInt32.random(in: .min ... .max))"
        let limit = "\(path)/\(isSecond ? "memory.max" : "memory.limit_in_bytes")"
        guard mkdir(path, 0o700) == 0 else { return nil }
        guard (try? Data("\(bytes)".utf8).write(to: URL(filePath: limit))) != nil else {
            rmdir(path)
            return nil
        }
    }

    deinit { rmdir(path) }

    /// What to start a program under, so that it is in the group from its first instruction.
    package var wrapper: [String] { ["/bin/sh", "-c", "echo $$ > '\(path)/cgroup.procs' && exec \"$@\"", "sh"] }
}

extension ChildProcess {
    /// The most memory that the process had in use so far, in bytes (VmHWM). Nil when it has ended.
    package var memoryPeak: Int? {
        let status = try? String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }
}
