import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// What comes back into the PACS: valid, readable by others, in the patient's own study, with the numbers of `analyse`.
    @Suite struct ResultObjectsTests {
        @Test(
            .enabled(
                if: PeerTool.available("Orthanc", "dciodvfy") && PeerTool.pythonAvailable,
                "needs Orthanc, dicom3tools, .deps/python"))
        func aPositiveStudyComesBackAsReportAndHeatmapsWithoutAnError() async throws {
            let scratch = try TemporaryFolder()
            let scene = try await NodeWithPACS(models: AlteredModel.flagsEverything(in: scratch.path("models")))
            let images = try await SyntheticImages.make("dx", in: scratch.path("dx"))
            for file in images.files { try await scene.pacs.upload(file) }
            #expect(try await scene.node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            try await scene.node.event("study-delivered")

            let instances = try await scene.pacs.instances()
            let results = instances.filter { $0.isStructuredReport || $0.isSecondaryCapture }
            #expect(results.filter(\.isStructuredReport).count == 1)
            #expect(!results.filter(\.isSecondaryCapture).isEmpty)
            #expect(instances.allSatisfy { $0.studyInstanceUID == images.studyInstanceUID }, "a result left the study")
            #expect(try await scene.pacs.studies().count == 1)
            for (number, result) in results.enumerated() {
                let file = scratch.path("result-\(number).dcm")
                try await scene.pacs.download(result, to: file)
                let checked = try await run(PeerTool.find("dciodvfy"), ["-new", file])
                let errors = checked.everything.split(separator: "\n").filter { $0.hasPrefix("Error") }
                #expect(checked.succeeded && errors.isEmpty, "\(result.modality): \(errors.joined(separator: "\n"))")
            }
            let report = try await ReadReport(try #require(results.first(where: \.isStructuredReport)), of: scene)
            #expect(report.evidence.contains(images.sopInstanceUIDs[0]))
            #expect(images.identity.contains(report.patientID), "the report is not the patient's")
            #expect(images.identity.contains(report.accession))
        }

        @Test(
            .enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"),
            arguments: [true, false])
        func highdicomReadsTheNumbersThatAnalyseGives(_ positive: Bool) async throws {
            let scratch = try TemporaryFolder()
            let models =
                try positive
                ? AlteredModel.flagsEverything(in: scratch.path("models"))
                : AlteredModel.flagsNothing(in: scratch.path("models"))
            let scene = try await NodeWithPACS(models: models)
            let images = try await SyntheticImages.make("dx", in: scratch.path("dx"))
            #expect(try await scene.node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            let report = try await ReadReport(try await scene.report(inStudy: images.studyInstanceUID), of: scene)
            let analysed = try await scene.installation.overread(
                ["analyse", images.files[0], "--json", "--models", models])
            #expect(analysed.succeeded, "\(analysed.everything)")
            let expected = try Analysis(json: analysed.output)
            #expect(!expected.findings.isEmpty)

            for finding in expected.findings {
                let groups = report.groups.filter { $0.kind == "image" && $0.finding?.first == finding.code }
                #expect(groups.count == 1, "\(finding.code)")
                let probability = try #require(groups.first?.probability, "\(finding.code) has no probability")
                #expect(abs(probability - finding.probability) <= 1e-6, "\(finding.code)")
                // SCT 52101004 Present, 272519000 Absent.
                let said = groups.flatMap(\.evaluations).first { $0.name.first == finding.code }?.value.first
                #expect(said == (finding.present ? "52101004" : "272519000"), "\(finding.code)")
                let regions = report.groups.filter { $0.kind == "region" && $0.finding?.first == finding.code }
                #expect(regions.count == (finding.present ? finding.regions.count : 0), "\(finding.code)")
                for (region, expected) in zip(regions, finding.regions) where finding.present {
                    let points = try #require(region.points)
                    #expect(points.first == points.last, "an open polygon")
                    let columns = points.map { $0[0] }
                    let rows = points.map { $0[1] }
                    let box = [columns.min(), rows.min(), columns.max(), rows.max()].compactMap(\.self)
                    #expect(zip(box, expected).allSatisfy { abs($0 - $1) <= 1e-3 }, "\(box) is not \(expected)")
                }
            }
        }

        @Test(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
        func aModelThatGivesNaNIsReportedAsAFailureWithoutANumber() async throws {
            let scratch = try TemporaryFolder()
            let scene = try await NodeWithPACS(models: AlteredModel.givesNaN(in: scratch.path("models")))
            let images = try await SyntheticImages.make("dx", in: scratch.path("dx"))
            #expect(try await scene.node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            let report = try await ReadReport(try await scene.report(inStudy: images.studyInstanceUID), of: scene)
            #expect(report.groups.allSatisfy { $0.measurements.isEmpty })
            // Summary of Detections = (111224, DCM, "Failed").
            #expect(report.groups.flatMap(\.evaluations).contains { $0.value.first == "111224" })
            try await scene.node.expectServiceGoesOn()
        }

        @Test(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
        func ownResultsThatComeBackAreAnsweredSuccessAndNeverQueued() async throws {
            let scratch = try TemporaryFolder()
            let scene = try await NodeWithPACS(models: AlteredModel.flagsEverything(in: scratch.path("models")))
            let images = try await SyntheticImages.make("dx", in: scratch.path("dx"))
            #expect(try await scene.node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            try await scene.node.event("study-delivered")
            let results = try await scene.pacs.instances()
            #expect(results.count >= 2)
            let before = scene.installation.queueEvents.filter { $0.event == "study-opened" }.count

            // As an auto-route of the PACS would: everything of the study goes to the node. Orthanc reports a failure for any
            // status but Success.
            try await scene.pacs.send(study: try #require(await scene.pacs.studies().first), to: "overread")
            try await eventually("each result is in the ledger as our own", context: { scene.node.process.tail }) {
                scene.installation.queueEvents.filter { $0.event == "own-result" }.count == results.count
            }
            #expect(scene.installation.queueEvents.filter { $0.event == "study-opened" }.count == before)
            #expect(!scene.installation.queueEvents.contains { $0.event == "study-reopened" })
            let balance = try await scene.installation.queue("balance")
            #expect(balance.succeeded, "\(balance.everything)")
        }

        @Test(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
        func aPACSThatIsDownGetsTheReportOnceItIsUp() async throws {
            let pacsPort = try freePort()
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: pacsPort))
            let node = try await installation.start()
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"))
            #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            try await node.event("object-failed")
            let balance = try await installation.queue("balance")
            #expect(balance.succeeded, "\(balance.everything)")

            let pacs = try await OrthancProcess(dicomPort: pacsPort)
            let instances = try await pacs.instances("the report, after the back-off") {
                $0.contains { $0.isStructuredReport }
            }
            #expect(instances.filter(\.isStructuredReport).map(\.studyInstanceUID) == [images.studyInstanceUID])
            try await node.event("study-delivered")
        }
    }
}
