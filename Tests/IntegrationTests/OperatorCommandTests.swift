import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// `overread queue retry, park, release, hold` against a node that runs, and beside one that does not.
    @Suite(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
    struct OperatorCommandTests {
        /// A PACS that takes everything.
        private static func pacs(_ port: Int, _ installation: NodeInstallation) throws -> ChildProcess {
            try ChildProcess(
                PeerTool.python,
                [Checkout.path("Tests/Peers/recording_pacs.py"), "\(port)", installation.path("received")])
        }

        private static func delivered(_ node: RunningNode) async throws {
            try await eventually("it is delivered", within: .seconds(120), context: { node.process.tail }) {
                node.installation.queueEvents.contains { $0.event == "study-delivered" }
            }
        }

        @Test func whatWasParkedForADeadPACSIsDeliveredByRetryWhenItIsBack() async throws {
            let port = try freePort()
            let sections = Peers.sections(pacsPort: port) + "\nretry = 1s\n"
            let node = try await NodeInstallation(sections: sections).start()
            let images = try await SyntheticImages.make("dx", in: node.installation.path("dx"))
            #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            let parked = try await node.event("study-parked")
            let study = try #require(parked.fields["study"])
            #expect(parked.fields["reason"] == "destination-unreachable")

            var said = [try await node.installation.queue("release", study)]
            #expect(said[0].end == .exited(1) && said[0].errors.contains("overread queue retry \(study)"))
            let name = try #require(images.identity.first)
            said.append(try await node.installation.queue("retry", name))
            said.append(try await node.installation.queue("retry", "s-0000000000"))
            #expect(said[1].end != .exited(0) && said[1].everything.contains("a study is named s-…"))
            #expect(said[2].end == .exited(1) && said[2].errors.contains("there is no study s-0000000000"))

            let pacs = try Self.pacs(port, node.installation)
            said.append(try await node.installation.queue("retry", "--all", "--json"))
            #expect(said[3].succeeded && said[3].output.contains("\"changed\" : 1"), "\(said[3].everything)")
            try await Self.delivered(node)
            said.append(try await node.installation.queue("retry", study))
            #expect(said[4].succeeded && said[4].output.contains("there is nothing to retry"), "\(said[4].everything)")
            let resumed = node.installation.queueEvents.filter { $0.event == "study-resumed" }
            #expect(resumed.map { $0.fields["by"] } == ["\(geteuid())"])
            #expect(try await node.installation.queue("balance").succeeded)
            try node.expectNoIdentity(of: images, in: said)
            try await node.process.stop()
            withExtendedLifetime(pacs) {}
        }

        @Test func whatIsHeldIsTakenAndNotAnalysedOverARestartUntilItIsReleased() async throws {
            let port = try freePort()
            let sections = Peers.sections(pacsPort: port, quiet: "300ms")
            let installation = try NodeInstallation(sections: sections)
            let pacs = try Self.pacs(port, installation)
            let first = try await installation.start()
            var said = [try await installation.queue("hold", "--source", "MODALITY")]
            #expect(said[0].succeeded && said[0].output.contains("MODALITY is held"), "\(said[0].everything)")
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"))
            #expect(try await first.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            try await first.event("study-complete")
            #expect(try await first.process.stop() == .exited(0))
            #expect(!FileManager.default.fileExists(atPath: "\(installation.data)/node.sock"))

            let node = try await installation.start()
            // Another source is not concerned, and shows that the workers are at work.
            let others = try await SyntheticImages.make("dx", in: installation.path("others"))
            #expect(
                try await node.sendWithPynetdicom(others.files, calling: "PACS").acknowledged == others.sopInstanceUIDs)
            try await Self.delivered(node)
            #expect(
                installation.queueEvents.allSatisfy {
                    $0.fields["source"] != "MODALITY" || $0.event != "analysis-started"
                })
            said.append(try await installation.queue("list"))
            #expect(said[1].output.contains("MODALITY is held by command of user \(geteuid())"), "\(said[1].output)")
            #expect(said[1].output.contains(/complete +hold +MODALITY/), "\(said[1].output)")
            said.append(
                try await installation.overread(
                    [
                        "doctor", "--data", installation.data, "--keys", installation.keys, "--ae-titles",
                        installation.aeTitles,
                    ]))
            #expect(
                said[2].output.contains("note    hold: Nothing is analysed or returned: MODALITY"), "\(said[2].output)")

            said.append(try await installation.queue("release", "--all"))
            #expect(said[3].succeeded && said[3].output.contains("MODALITY is not held"), "\(said[3].everything)")
            try await eventually("both are delivered", within: .seconds(120), context: { node.process.tail }) {
                installation.queueEvents.count { $0.event == "study-delivered" } == 2
            }
            // The file's own hold, with a reload.
            said.append(try await node.reload(sections.replacingOccurrences(of: "[PACS]", with: "hold = on\n\n[PACS]")))
            #expect(said[4].output.contains("hold = on for MODALITY"), "\(said[4].everything)")
            said.append(try await node.reload(sections))
            try await eventually("each hold is in the log") {
                let holds = installation.queueEvents.filter { $0.event.hasPrefix("hold-") }
                return holds.map { $0.fields["hold"] } == ["operator", "operator", "conf", "conf"]
            }
            try node.expectNoIdentity(of: images, in: said)
            try await node.process.stop()
            withExtendedLifetime(pacs) {}
        }

        @Test func afterACrashCommandsAreDoneOnTheStoreAndTheNextNodeReplacesTheSocket() async throws {
            let sections = Peers.sections(pacsPort: try freePort(), quiet: "1h")
            let installation = try NodeInstallation(sections: sections)
            let first = try await installation.start()
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"))
            #expect(try await first.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            let study = try #require(try await first.event("study-opened").fields["study"])
            try await first.process.killGroup()
            #expect(FileManager.default.fileExists(atPath: "\(installation.data)/node.sock"))
            var said = [try await installation.queue("park", study, "--note", "TICKET-1")]
            #expect(said[0].succeeded && said[0].output.contains("is parked (by-operator)"), "\(said[0].everything)")
            said.append(try await installation.overread(["reload", "--data", installation.data]))
            #expect(said[1].end == .exited(1) && said[1].errors.contains("no node runs"), "\(said[1].everything)")

            let node = try await installation.start()
            said.append(try await installation.queue("release", study))
            #expect(said[2].succeeded && said[2].output.contains("\(study) is receiving"), "\(said[2].everything)")
            let second = try await run(try Checkout.overread(), installation.serveArguments)
            #expect(
                second.end != .exited(0)
                    && second.everything.contains("another node is running on \(installation.data)"))
            // The refused one left the socket alone.
            said.append(try await installation.queue("release", study))
            #expect(said[3].succeeded && said[3].output.contains("\(study) is complete"), "\(said[3].everything)")
            let parked = installation.queueEvents.first { $0.event == "study-parked" }
            #expect(parked?.fields["note"] == "TICKET-1" && parked?.fields["by"] == "\(geteuid())")
            try node.expectNoIdentity(of: images, in: said)
            try await node.process.stop()
        }
    }
}
