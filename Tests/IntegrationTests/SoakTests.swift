import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// Killed at random moments while peers send and results go out: nothing that was acknowledged is lost, and what is
    /// delivered twice is the same twice. A few kills in `make test`, 200 in `make soak`.
    @Suite(
        .enabled(
            if: PeerTool.available("dcmcjpeg") && PeerTool.pythonAvailable, "needs dcmtk and .deps/python"))
    struct SoakTests {
        private static let kills = Soak.isOn ? 200 : 5
        private static let longest = Duration.seconds(Soak.isOn ? 480 : 60)

        /// A line of recording_pacs.py.
        private struct Received: Decodable {
            let instance: String
            let digest: String
            let evidence: [String]
        }

        @Test func killsAtRandomMomentsLoseNothingAndChangeNothing() async throws {
            let scene = try await Scene()
            let begin = ContinuousClock.now
            var kills = 0
            while kills < Self.kills, ContinuousClock.now - begin < Self.longest {
                let node = try scene.installation.launch()
                // At any moment, its start included.
                try await Task.sleep(for: .milliseconds(Int.random(in: 100...3000)))
                #expect(node.ended == nil, "\(node.tail)")
                try await node.killGroup()
                kills += 1
                let balance = try await scene.installation.queue("balance")
                // The first kill may come before there is anything, or before the tables are all there.
                let isEmpty = !FileManager.default.fileExists(atPath: "\(scene.installation.data)/overread.sqlite")
                let isUnfinished = isEmpty || balance.errors.contains("is of an earlier version")
                #expect(balance.succeeded || isUnfinished, "after kill \(kills): \(balance.everything)")
            }
            let acknowledged = try await scene.stopSending()
            let received = try await scene.deliverAll()
            let reported = Set(received.flatMap(\.evidence))
            let lost = acknowledged.subtracting(reported)
            #expect(lost.isEmpty, "\(lost.count) of \(acknowledged.count) acknowledged instances are in no report")
            let digests = Dictionary(grouping: received, by: \.instance).mapValues { Set($0.map(\.digest)) }
            #expect(digests.allSatisfy { $0.value.count == 1 }, "a result came again with other bytes")
            let repeats = received.count - digests.count
            print(
                "soak: \(kills) kills, \(acknowledged.count) acknowledged, \(digests.count) results, \(repeats) repeats"
            )
            #expect(kills == Self.kills, "the machine was too slow for all of them")
            #expect(acknowledged.count > 2 * kills)
        }

        /// A node at one port, two senders without end, and a PACS that writes down what it is sent.
        private struct Scene {
            let installation: NodeInstallation
            private let scratch: TemporaryFolder
            private let pacs: ChildProcess
            private let senders: [ChildProcess]

            init() async throws {
                scratch = try TemporaryFolder()
                let (port, pacsPort) = (try freePort(), try freePort())
                installation = try NodeInstallation(sections: "", data: scratch.path("data"))
                try installation.write(
                    configuration: "[OVERREAD]\nrole = self\nport = \(port)\n\n" + Peers.sections(pacsPort: pacsPort)
                        + "\n")
                let sources = scratch.path("sources")
                try await Self.makeSources(in: sources)
                pacs = try ChildProcess(
                    PeerTool.python,
                    [Checkout.path("Tests/Peers/recording_pacs.py"), "\(pacsPort)", scratch.path("received")])
                let (script, folder) = (Checkout.path("Tests/Peers/soak_sender.py"), scratch)
                let stop = folder.path("stop")
                senders = try (0..<2).map { number in
                    let acknowledged = folder.path("acknowledged-\(number)")
                    return try ChildProcess(
                        PeerTool.python, [script, "\(port)", sources, acknowledged, stop, "--seed", "\(number)"])
                }
            }

            /// Radiographs that the model takes and that it does not, slices, and one of each transfer syntax.
            private static func makeSources(in folder: String) async throws {
                let small = ["--rows", "128", "--columns", "96"]
                let images = try await SyntheticImages.make("dx", in: "\(folder)/dx", small)
                _ = try await SyntheticImages.make("dx-lateral", in: "\(folder)/lateral", small + ["--count", "6"])
                _ = try await SyntheticImages.make("ct", in: "\(folder)/ct", ["--count", "2"])
                _ = try await SyntheticImages.make("no-pixels", in: "\(folder)/none")
                let made = try await PeerTool.python(
                    "transfer_syntaxes.py", ["make", "\(folder)/syntaxes", images.files[0]])
                guard made.succeeded else { throw TestSupportError(made.everything) }
            }

            /// The SOP Instance UIDs that were acknowledged.
            func stopSending() async throws -> Set<String> {
                _ = FileManager.default.createFile(atPath: scratch.path("stop"), contents: nil)
                for sender in senders {
                    guard try await sender.wait(upTo: .seconds(400)) == .exited(0) else {
                        throw TestSupportError("soak_sender.py failed\n\(sender.tail)")
                    }
                }
                return try Set(
                    (0..<senders.count).flatMap { number in
                        try String(contentsOfFile: scratch.path("acknowledged-\(number)"), encoding: .utf8)
                            .split(separator: "\n").map(String.init)
                    })
            }

            /// Lets the node finish its work, and returns what the PACS was sent in all.
            func deliverAll() async throws -> [Received] {
                struct Study: Decodable { let state: String }
                let node = try await installation.start()
                let list = ["queue", "list", "--json", "--limit", "1000000", "--data", installation.data]
                try await eventually(
                    "every study is delivered", within: .seconds(Soak.isOn ? 1800 : 300), every: .seconds(1),
                    context: { node.process.tail }
                ) {
                    let listed = try await installation.overread(list)
                    let studies = try JSONDecoder().decode([Study].self, from: Data(listed.output.utf8))
                    return !studies.isEmpty && studies.allSatisfy { $0.state == "delivered" }
                }
                let balance = try await installation.queue("balance")
                #expect(balance.succeeded, "\(balance.everything)")
                try await node.process.stop()
                let lines = try Data(contentsOf: URL(filePath: scratch.path("received"))).split(separator: 0x0A)
                return try lines.map { try JSONDecoder().decode(Received.self, from: Data($0)) }
            }
        }
    }
}
