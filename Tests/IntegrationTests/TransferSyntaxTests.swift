import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// Every transfer syntax by C-STORE: stored as it came, analysed, and what cannot be decoded reported as failed.
    @Suite struct TransferSyntaxTests {
        @Test(
            .enabled(
                if: PeerTool.available("Orthanc", "dcmcjpeg") && PeerTool.pythonAvailable,
                "needs Orthanc, dcmtk, .deps/python"))
        func everyTransferSyntaxIsStoredAsItCameAndAnalysed() async throws {
            let scratch = try TemporaryFolder()
            let scene = try await NodeWithPACS(models: AlteredModel.flagsNothing(in: scratch.path("models")))
            let images = try await SyntheticImages.make(
                "dx", in: scratch.path("dx"), ["--rows", "160", "--columns", "128"])
            let made = try await PeerTool.python(
                "transfer_syntaxes.py", ["make", scratch.path("sent"), images.files[0]])
            try #require(made.succeeded, "\(made.everything)")
            let files = try JSONDecoder().decode([String].self, from: Data(made.output.utf8))
            #expect(files.count == 11)
            let sent = try await scene.node.sendWithPynetdicom(files)
            #expect(sent.acknowledged.count == files.count, "\(sent)")

            let compared = try await PeerTool.python(
                "transfer_syntaxes.py", ["compare", scratch.path("sent"), "\(scene.installation.data)/spool"])
            #expect(try JSONDecoder().decode([String].self, from: Data(compared.output.utf8)) == [], "\(compared)")
            let report = try await ReadReport(try await scene.report(inStudy: images.studyInstanceUID), of: scene)
            #expect(Set(report.evidence) == Set(sent.acknowledged))
            // Every image was read: none is in a group that says why it was not.
            #expect(!report.groups.flatMap(\.evaluations).contains { $0.value.first == ReadReport.failed })
        }

        @Test(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
        func whatCannotBeDecodedIsReportedAsFailedWithTheReason() async throws {
            let scene = try await NodeWithPACS()
            let images = try await SyntheticImages.make(
                "dx", in: scene.installation.path("dx"), ["--rows", "160", "--columns", "128"])
            let path = scene.installation.path("damaged.dcm")
            let damaged = try await PeerTool.python("damage.py", ["rle-cut-short", images.files[0], path])
            try #require(damaged.succeeded, "\(damaged.everything)")
            #expect(try await scene.node.sendWithPynetdicom([path]).acknowledged == images.sopInstanceUIDs)
            let instance = try await scene.report(inStudy: images.studyInstanceUID)
            let report = try await ReadReport(instance, of: scene)
            #expect(report.groups.flatMap(\.evaluations).contains { $0.value.first == ReadReport.failed })
            #expect(report.groups.allSatisfy { $0.measurements.isEmpty })
            let file = scene.installation.path("report.dcm")
            try await scene.pacs.download(instance, to: file)
            let bytes = try Data(contentsOf: URL(filePath: file))
            #expect(bytes.firstRange(of: Data("The compressed pixels cannot be decoded.".utf8)) != nil)
        }

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func aDeflatedDataSetThatIsDamagedOrCutShortIsRefused() async throws {
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: try freePort(), quiet: "1h"))
            let node = try await installation.start()
            let images = try await SyntheticImages.make(
                "dx", in: installation.path("dx"), ["--rows", "160", "--columns", "128"])
            for (damage, status) in [
                ("deflate-cut-short", "C000"), ("deflate-garbage", "C000"), ("deflate-bomb", "C004"),
            ] {
                let path = installation.path("\(damage).dcm")
                let damaged = try await PeerTool.python("damage.py", [damage, images.files[0], path])
                try #require(damaged.succeeded, "\(damaged.everything)")
                let sent = try await node.sendWithPynetdicom([path])
                #expect(sent.statuses.map(\.status) == [status], "\(damage): \(sent)")
                #expect(try node.spoolFiles().isEmpty)
            }
            try await node.expectServiceGoesOn()
        }
    }
}
