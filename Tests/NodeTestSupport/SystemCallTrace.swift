import Foundation

/// One system call of a trace that `strace -f -yy` wrote.
package struct SystemCall: Sendable {
    /// Thread identifier.
    package let thread: Int
    /// Its name: "fsync".
    package let name: String
    /// Everything between the parentheses, descriptors with what they stand for: `12</data/spool/ab/abc.dcm>`.
    package let arguments: String
    /// What it returned; nil when the process did not live to see it.
    package fileprivate(set) var result: Int?
    /// Place of its entry among the events of the trace.
    package let entered: Int
    /// Place of its return; `Int.max` when there was none.
    package fileprivate(set) var returned: Int

    /// What the descriptor that is its first argument stands for: a path, or `TCP:[local->remote]`.
    package var descriptorTarget: String? {
        arguments.prefixMatch(of: /\d+<(.*?)>(?:,|\)|$| <unfinished)/).map { String($0.1) }
    }

    /// Whether it writes to a socket whose own port is `port`.
    package func sends(fromPort port: Int) -> Bool {
        guard ["write", "writev", "sendto", "sendmsg", "send"].contains(name), let target = descriptorTarget else {
            return false
        }
        return target.hasPrefix("TCP") && target.contains(":\(port)->")
    }

    /// The path that an openat names.
    package var path: String? { arguments.firstMatch(of: /"([^"]+)"/).map { String($0.1) } }

    /// Whether it makes a file's or folder's contents durable.
    package var synchronizes: Bool { ["fsync", "fdatasync"].contains(name) }
}

/// The calls of a trace, in the order of their entries.
package struct SystemCallTrace: Sendable {
    /// The calls.
    package private(set) var calls: [SystemCall] = []

    /// Reads what `strace -yy -o FILE` wrote, with -f or without. Lines that are no call (signals, exits) are passed over.
    package init(_ text: String) {
        var open: [Int: Int] = [:]
        for (place, line) in text.split(separator: "\n").enumerated() {
            // The trace of a single thread does not number it.
            let head = line.prefixMatch(of: /(\d+)\s+/)
            let thread = head.flatMap { Int($0.1) } ?? 0
            let rest = head.map { line[$0.range.upperBound...] } ?? line
            if let resumed = rest.prefixMatch(of: /<\.\.\. \w+ resumed>/) {
                guard let index = open.removeValue(forKey: thread) else { continue }
                calls[index].returned = place
                calls[index].result = Self.result(rest[resumed.range.upperBound...])
            } else if let begun = rest.prefixMatch(of: /(\w+)\(/) {
                // The process was killed in a call that ends "= ?".
                let unfinished = rest.contains("<unfinished ...>")
                let died = rest.hasSuffix("= ?")
                let arguments = rest[begun.range.upperBound...]
                calls.append(
                    SystemCall(
                        thread: thread, name: String(begun.1), arguments: String(arguments),
                        result: unfinished ? nil : Self.result(arguments), entered: place,
                        returned: unfinished || died ? .max : place))
                if unfinished { open[thread] = calls.count - 1 }
            }
        }
    }

    private static func result(_ text: Substring) -> Int? {
        text.matches(of: /\)\s+= (-?\d+|0x[0-9a-f]+)/).last.flatMap { Int($0.1) }
    }

    /// What was wrong with the way that instances were made durable. For every file created below `spool` by a thread that
    /// answers: the file is synced, then its folder, then the database, and only then is anything sent from `port`. For one
    /// that another thread made ahead: file and folder were synced before it was opened again, the file once more and the
    /// database after that, before the response. Empty when all is right.
    ///
    /// - Parameters:
    ///   - spool: the folder of received files.
    ///   - database: the name of the database file; its write-ahead log is what a commit syncs.
    package func durabilityViolations(spool: String, database: String, port: Int) -> [String] {
        let answering = Set(calls.filter { $0.sends(fromPort: port) }.map(\.thread))
        let opened = calls.filter {
            $0.name == "openat" && $0.arguments.contains("O_WRONLY") && $0.arguments.contains("\(spool)/")
                && answering.contains($0.thread)
        }
        guard !opened.isEmpty else { return ["no file was written below the spool folder"] }
        return opened.flatMap { opening -> [String] in
            guard let path = opening.path else { return ["an unreadable openat"] }
            let isNew = opening.arguments.contains("O_CREAT")
            let commit = [Step.file(path)] + (isNew ? [.folder(of: path)] : []) + [.database(database)]
            var wrong = isNew ? [] : notDurable(path, before: opening)
            guard let response = calls.first(where: { $0.entered > opening.returned && $0.sends(fromPort: port) })
            else { return wrong + ["no response"] }
            let (missing, end) = violations(of: commit, after: opening.returned, before: response.entered)
            wrong += missing
            if !calls.contains(where: { $0.entered > end && $0.sends(fromPort: port) }) {
                wrong.append("no response after the step before it")
            }
            return wrong
        }
    }

    /// A sync that must have happened.
    private struct Step {
        let what: String
        let isOf: (String) -> Bool

        static func file(_ path: String) -> Step { Step(what: "file sync") { $0 == path } }
        static func folder(of path: String) -> Step {
            let folder = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
            return Step(what: "directory sync") { $0 == folder }
        }
        static func database(_ name: String) -> Step { Step(what: "database sync") { $0.contains("\(name)-wal") } }
    }

    /// What is wrong with a file that was made ahead.
    private func notDurable(_ path: String, before opening: SystemCall) -> [String] {
        let creation = calls.last {
            $0.name == "openat" && $0.arguments.contains("O_CREAT") && $0.path == path && $0.returned < opening.entered
        }
        guard let creation else { return ["the file was not made in this trace"] }
        return violations(of: [.file(path), .folder(of: path)], after: creation.returned, before: opening.entered).wrong
    }

    /// Steps that are missing, failed, or were not over before `end`; and the place where the last one was over.
    private func violations(of steps: [Step], after start: Int, before end: Int) -> (wrong: [String], place: Int) {
        var wrong: [String] = []
        var after = start
        for step in steps {
            let call = calls.first { $0.entered > after && $0.synchronizes && step.isOf($0.descriptorTarget ?? "") }
            guard let call else { return (wrong + ["no \(step.what) after the step before it"], after) }
            if call.result != 0 { wrong.append("the \(step.what) failed") }
            if call.returned > end { wrong.append("the \(step.what) came too late") }
            after = call.returned
        }
        return (wrong, after)
    }

    /// The place of a call among those of the same name in its own thread, from 1: what strace's `when=` counts.
    package func ordinal(of call: SystemCall) -> Int {
        calls.count { $0.thread == call.thread && $0.name == call.name && $0.entered <= call.entered }
    }
}

