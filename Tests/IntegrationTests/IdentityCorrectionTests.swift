import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// The same study for another patient: a trauma name that is put right, a merge. Never mixed, nothing lost.
    @Suite struct IdentityCorrectionTests {
        @Test(
            .enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"),
            arguments: [false, true])
        func aCorrectedStudyIsReportedForTheNewPatientAlone(_ isMerge: Bool) async throws {
            let scratch = try TemporaryFolder()
            let scene = try await NodeWithPACS(
                models: AlteredModel.flagsEverything(in: scratch.path("models")),
                source: "identity-correction = reanalyse")
            if isMerge {
                // The patient that remains has a study of his own already.
                let own = try await SyntheticImages.make("dx", in: scratch.path("own"))
                let files = try await Relabelled.files(own.files, id: "REMAINS77", in: scratch.path("own-relabelled"))
                #expect(try await scene.node.sendWithPynetdicom(files).acknowledged == own.sopInstanceUIDs)
                try await scene.node.event("study-delivered")
            }
            let images = try await SyntheticImages.make("dx", in: scratch.path("dx"), ["--count", "2"])
            #expect(try await scene.node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            _ = try await scene.reports(1, inStudy: images.studyInstanceUID)

            // One image of two comes again: the other is the new patient's as well.
            let corrected = try await Relabelled.files(
                [images.files[0]], id: "REMAINS77", in: scratch.path("corrected"))
            #expect(try await scene.node.sendWithPynetdicom(corrected).acknowledged == [images.sopInstanceUIDs[0]])
            let reports = try await scene.reports(2, inStudy: images.studyInstanceUID)
            try await scene.settled()

            let old = try #require(images.identity.first { $0.hasPrefix("PID") })
            var read: [String: ReadReport] = [:]
            for report in reports {
                let said = try await ReadReport(report, of: scene)
                read[said.patientID] = said
            }
            #expect(Set(read.keys) == [old, "REMAINS77"], "one report for each")
            let last = try #require(read["REMAINS77"])
            #expect(Set(images.sopInstanceUIDs).isSubset(of: Set(last.evidence)))
            // Nothing of the old patient's in what is filed under the new one.
            let mixed = images.identity.filter {
                $0.hasPrefix("PID") || $0.hasPrefix("FAMILY") || $0.hasPrefix("GIVEN") || $0.hasPrefix("ISSUER")
            }
            #expect(mixed.count == 4)
            var filed = 0
            for result in try await scene.pacs.instances() where result.studyInstanceUID == images.studyInstanceUID {
                let file = scratch.path(result.identifier)
                try await scene.pacs.download(result, to: file)
                let bytes = try Data(contentsOf: URL(filePath: file))
                guard bytes.range(of: Data("REMAINS77".utf8)) != nil else { continue }
                filed += 1
                for planted in mixed { #expect(bytes.range(of: Data(planted.utf8)) == nil, "\(planted)") }
                #expect(bytes.range(of: Data("Right^Name".utf8)) != nil)
            }
            #expect(filed >= 3, "a report and a heatmap of each image")
            let event = try #require(scene.installation.queueEvents.first { $0.event == "identity-correction" })
            #expect(event.fields["policy"] == "identity-correction=reanalyse" && event.fields["revision"] == "2")
            let balance = try await scene.installation.queue("balance")
            #expect(balance.succeeded, "\(balance.everything)")
        }

        @Test(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
        func withoutLeaveTheStudyIsParkedAndTheImageKept() async throws {
            let scratch = try TemporaryFolder()
            let scene = try await NodeWithPACS()
            let images = try await SyntheticImages.make("dx", in: scratch.path("dx"), ["--count", "2"])
            #expect(
                try await scene.node.sendWithPynetdicom([images.files[0]]).acknowledged == [images.sopInstanceUIDs[0]])
            _ = try await scene.reports(1, inStudy: images.studyInstanceUID)
            try await scene.node.event("study-delivered")
            let other = try await Relabelled.files([images.files[1]], id: "OTHER99", in: scratch.path("other"))
            #expect(try await scene.node.sendWithPynetdicom(other).acknowledged == [images.sopInstanceUIDs[1]])
            let parked = try await scene.node.event("study-parked")
            #expect(parked.fields["reason"] == "identity-correction")
            // Longer than the quiet time: nothing goes on by itself.
            try await Task.sleep(for: .seconds(3))
            #expect(try await scene.pacs.instances().filter(\.isStructuredReport).count == 1)
            let balance = try await scene.installation.queue("balance")
            #expect(
                balance.succeeded && balance.output.contains("parked     2 identity-correction"),
                "\(balance.everything)")

            // Somebody decides: the source's corrections are accepted, and any image of the study comes again.
            try await scene.node.process.stop()
            try scene.installation.write(configuration: scene.configuration("identity-correction = reanalyse"))
            let again = try await scene.installation.start()
            #expect(try await again.sendWithPynetdicom(other).acknowledged == [images.sopInstanceUIDs[1]])
            let reports = try await scene.reports(2, inStudy: images.studyInstanceUID)
            var patients: Set<String> = []
            for report in reports { patients.insert(try await ReadReport(report, of: scene).patientID) }
            #expect(patients.contains("OTHER99"))
            try await again.process.stop()
        }
    }
}

/// Files of Tests/Peers/relabel.py.
enum Relabelled {
    private struct Report: Decodable { let files: [String] }

    static func files(_ files: [String], id: String, in folder: String) async throws -> [String] {
        let finished = try await PeerTool.python("relabel.py", [folder] + files + ["--id", id, "--name", "Right^Name"])
        guard finished.succeeded else { throw TestSupportError("relabel.py failed: \(finished.everything)") }
        return try JSONDecoder().decode(Report.self, from: Data(finished.output.utf8)).files
    }
}

extension NodeWithPACS {
    /// Waits until the PACS holds so many reports in a study.
    func reports(_ count: Int, inStudy study: String) async throws -> [OrthancProcess.Instance] {
        let matches: @Sendable (OrthancProcess.Instance) -> Bool = {
            $0.isStructuredReport && $0.studyInstanceUID == study
        }
        return try await pacs.instances("\(count) reports in the study") { $0.filter(matches).count >= count }
            .filter(matches)
    }

    /// Waits until no delivery is under way.
    func settled() async throws {
        try await eventually("every study is delivered", within: .seconds(120), context: { node.process.tail }) {
            let list = try await installation.queue("list")
            return list.succeeded && !list.output.contains("receiving") && !list.output.contains("analys")
                && !list.output.contains("delivering")
        }
    }
}
