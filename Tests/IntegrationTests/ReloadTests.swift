import Foundation
import NodeTestSupport
import Testing

extension RunningNode {
    /// Whether C-ECHO is answered to this title.
    func echoes(_ title: String) async throws -> Bool {
        try await run(
            try PeerTool.find("echoscu"),
            ["-aet", title, "-aec", NodeInstallation.aeTitle, "127.0.0.1", "\(port)"]
        ).succeeded
    }

    /// `overread reload` with another AETitles.conf.
    func reload(_ sections: String, port: Int = 0) async throws -> Finished {
        try installation.write(
            configuration: "[\(NodeInstallation.aeTitle)]\nrole = self\nport = \(port)\n\n\(sections)\n")
        return try await installation.overread(["reload", "--data", installation.data])
    }

    /// That none of the identity that was put in is in the node's own log, in the queue log, or in what commands said.
    func expectNoIdentity(
        of images: SyntheticImages, in said: [Finished], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        var texts = said.map(\.everything) + [process.output, process.errors]
        for name in ["queue.log", "queue.jsonl"] {
            texts.append(try String(contentsOfFile: "\(installation.data)/\(name)", encoding: .utf8))
        }
        #expect(!images.identity.isEmpty)
        for value in images.identity {
            #expect(!texts.contains { $0.contains(value) }, "\(value) was said", sourceLocation: sourceLocation)
        }
    }
}

extension NodeSuite {
    /// AETitles.conf is read again while the node runs: whole, and without dropping an association.
    @Suite(
        .enabled(
            if: PeerTool.available("echoscu") && PeerTool.pythonAvailable, "needs echoscu (dcmtk) and .deps/python"))
    struct ReloadTests {
        private static let scanner = "[SCANNER]\nrole = source\nhost = 127.0.0.1\nquiet = 1h\nresults = PACS\n"

        @Test func aSourceThatIsAddedIsTakenAndAnOpenAssociationGoesOn() async throws {
            let sections = Peers.sections(pacsPort: try freePort(), quiet: "1h")
            let node = try await NodeInstallation(sections: sections).start()
            let images = try await SyntheticImages.make("dx", in: node.installation.path("dx"))
            let held = try await HeldSender(images, to: node)
            #expect(try await !node.echoes("SCANNER"))

            let said = try await node.reload(sections + "\n" + Self.scanner)
            #expect(said.succeeded && said.output.contains("sources 3, destinations 1"), "\(said.everything)")
            #expect(try await node.echoes("SCANNER"))
            #expect(try await held.release().acknowledged == images.sopInstanceUIDs)
            let reloaded = try await node.event("reloaded")
            #expect(reloaded.fields["by"] == "\(geteuid())" && reloaded.fields["sources"] == "3")

            // And the other way, by SIGHUP.
            try node.installation.write(configuration: "[OVERREAD]\nrole = self\nport = 4711\n\n\(sections)\n")
            node.process.send(signal: SIGHUP)
            try await eventually("the scanner is not taken any more", context: { node.process.tail }) {
                try await !node.echoes("SCANNER")
            }
            try await eventually("the port is said to wait for a start", context: { node.process.tail }) {
                node.process.errors.contains("port is 0 until the node is restarted, and 4711 then")
            }
            let events = node.installation.queueEvents.filter { $0.event == "reloaded" }
            #expect(events.count == 2 && events.last?.fields["by"] == nil)
            try node.expectNoIdentity(of: images, in: [said])
            #expect(try await node.process.stop() == .exited(0), "\(node.process.tail)")
        }

