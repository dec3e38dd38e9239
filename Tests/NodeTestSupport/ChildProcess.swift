import Foundation
import Glibc
import Synchronization

/// How a child process ended.
package enum ProcessEnd: Equatable, Sendable {
    /// It called exit with this status.
    case exited(Int32)
    /// A signal ended it.
    case signalled(Int32)
}

/// A child process in a process group of its own, with its output in files, so that it never blocks on a full pipe and
/// what it had said is there however it ended. The group is killed when the value goes.
package final class ChildProcess: Sendable {
    /// What a test waits for longest when it names no time; generous, since a busy machine is not a failure.
    package static let patience: Duration = .seconds(60)

    /// The program's name, for messages.
    package let name: String
    /// Process identifier, and that of its group.
    package let identifier: pid_t
    private let folder: TemporaryFolder
    private let end = Mutex<ProcessEnd?>(nil)

    /// Starts `executable` (an absolute path) with `arguments`. The environment is this process's, with `environment` over
    /// it. Throws when it cannot be started.
    package init(_ executable: String, _ arguments: [String] = [], environment: [String: String] = [:]) throws {
        name = URL(filePath: executable).lastPathComponent
        folder = try TemporaryFolder()
        identifier = try ChildProcess.spawn(
            executable, arguments, environment, output: folder.path("output"), errors: folder.path("errors"))
    }

    deinit {
        guard end.withLock({ $0 == nil }) else { return }
        kill(-identifier, SIGKILL)
        var status: Int32 = 0
        waitpid(identifier, &status, 0)
    }

    private static func spawn(
        _ executable: String, _ arguments: [String], _ environment: [String: String], output: String, errors: String
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setpgroup(&attributes, 0)
        var everySignal = sigset_t()
        sigfillset(&everySignal)
        posix_spawnattr_setsigdefault(&attributes, &everySignal)
        var noSignal = sigset_t()
        sigemptyset(&noSignal)
        posix_spawnattr_setsigmask(&attributes, &noSignal)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        var argumentList = ([executable] + arguments).map { strdup($0) } + [nil]
        var environmentList = variables.map { strdup($0) } + [nil]
        defer { (argumentList + environmentList).forEach { free($0) } }
        var identifier: pid_t = 0
        let status = posix_spawn(&identifier, executable, &actions, &attributes, &argumentList, &environmentList)
        guard status == 0 else {
            throw TestSupportError("\(executable) does not start: \(String(cString: strerror(status)))")
        }
        return identifier
    }

    /// Everything written to standard output until now.
    package var output: String { read("output") }
    /// Everything written to standard error until now.
    package var errors: String { read("errors") }

    private func read(_ file: String) -> String {
        String(decoding: FileManager.default.contents(atPath: folder.path(file)) ?? Data(), as: UTF8.self)
    }

    /// How it ended; nil while it runs.
    package var ended: ProcessEnd? {
        end.withLock { end in
            if end == nil {
                var status: Int32 = 0
                if waitpid(identifier, &status, WNOHANG) == identifier {
                    let signal = status & 0x7F
                    end = signal == 0 ? .exited((status >> 8) & 0xFF) : .signalled(signal)
                }
            }
            return end
        }
    }

    /// Sends a signal to the process alone. Nothing happens when it has ended.
    package func send(signal: Int32) {
        if ended == nil { kill(identifier, signal) }
    }

    /// Waits for the end. Throws, with the end of its output, when it takes longer than `limit`.
    @discardableResult
    package func wait(upTo limit: Duration = patience) async throws -> ProcessEnd {
        try await value("\(name) ends", within: limit, context: { self.tail }) { self.ended }
    }

    /// Waits for a line of standard output that `accepts` returns true for. Throws when the process ends without it.
    package func line(
        within limit: Duration = patience, where accepts: @Sendable (Substring) -> Bool
    ) async throws -> String {
        try await value("\(name) prints the line that is waited for", within: limit, context: { self.tail }) {
            let over = self.ended != nil
            if let line = self.output.split(separator: "\n").first(where: accepts) { return String(line) }
            if over { throw TestSupportError("\(self.name) ended without the line that was waited for\n\(self.tail)") }
            return nil
        }
    }

    /// SIGTERM, then SIGKILL to the whole group when it has not ended within `limit`. Returns how it ended.
    @discardableResult
    package func stop(within limit: Duration = .seconds(20)) async throws -> ProcessEnd {
        send(signal: SIGTERM)
        do { return try await wait(upTo: limit) } catch {
            kill(-identifier, SIGKILL)
            return try await wait()
        }
    }

    /// SIGKILL to the whole group, and waits for the end.
    package func killGroup() async throws {
        kill(-identifier, SIGKILL)
        try await wait()
    }

    /// The last lines of both outputs, for a failure's message.
    package var tail: String {
        "--- output\n\(output.suffix(2000))\n--- errors\n\(errors.suffix(3000))"
    }
}

/// What a finished process left.
package struct Finished: Sendable {
    /// How it ended.
    package let end: ProcessEnd
    /// Standard output.
    package let output: String
    /// Standard error.
    package let errors: String
    /// Whether it exited with status 0.
    package var succeeded: Bool { end == .exited(0) }
    /// Both outputs, for a failure's message and for searches.
    package var everything: String { output + errors }
}

/// Runs a program to its end.
package func run(
    _ executable: String, _ arguments: [String] = [], environment: [String: String] = [:],
    upTo limit: Duration = ChildProcess.patience
) async throws -> Finished {
    let child = try ChildProcess(executable, arguments, environment: environment)
    let end = try await child.wait(upTo: limit)
    return Finished(end: end, output: child.output, errors: child.errors)
}
