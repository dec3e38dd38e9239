import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// Storage commitment: a source is told what an archive confirms, and nothing by the node's own word.
    @Suite(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
    struct CommitmentTests {
        /// A line of commitment.py.
        private struct Line: Decodable {
            let status: String?
            let event: Int?
            let transaction: String?
            let keeper: String?
            let role: [Bool]?
            let committed: [String]?
            let failed: [String: String]?
        }

        /// A node with a modality that may ask, and an archive that may not be up yet.
        private final class Scene: Sendable {
            let scratch: TemporaryFolder
            let installation: NodeInstallation
            let node: RunningNode
            let archivePort: Int
            let listenPort: Int
            private let listener: ChildProcess

            init(source: String = "", quiet: String = "1h", listening options: [String] = []) async throws {
                scratch = try TemporaryFolder()
                archivePort = try freePort()
                listenPort = try freePort()
                installation = try NodeInstallation(
                    sections: Peers.sections(
                        pacsPort: archivePort, quiet: quiet,
                        source: "port = \(listenPort)\narchive = PACS\ncommitment-requests = on\n\(source)"))
                node = try await installation.start()
                listener = try ChildProcess(
                    PeerTool.python,
                    [Checkout.path("Tests/Peers/commitment.py"), "listen", "\(listenPort)"] + options)
                _ = try await listener.line { $0.contains("ready") }
            }

            /// So many images of one study.
            func images(_ count: Int) async throws -> SyntheticImages {
                try await SyntheticImages.make(
                    "dx", in: scratch.path("dx"), ["--count", "\(count)", "--rows", "160", "--columns", "128"])
            }

            /// Asks for commitment, and says what was answered.
            func ask(
                _ node: RunningNode, for instances: [String], transaction: String, more: [String] = []
            ) async throws -> [Line] {
                let finished = try await PeerTool.python(
                    "commitment.py",
                    ["ask", "\(node.port)", transaction]
                        + instances.map { "1.2.840.10008.5.1.4.1.1.1.1:\($0)" } + more)
                guard finished.succeeded else { throw TestSupportError("commitment.py: \(finished.everything)") }
                return try Self.lines(finished.output)
            }

            /// The report that came, once there is one.
            func report(within limit: Duration = .seconds(60)) async throws -> Line {
                try await value("a report", within: limit, context: { self.node.process.tail + self.listener.tail }) {
                    try Self.lines(self.listener.output).first { $0.event != nil }
                }
            }

            /// How many reports came.
            func reportCount() throws -> Int { try Self.lines(listener.output).count { $0.event != nil } }

            private static func lines(_ text: String) throws -> [Line] {
                try text.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
            }
        }

        private static func uid() -> String { "2.25.\(UInt64.random(in: 1 << 60 ... .max))" }

        @Test func whatTheArchiveHasIsCommittedAndTheListClosesTheStudyAtOnce() async throws {
            let scene = try await Scene(source: "complete-on = commitment-list", listening: ["--refuse-first", "1"])
            let archive = try await OrthancProcess(dicomPort: scene.archivePort)
            let images = try await scene.images(2)
            for file in images.files { try await archive.upload(file) }
            let transaction = Self.uid()
            // The list comes before the last image does.
            #expect(try await scene.node.sendWithPynetdicom([images.files[0]]).acknowledged.count == 1)
            let asked = try await scene.ask(scene.node, for: images.sopInstanceUIDs, transaction: transaction)
            #expect(asked.map(\.status) == ["0000"])
            #expect(!scene.installation.queueEvents.contains { $0.event == "study-complete" })
            #expect(try await scene.node.sendWithPynetdicom([images.files[1]]).acknowledged.count == 1)
            // Its quiet time is an hour.
            let complete = try await scene.node.event("study-complete", within: .seconds(20))
            #expect(complete.fields["evidence"] == "commitment-list" && complete.fields["instances"] == "2")

            // The first report is refused: it comes again.
            let report = try await scene.report()
            #expect(report.event == 1 && report.transaction == transaction && report.keeper == "PACS")
            #expect(report.committed == images.sopInstanceUIDs && report.failed?.isEmpty == true)
            #expect(report.role == [true, false], "the source is SCU on the node's association")
            let reported = try await scene.node.event("commitment-reported")
            #expect(reported.fields["confirmed"] == "2" && reported.fields["unconfirmed"] == "0")
            #expect(reported.fields["archive"] == "PACS" && reported.fields["status"] == "0000")
            let delayed = try #require(scene.installation.queueEvents.first { $0.event == "commitment-delayed" })
            #expect(delayed.fields["reason"] == "source-refused")

            let again = try await scene.ask(scene.node, for: images.sopInstanceUIDs, transaction: transaction)
            #expect(again.map(\.status) == ["0131"])
            try await Self.expectNothingInClear(scene, images.sopInstanceUIDs + [transaction])
            let audit = try await scene.installation.vault(["audit"])
            #expect(audit.output.contains("commitment c-"), "\(audit.output)")
            let balance = try await scene.installation.queue("balance")
            #expect(balance.succeeded, "\(balance.everything)")
        }

        @Test func whatTheArchiveLacksOrNobodySentIsReportedAsFailed() async throws {
            let scene = try await Scene(source: "commitment-wait = 3s", quiet: "1s")
            let archive = try await OrthancProcess(dicomPort: scene.archivePort)
            let images = try await scene.images(2)
            try await archive.upload(images.files[0])
            #expect(try await scene.node.sendWithPynetdicom(images.files).acknowledged.count == 2)
            let never = Self.uid()
            _ = try await scene.ask(
                scene.node, for: images.sopInstanceUIDs + [never], transaction: Self.uid())
            let report = try await scene.report()
            #expect(report.event == 2 && report.committed == [images.sopInstanceUIDs[0]])
            #expect(report.failed == [images.sopInstanceUIDs[1]: "0112", never: "0112"])
            let incomplete = try await scene.node.event("list-incomplete")
            #expect(incomplete.fields["missing"] == "1")
        }

        /// Between the N-ACTION and the report the node is killed; the archive comes up later. Nothing of the request lies in
        /// clear meanwhile.
        @Test func aRequestOutlivesTheNode() async throws {
            let scene = try await Scene()
            let images = try await scene.images(2)
            #expect(try await scene.node.sendWithPynetdicom(images.files).acknowledged.count == 2)
            let transaction = Self.uid()
            let asked = try await scene.ask(scene.node, for: images.sopInstanceUIDs, transaction: transaction)
            #expect(asked.map(\.status) == ["0000"])
            let delayed = try await scene.node.event("commitment-delayed")
            #expect(delayed.fields["reason"] == "archive-unreachable")
            try await scene.node.process.killGroup()
            try await Self.expectNothingInClear(scene, images.sopInstanceUIDs + [transaction])
            #expect(try scene.reportCount() == 0)

            let archive = try await OrthancProcess(dicomPort: scene.archivePort)
            for file in images.files { try await archive.upload(file) }
            let node = try await scene.installation.start()
            let report = try await scene.report()
            #expect(report.event == 1 && report.transaction == transaction)
            #expect(report.committed == images.sopInstanceUIDs)
            try await node.event("commitment-reported")
            // The sealed list is gone with its purpose.
            let code = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])"
            let rows = try await run(
                PeerTool.python,
                ["-c", code, "\(scene.installation.data)/overread.sqlite", "SELECT count(*) FROM sealed_request"])
            #expect(rows.output == "0\n", "\(rows.everything)")
            try await node.process.stop()
            #expect(try scene.reportCount() == 1)
        }

        @Test(arguments: [
            ("others", "0112"), ("other-series", "0112"), ("other-class", "0119"), ("nothing", "0112"),
            ("failure", "0110"),
        ])
        func anArchiveThatLiesConfirmsNothing(lie: String, reason: String) async throws {
            let scene = try await Scene(source: "commitment-wait = 1s")
            let images = try await scene.images(1)
            let archive = try ChildProcess(
                PeerTool.python,
                [Checkout.path("Tests/Peers/commitment.py"), "archive", "\(scene.archivePort)", lie]
                    + images.sopInstanceUIDs.map { "1.2.840.10008.5.1.4.1.1.1.1:\($0)" })
            _ = try await archive.line { $0.contains("ready") }
            #expect(try await scene.node.sendWithPynetdicom(images.files).acknowledged.count == 1)
            _ = try await scene.ask(scene.node, for: images.sopInstanceUIDs, transaction: Self.uid())
            let report = try await scene.report()
            #expect(report.event == 2 && report.committed == [])
            #expect(report.failed == [images.sopInstanceUIDs[0]: reason])
            #expect(archive.output.contains("\"level\": \"IMAGE\""), "it was asked")
        }

        @Test func aSourceWithoutLeaveIsNotOfferedTheService() async throws {
            let scene = try await Scene()
            let asked = try await scene.ask(
                scene.node, for: [Self.uid()], transaction: Self.uid(), more: ["--calling", "PACS"])
            #expect(asked.map(\.status) == [nil])
        }

        /// Orthanc asks, by its REST interface, and takes the report on its DICOM port; another Orthanc is the archive.
        @Test func orthancAsksAndIsTold() async throws {
            let (nodePort, scannerPort) = (try freePort(), try freePort())
            let archive = try await OrthancProcess()
            let installation = try NodeInstallation(sections: "")
            try installation.write(
                configuration: "[OVERREAD]\nrole = self\nport = \(nodePort)\n\n"
                    + Peers.sections(pacsPort: archive.dicomPort, quiet: "1h")
                    + "\n[SCANNER]\nrole = source\nhost = 127.0.0.1\nport = \(scannerPort)\nresults = PACS\n"
                    + "archive = PACS\ncommitment-requests = on\ncomplete-on = commitment-list\n")
            let node = try await installation.start()
            let scanner = try await OrthancProcess(
                aeTitle: "SCANNER", dicomPort: scannerPort,
                modalities: [(name: "overread", aeTitle: NodeInstallation.aeTitle, port: nodePort)])
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"), ["--count", "2"])
            for file in images.files {
                try await scanner.upload(file)
                try await archive.upload(file)
            }
            let study = try #require(try await scanner.studies().first)
            try await scanner.send(study: study, to: "overread")
            let answer = try await scanner.post(
                "/modalities/overread/storage-commitment",
                try JSONSerialization.data(withJSONObject: ["Resources": [study]]))
            let job = try #require(try JSONSerialization.jsonObject(with: answer) as? [String: Any])
            let path = try #require(job["Path"] as? String)
            let state = try await value("Orthanc has its report", within: .seconds(60), context: { node.process.tail })
            {
                let said = try JSONSerialization.jsonObject(with: await scanner.get(path)) as? [String: Any]
                return (said?["Status"] as? String).flatMap { $0 == "Pending" ? nil : $0 }
            }
            #expect(state == "Success")
            let complete = try await node.event("study-complete")
            #expect(complete.fields["evidence"] == "commitment-list")
            try await node.event("commitment-reported")
        }

        // MARK: -

        private static func expectNothingInClear(_ scene: Scene, _ planted: [String]) async throws {
            for name in try FileManager.default.subpathsOfDirectory(atPath: scene.installation.data) {
                let path = "\(scene.installation.data)/\(name)"
                guard let contents = FileManager.default.contents(atPath: path) else { continue }
                for uid in planted {
                    #expect(contents.range(of: Data(uid.utf8)) == nil, "\(name) holds an original UID")
                }
            }
            for uid in planted { #expect(!scene.node.process.errors.contains(uid), "the log holds an original UID") }
        }
    }

    /// What shows that a study is complete, beside quiet time, which is an hour here unless a test says otherwise.
    @Suite(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
    struct CompletenessTests {
        @Test func aReleaseClosesTheStudyAndAnotherOneItsNextRevision() async throws {
            let installation = try NodeInstallation(
                sections: Peers.sections(pacsPort: try freePort(), quiet: "1h", source: "complete-on = release"))
            let node = try await installation.start()
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"), ["--count", "2"])
            #expect(try await node.sendWithPynetdicom([images.files[0]]).acknowledged.count == 1)
            let complete = try await node.event("study-complete", within: .seconds(20))
            #expect(complete.fields["evidence"] == "release" && complete.fields["revision"] == "1")
            try await node.event("analysis-finished")
            #expect(try await node.sendWithPynetdicom([images.files[1]]).acknowledged.count == 1)
            try await eventually("the next revision is complete", within: .seconds(20)) {
                installation.queueEvents.contains {
                    $0.event == "study-complete" && $0.fields["revision"] == "2" && $0.fields["evidence"] == "release"
                        && $0.fields["instances"] == "2"
                }
            }
        }

        @Test func aStudyIsCompleteWhenTheArchiveHasAsMany() async throws {
            let pacs = try await OrthancProcess()
            let installation = try NodeInstallation(
                sections: Peers.sections(
                    pacsPort: pacs.dicomPort, quiet: "1h", source: "complete-on = count\narchive = PACS"))
            let node = try await installation.start()
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"), ["--count", "4"])
            for file in images.files[..<3] { try await pacs.upload(file) }
            #expect(try await node.sendWithPynetdicom(Array(images.files[..<2])).acknowledged.count == 2)
            // The archive has been asked, and has one more.
            try await eventually("the archive was asked", within: .seconds(20)) {
                try await installation.vault(["audit"]).output.contains("count s-")
            }
            #expect(!installation.queueEvents.contains { $0.event == "study-complete" })
            #expect(try await node.sendWithPynetdicom([images.files[2]]).acknowledged.count == 1)
            let complete = try await node.event("study-complete", within: .seconds(30))
            #expect(complete.fields["evidence"] == "count" && complete.fields["instances"] == "3")
            try await node.event("study-delivered")

            // Late: what the archive has from us by now is not counted.
            try await pacs.upload(images.files[3])
            #expect(try await node.sendWithPynetdicom([images.files[3]]).acknowledged.count == 1)
            try await eventually("the next revision is complete", within: .seconds(30)) {
                installation.queueEvents.contains {
                    $0.event == "study-complete" && $0.fields["revision"] == "2" && $0.fields["evidence"] == "count"
                        && $0.fields["instances"] == "4"
                }
            }
        }
    }
}
