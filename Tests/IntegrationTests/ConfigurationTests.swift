import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// A node that cannot do its work says so in a sentence and does not start, and nothing committed earlier is lost by it.
    @Suite struct ConfigurationTests {
        @Test func aWrongLineOfAETitlesConfIsNamedWithFileAndLine() async throws {
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: try freePort()))
            // Line 6: the section, its two lines, an empty one, the peer's section, and then this.
            try installation.write(
                configuration: "[OVERREAD]\nrole = self\nport = 0\n\n[MODALITY]\nquite = 30s\nrole = source\nhost = *\n"
            )
            let checked = try await installation.overread(["config", "check", "--ae-titles", installation.aeTitles])
            let served = try await run(try Checkout.overread(), installation.serveArguments)
            for finished in [checked, served] {
                #expect(finished.end != .exited(0))
                #expect(finished.everything.contains("AETitles.conf:6"), "\(finished.everything)")
                #expect(finished.everything.contains("quiet"), "no suggestion: \(finished.everything)")
                #expect(!finished.output.contains("ready"))
            }
        }

        @Test func theShippedFileIsRight() async throws {
            let finished = try await run(
                try Checkout.overread(), ["config", "check", "--ae-titles", Checkout.path("AETitles.conf")])
            #expect(finished.succeeded, "\(finished.everything)")
        }

        @Test(
            .enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"),
            arguments: ["missing", "corrupt"])
        func withoutAModelStudiesAreReceivedAndWaitUntilThereIsOne(_ what: String) async throws {
            let scratch = try TemporaryFolder()
            let bad = try what == "missing" ? scratch.path("nowhere") : AlteredModel.corrupt(in: scratch.path("models"))
            let pacs = try await OrthancProcess()
            let sections = Peers.sections(pacsPort: pacs.dicomPort)
            let crippled = try NodeInstallation(
                sections: sections, models: bad, data: scratch.path("data"), keys: scratch.path("keys"))
            let doctor = try await crippled.overread(
                [
                    "doctor", "--ae-titles", crippled.aeTitles, "--data", crippled.data, "--keys", crippled.keys,
                    "--models", bad,
                ])
            #expect(doctor.end != .exited(0))
            #expect(doctor.everything.lowercased().contains("model"), "\(doctor.everything)")

            let node = try await crippled.start()
            let images = try await SyntheticImages.make("dx", in: scratch.path("dx"))
            #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            try await node.event("study-complete")
            try await eventually("the node says that it has no model", context: { node.process.tail }) {
                node.process.errors.contains("no model")
            }
            try await node.expectServiceGoesOn()
            #expect(!crippled.queueEvents.contains { ["analysis-started", "study-parked"].contains($0.event) })
            try await node.process.stop()

            let mended = try NodeInstallation(
                sections: sections, data: scratch.path("data"), keys: scratch.path("keys"))
            let again = try await mended.start()
            _ = try await pacs.instances("the report, with the model in place") { instances in
                instances.contains { $0.isStructuredReport && $0.studyInstanceUID == images.studyInstanceUID }
            }
            try await again.process.stop()
        }

        /// The library stands before the installed one on the loader's path, and is none.
        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func withoutOpenVINOEverythingButDetectionWorksAndTheDoctorSaysWhatToDo() async throws {
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: try freePort()))
            let folder = installation.path("libraries")
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for name in try FileManager.default.contentsOfDirectory(atPath: Checkout.path(".deps/openvino/libs"))
            where name.hasPrefix("libopenvino_c.so") {
                try Data("no library\n".utf8).write(to: URL(filePath: "\(folder)/\(name)"))
            }
            let environment = ["LD_LIBRARY_PATH": folder]
            let doctor = try await run(
                try Checkout.overread(),
                [
                    "doctor", "--ae-titles", installation.aeTitles, "--data", installation.data, "--keys",
                    installation.keys,
                ], environment: environment)
            #expect(doctor.end == .exited(1), "\(doctor.everything)")
            #expect(doctor.output.contains("OpenVINO cannot be loaded: "), "\(doctor.everything)")
            #expect(doctor.output.contains("run make setup"), "\(doctor.everything)")

            let node = try await installation.start(environment: environment)
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"))
            #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            try await eventually("the node says that it has no model", context: { node.process.tail }) {
                node.process.errors.contains("OpenVINO cannot be loaded")
            }
            #expect(!installation.queueEvents.contains { ["analysis-started", "study-parked"].contains($0.event) })
            try await node.process.stop()
        }

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func sigtermStopsTheNodeWithStatus0AndKeepsWhatWasCommitted() async throws {
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: try freePort(), quiet: "1h"))
            let node = try await installation.start()
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"))
            #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            #expect(try await node.process.stop() == .exited(0), "\(node.process.tail)")
            #expect(try await installation.queue("balance").succeeded)
        }

        @Test func doctorEndsWith0OnThisMachine() async throws {
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: try freePort()))
            let finished = try await installation.overread(
                [
                    "doctor", "--ae-titles", installation.aeTitles, "--data", installation.data, "--keys",
                    installation.keys,
                ])
            #expect(finished.succeeded, "\(finished.everything)")
        }

        @Test func theKeysFolderMustNotLieInTheDataFolder() async throws {
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: try freePort()))
            let served = try await run(
                try Checkout.overread(),
                [
                    "serve", "--ae-titles", installation.aeTitles, "--data", installation.data, "--keys",
                    "\(installation.data)/keys",
                ])
            #expect(served.end != .exited(0))
            #expect(!served.output.contains("ready"))
        }
    }
}
