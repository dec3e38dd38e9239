import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// No identity at rest in clear, and none printed (DESIGN.md, promise 2): planted strings, original UIDs included, are
    /// found nowhere in data folder, keys folder, logs and outputs, whatever goes wrong.
    @Suite struct IdentityTests {
        @Test(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
        func plantedIdentityIsFoundNowhereAfterAWholeRun() async throws {
            let scratch = try TemporaryFolder()
            let scene = try await NodeWithPACS(models: AlteredModel.flagsEverything(in: scratch.path("models")))
            let images = try await SyntheticImages.make("dx", in: scratch.path("dx"), ["--count", "2"])
            #expect(try await scene.node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            try await scene.node.event("study-delivered")
            let shown = try await everyListing(of: scene.installation)
            try await expectNothing(
                of: images.identity, in: scene.installation, printed: [scene.node.process.tailOfAll, shown])
            // The search itself is alive: the identity is in the PACS, where it belongs.
            let report = try await ReadReport(try await scene.report(inStudy: images.studyInstanceUID), of: scene)
            #expect(images.identity.contains(report.patientID))
        }

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func plantedIdentityIsFoundNowhereAfterAFailingRun() async throws {
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: try freePort()))
            let node = try await installation.start()
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"))
            let planted = images.identity + ["PLANTEDCALLING", "PLANTEDCALLED"]
            for fault in ["uid-mismatch", "truncated", "cut-in-header", "nested", "unsupported"] {
                _ = try await node.sendWithPynetdicom(images.files, fault: fault)
            }
            _ = try await node.sendWithPynetdicom(images.files, calling: "PLANTEDCALLING")
            _ = try await node.sendWithPynetdicom(images.files, called: "PLANTEDCALLED")
            // And one that is committed, whose delivery fails: nobody listens where the PACS should be.
            #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            try await node.event("object-failed")
            try await expectNothing(
                of: planted, in: installation,
                printed: [node.process.tailOfAll, try await everyListing(of: installation)])
            // Killed in the middle of its work, it leaves nothing either.
            _ = try await node.sendWithPynetdicom(images.files)
            try await node.process.killGroup()
            try await expectNothing(of: planted, in: installation, printed: [node.process.tailOfAll])
        }

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func deidentifyOnFilesLeavesNothingOfTheIdentityInTheCopy() async throws {
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: try freePort()))
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"))
            let copy = installation.path("copy.dcm")
            let finished = try await installation.overread(
                ["deidentify", images.files[0], copy, "--keys", installation.keys, "--data", installation.data])
            #expect(finished.succeeded, "\(finished.everything)")
            let contents = try Data(contentsOf: URL(filePath: copy))
            #expect(contents.count > 100_000)
            for planted in images.identity {
                #expect(contents.range(of: Data(planted.utf8)) == nil, "the copy holds \(planted)")
                #expect(!finished.everything.contains(planted), "the output holds \(planted)")
            }
        }

        /// What an operator can print of the queue.
        private func everyListing(of installation: NodeInstallation) async throws -> String {
            var printed = ""
            for arguments in [
                ["list"], ["list", "--json"], ["balance"], ["balance", "--json"], ["tail"], ["tail", "--json"],
            ] {
                printed += try await installation.overread(["queue"] + arguments + ["--data", installation.data])
                    .everything
            }
            return printed
        }

        private func expectNothing(
            of planted: [String], in installation: NodeInstallation, printed: [String],
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            var searched = 0
            for folder in [installation.data, installation.keys] {
                for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
                    guard let contents = FileManager.default.contents(atPath: "\(folder)/\(name)") else { continue }
                    searched += 1
                    for string in planted {
                        #expect(
                            contents.range(of: Data(string.utf8)) == nil, "\(name) holds \(string)",
                            sourceLocation: sourceLocation)
                        #expect(
                            !name.contains(string), "a file is named with \(string)", sourceLocation: sourceLocation)
                    }
                }
            }
            #expect(searched > 2, "nothing was searched", sourceLocation: sourceLocation)
            for text in printed {
                for string in planted {
                    #expect(!text.contains(string), "printed: \(string)", sourceLocation: sourceLocation)
                }
            }
        }
    }
}

extension ChildProcess {
    /// All that it printed.
    fileprivate var tailOfAll: String { output + errors }
}
