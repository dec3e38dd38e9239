import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// What an administrator holds back: duplicates, everything of a source, studies of years ago.
    @Suite(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
    struct ThrottleTests {
        /// `overread queue balance --json`.
        private struct Balance: Decodable {
            let waiting: Int
            let delivered: Int
            let discarded: [String: Int]
        }

        private func balance(_ installation: NodeInstallation) async throws -> Balance {
            let finished = try await installation.queue("balance", "--json")
            #expect(finished.succeeded, "\(finished.everything)")
            return try JSONDecoder().decode(Balance.self, from: Data(finished.output.utf8))
        }

        @Test(
            arguments: [
                ("keep-first", "0000", "duplicates=keep-first"), ("replace", "0000", "duplicates=replace"),
                ("refuse", "0110", nil),
            ] as [(String, String, String?)])
        func aDuplicateIsTreatedByPolicyAndCountedInTheBalance(
            _ policy: String, _ status: String, _ counted: String?
        ) async throws {
            let installation = try NodeInstallation(
                sections: Peers.sections(
                    pacsPort: try freePort(), quiet: "1h", source: "duplicates = \(policy)"))
            let node = try await installation.start()
            let images = try await SyntheticImages.make(
                "dx", in: installation.path("dx"), ["--count", "2", "--rows", "96", "--columns", "64"])
            for _ in 0..<3 { #expect(try await node.sendWithPynetdicom(images.files).acknowledged.count == 2) }
            var books = try await balance(installation)
            #expect(books.waiting == 2 && books.discarded.isEmpty, "the same bytes again are one instance")
            let first = try node.spoolFiles().map { try Data(contentsOf: URL(filePath: $0)) }

            let changed = try await PeerTool.python("damage.py", ["other-pixels", images.files[0], images.files[0]])
            try #require(changed.succeeded, "\(changed.everything)")
            let again = try await node.sendWithPynetdicom([images.files[0]])
            #expect(again.statuses.map(\.status) == [status])
            books = try await balance(installation)
            #expect(books.waiting == 2)
            #expect(books.discarded == (counted.map { [$0: 1] } ?? [:]))
            let kept = try node.spoolFiles().map { try Data(contentsOf: URL(filePath: $0)) }
            #expect(kept.count == 2)
            #expect((Set(kept) == Set(first)) == (policy != "replace"))
        }

        @Test(arguments: ["OVERREAD", "MODALITY"])
        func whatIsHeldIsTakenAndWaitsUntilTheHoldIsLifted(_ section: String) async throws {
            let scene = try await NodeWithPACS()
            try await scene.node.process.stop()
            let lifted = scene.configuration("")
            try scene.installation.write(
                configuration: lifted.replacing("[\(section)]\n", with: "[\(section)]\nhold = on\n"))
            let held = try await scene.installation.start()
            let images = try await SyntheticImages.make("dx", in: scene.installation.path("dx"))
            #expect(try await held.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            if section == "MODALITY" {
                // Another source's study passes.
                let other = try await SyntheticImages.make("dx", in: scene.installation.path("other"))
                let sent = try await held.sendWithPynetdicom(other.files, calling: "PACS")
                #expect(sent.acknowledged == other.sopInstanceUIDs)
                _ = try await scene.report(inStudy: other.studyInstanceUID)
            } else {
                try await held.event("study-complete")
                try await Task.sleep(for: .seconds(2))
            }
            #expect(!scene.installation.queueEvents.contains { $0.event == "analysis-started" && isHeld($0, section) })
            let listed = try await scene.installation.queue("list")
            let waiting = listed.output.split(separator: "\n").count { $0.hasPrefix("s-") && $0.contains(" hold ") }
            #expect(waiting == 1, "\(listed.output)")
            #expect(try await balance(scene.installation).waiting == 1)
            try await held.process.stop()

            try scene.installation.write(configuration: lifted)
            let node = try await scene.installation.start()
            _ = try await scene.report(inStudy: images.studyInstanceUID)
            try await node.event("hold-lifted")
            #expect(!(try await scene.installation.queue("list")).output.contains(" hold "))
        }

        private func isHeld(_ event: QueueEvent, _ section: String) -> Bool {
            section == "OVERREAD" || event.fields["source"] == section
        }

        @Test func aStudyOfTodayPassesAMigration() async throws {
            let scene = try await NodeWithPACS()
            try await scene.node.process.stop()
            let configuration = scene.configuration("max-age = 30d\npriority = high")
            // Held until all of them wait, so that the order is the queue's and not that of their coming.
            try scene.installation.write(
                configuration: configuration.replacing("[OVERREAD]\n", with: "[OVERREAD]\nhold = on\n"))
            let held = try await scene.installation.start()
            for number in 0..<3 {
                let study = try await SyntheticImages.make("dx", in: scene.installation.path("old-\(number)"))
                #expect(try await held.sendWithPynetdicom(study.files).acknowledged == study.sopInstanceUIDs)
            }
            let today = try await SyntheticImages.make("dx", in: scene.installation.path("today"))
            let changed = try await PeerTool.python("damage.py", ["of-today", today.files[0], today.files[0]])
            try #require(changed.succeeded, "\(changed.everything)")
            #expect(try await held.sendWithPynetdicom(today.files).acknowledged == today.sopInstanceUIDs)
            try await eventually("all wait") {
                scene.installation.queueEvents.count { $0.event == "study-complete" } == 4
            }
            try await held.process.stop()

            try scene.installation.write(configuration: configuration)
            let node = try await scene.installation.start()
            let events = try await value(
                "all are reported", within: .seconds(120), context: { node.process.tail }
            ) {
                let events = scene.installation.queueEvents
                return events.count { $0.event == "study-delivered" } == 4 ? events : nil
            }
            func studies(_ event: String) -> [String] {
                events.filter { $0.event == event }.compactMap { $0.fields["study"] }
            }
            #expect(studies("analysis-started").first == studies("study-opened").last)
        }
    }
}
