import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// `profile` and `pixels` of AETitles.conf, and the flags of `overread deidentify`.
    @Suite struct DeIdentificationOptionTests {
        private func sections() throws -> String {
            """
            [MODALITY]
            role = source
            host = 127.0.0.1
            profile = basic+modified-dates+patient-characteristics+descriptors
            results = PACS

            [TRUSTED]
            role = source
            host = 127.0.0.1
            pixels = accept
            results = PACS

            [PACS]
            role = destination
            host = 127.0.0.1
            port = \(try freePort())
            """
        }

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func aSourceIsTreatedByItsOwnProfileAndPixelPolicy() async throws {
            let node = try await NodeInstallation(sections: try sections()).start()
            let plain = try await SyntheticImages.make("dx", in: node.installation.path("dx"))
            let annotated = try await SyntheticImages.make("dx-annotated", in: node.installation.path("annotated"))
            #expect(try await node.sendWithPynetdicom(plain.files).acknowledged == plain.sopInstanceUIDs)
            let stored = try #require(try node.spoolFiles().first)
            let contents = try Data(contentsOf: URL(filePath: stored))
            func holds(_ text: String) -> Bool { contents.range(of: Data(text.utf8)) != nil }
            for text in ["MODIFIED", "113100", "113105", "113107", "113108", "Chest for"] {
                #expect(holds(text), "the stored object has no \(text)")
            }
            for text in ["20260102", "19310423", "113109"] + plain.identity {
                #expect(!holds(text), "the stored object holds \(text)")
            }
            // The same class, but it says that its pixels hold text.
            let refused = try await node.sendWithPynetdicom(annotated.files)
            #expect(
                refused.statuses.map(\.status) == ["0124"] && refused.statuses[0].comment?.contains("pixels") == true)
            #expect(try node.spoolFiles().count == 1)
            let accepted = try await node.sendWithPynetdicom(annotated.files, calling: "TRUSTED")
            #expect(accepted.acknowledged == annotated.sopInstanceUIDs)
            #expect(try node.spoolFiles().count == 2)
            try await node.expectServiceGoesOn()
        }

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func deidentifyTakesAProfileAndAPixelPolicyForFiles() async throws {
            let installation = try NodeInstallation(sections: try sections())
            let images = try await SyntheticImages.make("dx-annotated", in: installation.path("dx"))
            let copy = installation.path("copy.dcm")
            func deidentify(_ flags: String...) async throws -> Finished {
                let folders = ["--keys", installation.keys, "--data", installation.data]
                return try await installation.overread(["deidentify", images.files[0], copy] + flags + folders)
            }
            let retained = try await deidentify("--profile", "basic+uids+full-dates")
            #expect(retained.succeeded, "\(retained.everything)")
            let contents = try Data(contentsOf: URL(filePath: copy))
            for text in [
                "20260102", images.studyInstanceUID, images.sopInstanceUIDs[0], "UNMODIFIED", "113110", "113106",
            ] {
                #expect(contents.range(of: Data(text.utf8)) != nil, "the copy has no \(text)")
            }
            try FileManager.default.removeItem(atPath: copy)
            let refused = try await deidentify("--pixels", "refuse")
            #expect(!refused.succeeded && refused.everything.contains("pixels may show text"), "\(refused.everything)")
            for (name, reason) in [
                ("basic+full-dates+modified-dates", "exclude one another"), ("basic+name", "There is no option"),
            ] {
                let wrong = try await deidentify("--profile", name)
                #expect(!wrong.succeeded && wrong.everything.contains(reason), "\(wrong.everything)")
            }
            #expect(!FileManager.default.fileExists(atPath: copy))
        }
    }
}
