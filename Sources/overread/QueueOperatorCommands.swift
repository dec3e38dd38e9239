import ArgumentParser
import Foundation
import OverreadNode

// Each goes to the node that runs on the data folder; where none runs, it is done at once and seen at the next start.

func complain(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }

extension QueueCommand {
    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Go on with parked studies where they stopped, or end a waiting time.",
            discussion: """
                overread queue retry s-8q2v0m4k7d        this study
                overread queue retry --all               every study that was parked because something failed
                overread queue retry --reason destination-unreachable
                                                         every study that is parked for this reason

                Mend the cause first: overread queue list --state parked shows it. A study that an operator parked goes \
                on with its name or with --reason by-operator, never with --all. One whose patient is in doubt waits for \
                a decision (docs/operations.md, "Identity"). Who gave the command is in the queue log.
                """)
        @OptionGroup var folders: FolderOptions
        @OptionGroup var output: JSONOption
        @Argument(help: "The study, as overread queue list names it.") var study: String?
        @Flag(help: "Every study that failed.") var all = false
        @Option(help: "Every study that is parked for this reason.") var reason: String?

        func validate() throws {
            if [study != nil, all, reason != nil].count(where: { $0 }) != 1 {
                throw ValidationError("give a study, --all, or --reason with a reason of overread queue list")
            }
        }

        func run() async throws {
            let (configuration, reason) = (folders.configuration, try NodeCommand.reason(reason))
            if let study {
                let command = NodeCommand.retry(study: try NodeCommand.study(study))
                return try output.tell(try await onThread { try CommandChannel(configuration).send(command) })
            }
            let answer = try await onThread { try CommandChannel(configuration).retryParked(reason: reason) }
            if !output.json, answer.ok {
                print(answer.changed == 0 ? "no study is parked for that" : "studies that go on: \(answer.changed)")
            }
            try output.tell(answer)
        }
    }

    struct Park: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop a study: no analysis, no result, until it is released.",
            discussion: """
                Work on it is dropped; images that come for it are taken and do not start it again. A study that failed \
                may be parked too. overread queue release STUDY goes on with it. The note is one word, such as the number \
                of a ticket: it is written to the log, so nothing of a patient belongs there.
                """)
        @OptionGroup var folders: FolderOptions
        @OptionGroup var output: JSONOption
        @Argument(help: "The study, as overread queue list names it.") var study: String
        @Option(help: "Letters, digits and hyphens, at most 32: why.") var note: String?

        func run() async throws {
            let configuration = folders.configuration
            let command = NodeCommand.park(study: try NodeCommand.study(study), note: try NodeCommand.note(note))
            try output.tell(try await onThread { try CommandChannel(configuration).send(command) })
        }
    }

    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Go on with a study or a source that was stopped by hand.",
            discussion: """
                overread queue release s-8q2v0m4k7d      a study that an operator parked goes on; one that still receives \
                is closed, without waiting for its quiet time
                overread queue release --source CT_1     what overread queue hold --source CT_1 began ends
                overread queue release --all             everything that overread queue hold began ends

                A study that failed goes on with overread queue retry. What AETitles.conf holds (hold = on) ends there, \
                with overread reload.
                """)
        @OptionGroup var folders: FolderOptions
        @OptionGroup var output: JSONOption
        @Argument(help: "The study, as overread queue list names it.") var study: String?
        @Option(help: "A section of AETitles.conf.") var source: String?
        @Flag(help: "Every hold that a command began.") var all = false

        func validate() throws {
            if [study != nil, source != nil, all].count(where: { $0 }) != 1 {
                throw ValidationError("give a study, --source with a section of AETitles.conf, or --all")
            }
        }

        func run() async throws {
            let configuration = folders.configuration
            let command =
                if let study { NodeCommand.release(study: try NodeCommand.study(study)) } else {
                    NodeCommand.lift(source: try NodeCommand.source(source))
                }
            try output.tell(try await onThread { try CommandChannel(configuration).send(command) })
        }
    }

    struct Hold: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Switch AI off at once, for a source or for all: images are taken, nothing is analysed or returned.",
            discussion: """
                overread queue hold --all                of every source
                overread queue hold --source CT_1        of this section of AETitles.conf

                It takes effect at once: work in progress is taken back, and nothing is sent any more but the one object \
                that is on its way. It stays over restarts and reloads until overread queue release ends it; studies wait \
                meanwhile; only the disk bounds them. overread queue list and overread doctor say that it is on.
                """)
        @OptionGroup var folders: FolderOptions
        @OptionGroup var output: JSONOption
        @Option(help: "A section of AETitles.conf.") var source: String?
        @Flag(help: "Every source.") var all = false

        func validate() throws {
            if (source != nil) == all {
                throw ValidationError("give --source with a section of AETitles.conf, or --all")
            }
        }

        func run() async throws {
            let configuration = folders.configuration
            let command = NodeCommand.hold(source: try NodeCommand.source(source))
            try output.tell(try await onThread { try CommandChannel(configuration).send(command) })
        }
    }
}
