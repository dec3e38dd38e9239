import ArgumentParser
import DeIdentification
import Foundation
import OverreadNode

struct VaultCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vault", abstract: "The sealed identity: operator tools, audited.",
        subcommands: [Lookup.self, Rotate.self, Audit.self])

    struct Lookup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show whose study it is.",
            discussion: """
                Needs vault.key. Who asked, when and for what is in the audit before anything is shown; the identity goes \
                to standard output and nowhere else.
                """)
        @OptionGroup var folders: FolderOptions
        @OptionGroup var output: JSONOption
        @Argument(help: "A study (s-…), a pseudonym (OVR-…), or an instance (the base name of its spool file).")
        var study: String

        func run() async throws {
            let (configuration, subject) = (folders.configuration, study)
            let answers = try await onThread { try VaultOperation(configuration).lookup(subject) }
            if output.json { return try output.print(answers) }
            for answer in answers {
                print("study              \(answer.study)")
                print("instance           \(answer.instance)")
                print("pseudonym          \(answer.pseudonym)")
                for (keyword, _) in VaultOperation.shown {
                    guard let value = answer.attributes[keyword] else { continue }
                    print(keyword.padding(toLength: 19, withPad: " ", startingAt: 0) + Self.printable(value))
                }
                print("")
            }
        }

        /// A name must not drive the terminal.
        private static func printable(_ value: String) -> String {
            String(
                String.UnicodeScalarView(
                    value.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a new vault key in the place of the old and seal every row again.",
            discussion: """
                Stop the node first. It may be interrupted at any moment; the same command goes on. The old key is removed \
                when no row needs it any more: back up the key folder again afterwards.
                """)
        @OptionGroup var folders: FolderOptions

        func run() async throws {
            let configuration = folders.configuration
            print(VaultOperation.rotationNotice)
            let outcome = try await onThread {
                try VaultOperation(configuration).rotate { step in
                    if case .sealed(let count, let total) = step {
                        FileHandle.standardError.write(Data("sealed again \(count) of \(total)\n".utf8))
                    }
                }
            }
            print("changed        vault.key and vault.pub, now \(outcome.keyID); \(outcome.sealed) rows sealed again")
            print("not changed    receiver.key")
            print("back up        \(configuration.keysFolder) now: backups of the old key open nothing any more")
        }
    }

    struct Audit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Who read identity, when, for what.",
            discussion: "Exit status 1 when a line was changed, put in or taken out.")
        @OptionGroup var folders: FolderOptions
        @Flag(help: "JSON lines.") var json = false

        func run() async throws {
            let (configuration, json) = (folders.configuration, json)
            let damaged = try await onThread {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
                var damaged: Int64 = 0
                let missing = try VaultOperation(configuration).audit { line, isIntact in
                    damaged += isIntact ? 0 : 1
                    print(json ? String(decoding: try encoder.encode(line), as: UTF8.self) : Self.text(line))
                    if !isIntact { Self.complain("line \(line.sequence) does not follow the one before it") }
                }
                if missing > 0 { Self.complain("\(missing) lines are missing at the end") }
                return damaged + missing
            }
            if damaged > 0 { throw ExitCode(1) }
        }

        private static func complain(_ text: String) {
            FileHandle.standardError.write(Data("ALTERED: \(text)\n".utf8))
        }

        private static func text(_ line: AuditLine) -> String {
            let time = QueueCommand.time(Date(timeIntervalSince1970: Double(line.at) / 1000))
            let recipient = line.recipient.map { " for \($0)" } ?? ""
            return "\(line.sequence)  \(time)  \(line.actor)  \(line.purpose.rawValue) \(line.subject)\(recipient)  "
                + "\(line.identities)  \(line.outcome.rawValue)"
        }
    }
}
