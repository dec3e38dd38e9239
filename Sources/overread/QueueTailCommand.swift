import ArgumentParser
import Foundation
import Glibc
import OverreadNode
import StudyQueue

extension QueueCommand {
    /// Reads the event rows and not the log's files, so that no rotation and no log folder that is full concerns it.
    struct Tail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The queue's events, as queue.log has them.",
            discussion: "In colour on a terminal, unless NO_COLOR is set.")
        @OptionGroup var folders: FolderOptions
        @Flag(help: "Go on with new events until interrupted.") var follow = false
        @Flag(help: "JSON lines.") var json = false
        @Option(help: "Only this study.") var study: String?
        @Option(help: "Only studies of this section of AETitles.conf.") var source: String?
        @Option(name: .customLong("lines"), help: "Begin with so many of the last events.") var lines = 20

        /// How often the database is asked whether another process has changed it: a look into shared memory.
        private static let interval = 0.02

        func run() async throws {
            let (configuration, study, source, lines) = (folders.configuration, study, source, lines)
            let (follow, line) = (follow, line())
            try await onThread {
                let queue = try QueueReading(configuration)
                var last = try queue.start(ofLast: lines, study: study, source: source)
                while true {
                    let events = try queue.events(after: last, study: study, source: source)
                    // One write for all: who reads it sees them at once, whatever standard output is.
                    let text = events.map { line($0) + "\n" }.joined()
                    try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
                    last = events.last?.sequence ?? last
                    guard events.isEmpty else { continue }
                    if !follow { return }
                    repeat { Thread.sleep(forTimeInterval: Self.interval) } while try !queue.hasChanged()
                }
            }
        }

        private func line() -> @Sendable (QueueEvent) -> String {
            if json { return { event in QueueLogFormat.json.line(event) } }
            let isColoured = QueueLogColour.isWanted(
                isTerminal: isatty(STDOUT_FILENO) == 1, environment: ProcessInfo.processInfo.environment)
            return { event in isColoured ? QueueLogColour.line(event) : QueueLogFormat.human.line(event) }
        }
    }
}
