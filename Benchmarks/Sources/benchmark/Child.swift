import Foundation

/// A child process whose output goes to a file.
final class Child {
    let process = Process()
    let output: URL

    init(_ command: [String], folder: URL, name: String, environment: [String: String] = [:]) throws {
        output = folder.appending(path: "\(name).out")
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.currentDirectoryURL = folder
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let handle = try FileHandle(forWritingTo: output)
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
    }

    /// Runs to the end and returns the seconds it took.
    static func run(_ command: [String], folder: URL, name: String) throws -> Double {
        try runTogether([command], folder: folder, name: name)
    }

    /// Runs several at the same time, and returns the seconds until the last has ended.
    static func runTogether(_ commands: [[String]], folder: URL, name: String) throws -> Double {
        let begin = Date()
        let children = try commands.enumerated().map { number, command in
            try Child(command, folder: folder, name: number == 0 ? name : "\(name)-\(number)")
        }
        for child in children { child.waitForEnd() }
        let seconds = Date().timeIntervalSince(begin)
        for (child, command) in zip(children, commands) {
            child.process.waitUntilExit()
            guard child.process.terminationStatus == 0 else {
                throw BenchmarkError(
                    "\(command[0]) failed: \((try? String(contentsOf: child.output, encoding: .utf8)) ?? "")")
            }
        }
        return seconds
    }

    /// waitUntilExit looks every 50 ms. This leaves the child to be reaped by it.
    private func waitForEnd() {
        var information = siginfo_t()
        while waitid(P_PID, id_t(process.processIdentifier), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    /// Peak resident memory so far, in MB.
    var peakMemory: Double { status("VmHWM").map { Double($0) / 1024 } ?? .nan }

    /// Seconds of processor time so far.
    var processorTime: Double {
        let path = "/proc/\(process.processIdentifier)/stat"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8), let end = text.lastIndex(of: ")") else {
            return .nan
        }
        // Fields 14 and 15 of proc(5), counted behind the name.
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[11]), let system = Double(fields[12]) else { return .nan }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private func status(_ key: String) -> Int? {
        let path = "/proc/\(process.processIdentifier)/status"
        let lines = (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n") ?? []
        return lines.first { $0.hasPrefix(key + ":") }.flatMap { Int($0.filter(\.isNumber)) }
    }
}

/// Polls a condition every few milliseconds.
func wait(seconds: Double, for what: String, until condition: () throws -> Bool) throws {
    let end = Date(timeIntervalSinceNow: seconds)
    while try !condition() {
        guard Date() < end else { throw BenchmarkError("no \(what) within \(Int(seconds)) s") }
        usleep(5_000)
    }
}

/// A port that nobody listens at now.
func freePort() -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            _ = bind(descriptor, $0, length)
            getsockname(descriptor, $0, &length)
        }
    }
    return UInt16(bigEndian: address.sin_port)
}
