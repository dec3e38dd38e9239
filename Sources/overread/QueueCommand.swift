import ArgumentParser
import Foundation
import OverreadNode
import StudyQueue

struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "Where is that study, and what is the matter with it?",
        subcommands: [
            List.self, Show.self, Tail.self, Find.self, Balance.self, Check.self, Retry.self, Park.self,
            Release.self, Hold.self,
        ])
}

/// `--json` where a program would read it.
struct JSONOption: ParsableArguments {
    @Flag(help: "JSON instead of a table.") var json = false

    func print(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        Swift.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}

extension StudyState.Kind: ExpressibleByArgument {}

extension QueueCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Studies, newest first.")
        @OptionGroup var folders: FolderOptions
        @OptionGroup var output: JSONOption
        @Option(help: "Only studies in this state (may be repeated).") var state: [StudyState.Kind] = []
        @Option(help: "Only studies of this section of AETitles.conf.") var source: String?
        @Option(help: "At most so many.") var limit = 50

        func run() async throws {
            let (configuration, states, source, limit) = (folders.configuration, Set(state), source, limit)
            let (studies, holds) = try await onThread {
                let queue = try QueueReading(configuration)
                return (
                    try queue.list(states: states, source: source, limit: limit), try queue.holdSentences()
                )
            }
            if output.json { return try output.print(studies) }
            for sentence in holds { print(sentence) }
            QueueCommand.printStudies(studies)
        }
    }

    static func printStudies(_ studies: [StudySummary]) {
        let rows = studies.map { study in
            [
                study.study, study.state.rawValue, study.reason?.rawValue ?? (study.isHeld ? "hold" : "-"),
                study.source,
                String(study.revision), String(study.instances), QueueCommand.time(study.lastInstance),
                study.destinations.joined(separator: ","),
            ]
        }
        QueueCommand.printTable(
            ["STUDY", "STATE", "REASON", "SOURCE", "REV", "IMAGES", "LAST IMAGE", "RESULTS TO"], rows)
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Everything the queue knows of one study.")
        @OptionGroup var folders: FolderOptions
        @OptionGroup var output: JSONOption
        @Argument(help: "The study, as `overread queue list` names it.") var study: String

        func run() async throws {
            let (configuration, study) = (folders.configuration, study)
            let (detail, events, holds) = try await onThread {
                let queue = try QueueReading(configuration)
                return (
                    try queue.show(study), try queue.events(after: 0, study: study, source: nil),
                    try queue.holdSentences()
                )
            }
            if output.json { return try output.print(detail) }
            let summary = detail.summary
            print("study     \(summary.study)")
            print("state     \(summary.state.rawValue)\(summary.reason.map { " (\($0))" } ?? "")")
            if summary.isHeld { for sentence in holds { print("held      \(sentence)") } }
            print("source    \(summary.source)")
            print("revision  \(summary.revision)")
            print("images    \(summary.instances)")
            for delivery in detail.deliveries {
                let status = delivery.lastStatus.map { " status \($0)" } ?? ""
                let reason = delivery.lastReason.map { " \($0)" } ?? ""
                print(
                    "result    rev \(delivery.revision) \(delivery.kind.rawValue) \(delivery.index) → "
                        + "\(delivery.destination): \(delivery.state), attempts \(delivery.attempts)\(status)\(reason)")
            }
            print("events")
            for event in events { print("  " + QueueLogFormat.human.line(event)) }
        }
    }

    struct Balance: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare journal, store and files.",
            discussion: "Exit status 0 when every committed instance is accounted for, else 1, with each loss named.")
        @OptionGroup var folders: FolderOptions
        @OptionGroup var output: JSONOption

        func run() async throws {
            let configuration = folders.configuration
            let balance = try await onThread { try QueueReading(configuration).balance() }
            if output.json {
                try output.print(balance)
            } else {
                print("journal    \(balance.journalLines)")
                print("instances  \(balance.instances)")
                print("waiting    \(balance.waiting)")
                print("delivered  \(balance.delivered)")
                if balance.retired > 0 { print("retired    \(balance.retired), of them without a file") }
                if balance.forgotten > 0 { print("forgotten  \(balance.forgotten), delivered and not known any more") }
                for (reason, count) in balance.parked.sorted(by: { $0.key < $1.key }) {
                    print("parked     \(count) \(reason)")
                }
                for (policy, count) in balance.discarded.sorted(by: { $0.key < $1.key }) {
                    print("discarded  \(count) \(policy)")
                }
                print("duplicates \(balance.duplicates)")
                print("own        \(balance.ownResults)")
                print("refused    \(balance.refused)")
                if balance.spareFiles > 0 { print("spare      \(balance.spareFiles), files made ahead") }
                for finding in balance.findings { print("LOST       \(finding)") }
                if balance.findingsLeftOut > 0 { print("LOST       \(balance.findingsLeftOut) more") }
                print(balance.isBalanced ? "balanced" : "NOT BALANCED")
            }
            if !balance.isBalanced { throw ExitCode(1) }
        }
    }

    static func time(_ date: Date) -> String { date.formatted(.iso8601) }

    static func printTable(_ heads: [String], _ rows: [[String]]) {
        let widths = heads.indices.map { column in ([heads] + rows).map { $0[column].count }.max() ?? 0 }
        for row in [heads] + rows {
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            print(cells.joined(separator: "  ").trimmingCharacters(in: .whitespaces))
        }
    }
}