/// strace attached to a running process.
package final class Tracer: Sendable {
    private let process: ChildProcess
    private let file: String

    /// Attaches to a process, and waits until that is done.
    ///
    /// - Parameters:
    ///   - thread: the name of the one thread to trace; nil for all of them. strace counts calls (`when=`) by thread.
    ///   - file: where the trace goes.
    ///   - calls: the calls to trace.
    ///   - injections: strace's inject expressions: "fsync:error=ENOSPC", "write:signal=KILL:when=3".
    package init(
        _ target: ChildProcess, thread: String? = nil, file: String, calls: String, injections: [String] = []
    ) async throws {
        self.file = file
        let traced = try thread.map { try Tracer.thread(named: $0, of: target.identifier) } ?? target.identifier
        var arguments = ["-yy", "-s", "16", "-o", file, "-e", "trace=\(calls)"]
        if thread == nil { arguments.append("-f") }
        for injection in injections { arguments += ["-e", "inject=\(injection)"] }
        process = try ChildProcess(PeerTool.find("strace"), arguments + ["-p", "\(traced)"])
        let tracer = process
        try await eventually("strace is attached", context: { tracer.tail }) {
            if tracer.ended != nil { throw TestSupportError("strace cannot attach\n\(tracer.tail)") }
            return tracer.errors.contains("attached")
        }
    }

    private static func thread(named name: String, of process: pid_t) throws -> pid_t {
        let tasks = "/proc/\(process)/task"
        for task in try FileManager.default.contentsOfDirectory(atPath: tasks) {
            let comm = try? String(contentsOfFile: "\(tasks)/\(task)/comm", encoding: .utf8)
            if comm?.hasPrefix(name) == true, let identifier = pid_t(task) { return identifier }
        }
        throw TestSupportError("no thread is named \(name)")
    }

    /// Detaches and returns what was traced.
    package func finish() async throws -> SystemCallTrace {
        process.send(signal: SIGINT)
        try await process.wait()
        return SystemCallTrace(try String(contentsOfFile: file, encoding: .utf8))
    }
}
