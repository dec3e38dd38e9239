import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// Each peer that the issue names has been the sending one, and both kinds of destination the receiving one.
    @Suite struct PeersTests {
        @Test(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
        func whatPynetdicomSendsComesBackAsAReportInOrthanc() async throws {
            let scene = try await NodeWithPACS()
            let images = try await SyntheticImages.make("dx", in: scene.installation.path("dx"))
            let sent = try await scene.node.sendWithPynetdicom(images.files)
            #expect(sent.acknowledged == images.sopInstanceUIDs)
            _ = try await scene.report(inStudy: images.studyInstanceUID)
        }

        @Test(
            .enabled(
                if: PeerTool.available("Orthanc", "storescu", "dcmsend") && PeerTool.pythonAvailable,
                "needs dcmtk, Orthanc, .deps/python"),
            arguments: ["storescu", "dcmsend"])
        func whatDCMTKSendsComesBackAsAReportInOrthanc(_ tool: String) async throws {
            let scene = try await NodeWithPACS()
            let images = try await SyntheticImages.make("dx", in: scene.installation.path("dx"), ["--count", "2"])
            let sent = try await run(
                PeerTool.find(tool),
                ["-v", "-aet", "MODALITY", "-aec", NodeInstallation.aeTitle, "127.0.0.1", "\(scene.node.port)"]
                    + images.files)
            #expect(sent.succeeded, "\(sent.everything)")
            _ = try await scene.report(inStudy: images.studyInstanceUID)
        }

        @Test(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
        func whatOrthancSendsComesBackAsAReportInOrthanc() async throws {
            let scene = try await NodeWithPACS()
            let images = try await SyntheticImages.make("dx", in: scene.installation.path("dx"))
            for file in images.files { try await scene.pacs.upload(file) }
            let study = try #require(await scene.pacs.studies().first)
            try await scene.pacs.send(study: study, to: "overread")
            _ = try await scene.report(inStudy: images.studyInstanceUID)
            #expect(try await scene.pacs.studies().count == 1, "the report made a study of its own")
        }

        @Test(.enabled(if: PeerTool.available("storescp") && PeerTool.pythonAvailable, "needs dcmtk and .deps/python"))
        func storescpReceivesTheReport() async throws {
            let received = try TemporaryFolder()
            let port = try freePort()
            let storescp = try ChildProcess(
                PeerTool.find("storescp"), ["-v", "-aet", "PACS", "-od", received.url.path, "\(port)"])
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: port))
            let node = try await installation.start()
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"))
            #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            try await eventually("storescp has a report", context: { storescp.tail + node.process.tail }) {
                try FileManager.default.contentsOfDirectory(atPath: received.url.path).contains { $0.hasPrefix("SR") }
            }
        }

        @Test(.enabled(if: PeerTool.available("echoscu"), "needs dcmtk"))
        func echoscuAndOurOwnEchoAreAnswered() async throws {
            let pacsPort = try freePort()
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: pacsPort))
            let node = try await installation.start()
            let echo = try await run(
                PeerTool.find("echoscu"),
                ["-aet", "MODALITY", "-aec", NodeInstallation.aeTitle, "127.0.0.1", "\(node.port)"])
            #expect(echo.succeeded, "\(echo.everything)")

            let storescp = try ChildProcess(PeerTool.find("storescp"), ["-aet", "PACS", "--ignore", "\(pacsPort)"])
            defer { withExtendedLifetime(storescp) {} }
            try await eventually("overread echo PACS succeeds") {
                try await installation.overread(["echo", "PACS", "--ae-titles", installation.aeTitles]).succeeded
            }
        }

        @Test(.enabled(if: PeerTool.available("storescp") && PeerTool.pythonAvailable, "needs dcmtk and .deps/python"))
        func overreadSendStoresFilesAtADestination() async throws {
            let received = try TemporaryFolder()
            let port = try freePort()
            let storescp = try ChildProcess(
                PeerTool.find("storescp"), ["-aet", "PACS", "-od", received.url.path, "\(port)"])
            defer { withExtendedLifetime(storescp) {} }
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: port))
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"), ["--count", "2"])
            try await eventually("storescp listens") {
                try await installation.overread(["echo", "PACS", "--ae-titles", installation.aeTitles]).succeeded
            }
            let sent = try await installation.overread(
                ["send", "PACS"] + images.files + ["--ae-titles", installation.aeTitles])
            #expect(sent.succeeded, "\(sent.everything)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: received.url.path).count == 2)
        }
    }
}