        @Test func anAssociationOfASourceThatIsGoneStaysAndItsImagesAreRefused() async throws {
            let sections = Peers.sections(pacsPort: try freePort(), quiet: "1h")
            let node = try await NodeInstallation(sections: sections).start()
            let images = try await SyntheticImages.make("dx", in: node.installation.path("dx"))
            let held = try await HeldSender(images, to: node)
            let pacsOnly = String(sections[(try #require(sections.range(of: "[PACS]"))).lowerBound...])
            #expect(try await node.reload(pacsOnly).succeeded)
            let report = try await held.release()
            #expect(report.statuses.map(\.status) == ["0124"] && report.alive == true)
            try await node.process.stop()
        }

        @Test func aBrokenFileLeavesTheOneBeforeInForce() async throws {
            let sections = Peers.sections(pacsPort: try freePort(), quiet: "1h")
            let node = try await NodeInstallation(sections: sections).start()
            let images = try await SyntheticImages.make("dx", in: node.installation.path("dx"))
            // Line 18, after the node's own four and the thirteen of the peers: a key with a letter too much.
            let said = try await node.reload(sections + "\nquiett = 1h\n" + Self.scanner)
            #expect(said.end == .exited(1) && said.output.isEmpty, "\(said.everything)")
            for text in [said.errors, node.process.errors] {
                let place = try #require(text.firstMatch(of: /AETitles\.conf:([0-9]+):1: error:/))
                #expect(Int(place.1) == 5 + sections.split(separator: "\n", omittingEmptySubsequences: false).count)
                #expect(text.contains("Did you mean \"quiet\"?"))
            }
            #expect(said.errors.contains("the one before stays in force (errors: 1)"))
            #expect(try await node.echoes("MODALITY"))
            #expect(try await !node.echoes("SCANNER"))
            #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            #expect(try await node.event("reload-refused").fields["errors"] == "1")

            try FileManager.default.removeItem(atPath: node.installation.aeTitles)
            let missing = try await node.installation.overread(["reload", "--data", node.installation.data])
            #expect(missing.end == .exited(1) && missing.errors.contains("cannot be read"), "\(missing.everything)")
            #expect(try await node.echoes("MODALITY"))
            try node.expectNoIdentity(of: images, in: [said, missing])
            try await node.process.stop()
        }

        @Test func whatWaitsForADestinationGoesWhereTheNewFileSays() async throws {
            let (dead, alive) = (try freePort(), try freePort())
            let node = try await NodeInstallation(sections: Peers.sections(pacsPort: dead)).start()
            let pacs = try ChildProcess(
                PeerTool.python,
                [Checkout.path("Tests/Peers/recording_pacs.py"), "\(alive)", node.installation.path("received")])
            let images = try await SyntheticImages.make("dx", in: node.installation.path("dx"))
            #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            try await node.event("object-failed")
            let said = try await node.reload(Peers.sections(pacsPort: alive))
            #expect(said.succeeded, "\(said.everything)")
            try await node.event("study-delivered")
            try await node.process.stop()
            withExtendedLifetime(pacs) {}
        }

        @Test func whatWaitsForADestinationThatIsGoneIsParkedAndGoesOnWhenItIsBack() async throws {
            let port = try freePort()
            let node = try await NodeInstallation(sections: Peers.sections(pacsPort: port)).start()
            let images = try await SyntheticImages.make("dx", in: node.installation.path("dx"))
            #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            try await node.event("object-failed")
            let other = Peers.sections(pacsPort: port).replacingOccurrences(of: "PACS", with: "OTHER")
            let said = try await node.reload(other)
            #expect(said.succeeded && said.output.contains("gone are parked: 1"), "\(said.everything)")
            #expect(try await node.event("study-parked").fields["reason"] == "destination-unknown")
            // While its section is away, a retry must not leave it waiting for nobody.
            let early = try await node.installation.queue("retry", "--all")
            #expect(early.output.contains("gone are parked: 1"), "\(early.everything)")

            let pacs = try ChildProcess(
                PeerTool.python,
                [Checkout.path("Tests/Peers/recording_pacs.py"), "\(port)", node.installation.path("received")])
            #expect(try await node.reload(Peers.sections(pacsPort: port)).succeeded)
            let retried = try await node.installation.queue("retry", "--reason", "destination-unknown")
            #expect(retried.output.contains("studies that go on: 1"), "\(retried.everything)")
            try await eventually("it is delivered", within: .seconds(120), context: { node.process.tail }) {
                node.installation.queueEvents.contains { $0.event == "study-delivered" }
            }
            try await node.process.stop()
            withExtendedLifetime(pacs) {}
        }
    }
}
