import ArgumentParser
import Foundation
import OverreadNode
import StudyQueue

extension QueueCommand {
    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What an administrator should know of now, for a monitoring system.",
            discussion: """
                One line an alert, worst first. Exit status 0: none, 1: warning, 2: critical, 3: nothing can be told.
                """)
        @OptionGroup var folders: FolderOptions
        @OptionGroup var output: JSONOption

        func run() async throws {
            let configuration = folders.configuration
            let alerts: [Alert]
            do {
                alerts = try await onThread { try NodeCheck(configuration).alerts() }
            } catch {
                // Monitoring systems show the first line of standard output.
                print("UNKNOWN \(error)")
                throw ExitCode(3)
            }
            if output.json {
                try output.print(alerts)
            } else {
                for alert in alerts { print("\(alert.kind.severity == .critical ? "CRITICAL" : "WARNING") \(alert)") }
                if alerts.isEmpty { print("OK nothing to do") }
            }
            if let worst = alerts.first?.kind.severity { throw ExitCode(Int32(worst.rawValue)) }
        }
    }
}
