import Foundation
import Glibc
import NodeTestSupport
import Testing

extension NodeSuite {
    /// What a running node keeps and takes away.
    @Suite(.serialized) struct RetentionTests {
        @Test(
            .enabled(if: getuid() == 0, "mounting a small file system needs root"),
            .enabled(
                if: PeerTool.available("Orthanc", "storescu") && PeerTool.pythonAvailable,
                "needs Orthanc, dcmtk, .deps/python"))
        func underTheReserveImagesAreRefusedUntilRetentionHasMadeRoom() async throws {
            let disk = try await SmallDisk(megabytes: 160)
            do {
                try await fill(disk.path)
            } catch {
                await disk.unmount()
                throw error
            }
            await disk.unmount()
        }

        /// 160 MB, of which 20 are the reserve; nothing can be delivered until the PACS is there.
        private func fill(_ data: String) async throws {
            let pacsPort = try freePort()
            let installation = try NodeInstallation(sections: "", data: data, spareFiles: "0")
            try installation.write(
                configuration: "[\(NodeInstallation.aeTitle)]\nrole = self\nport = 0\ndisk-reserve = 20MB\n\n"
                    + Peers.sections(pacsPort: pacsPort, quiet: "1s") + "\n")
            let node = try await installation.start()
            var taken = 0
            var refused = ""
            for round in 0..<30 where refused.isEmpty {
                let folder = installation.path("dx-\(round)")
                let images = try await SyntheticImages.make(
                    "dx", in: folder, ["--rows", "2000", "--columns", "2000", "--count", "1"])
                let sent = try await run(
                    PeerTool.find("storescu"),
                    ["-v", "-aet", "MODALITY", "-aec", NodeInstallation.aeTitle, "127.0.0.1", "\(node.port)"]
                        + images.files)
                if sent.everything.contains("0xa700") || sent.everything.contains("Refused: OutOfResources") {
                    refused = sent.everything
                } else {
                    taken += 1
                }
                try FileManager.default.removeItem(atPath: folder)
            }
            #expect(taken >= 5 && !refused.isEmpty, "\(taken) taken, \(refused)")
            try await eventually("the disk is low") { try await installation.check().lines.contains("disk-low") }
            // Nothing was delivered, so nothing was taken away.
            #expect(try node.spoolFiles().count == taken)
            #expect(try await installation.queue("balance").succeeded)

            let pacs = try await OrthancProcess(dicomPort: pacsPort)
            let last = try await SyntheticImages.make(
                "dx", in: installation.path("last"), ["--rows", "2000", "--columns", "2000", "--count", "1"])
            try await eventually(
                "an image is taken again by itself", within: .seconds(240), every: .seconds(1),
                context: { node.process.tail }
            ) {
                try await run(
                    PeerTool.find("storescu"),
                    ["-aet", "MODALITY", "-aec", NodeInstallation.aeTitle, "127.0.0.1", "\(node.port)"] + last.files
                ).succeeded
            }
            #expect(installation.queueEvents.contains { $0.event == "pixels-retired" })
            #expect(try await pacs.instances().contains(where: \.isStructuredReport))
            let balance = try await installation.queue("balance")
            #expect(balance.succeeded && balance.output.contains("retired "), "\(balance.everything)")
            try await node.process.stop()
        }

        @Test(
            .enabled(
                if: PeerTool.available("Orthanc", "storescu") && PeerTool.pythonAvailable,
                "needs Orthanc, dcmtk, .deps/python"))
        func whatWasDeliveredGoesInItsTimeAndALateImageWaitsForTheWholeStudy() async throws {
            let pacs = try await OrthancProcess()
            let installation = try NodeInstallation(
                sections: Peers.sections(pacsPort: pacs.dicomPort), spareFiles: "0")
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"), ["--count", "2"])
            let node = try await installation.start(
                environment: [
                    "OVERREAD_PIXEL_RETENTION": "2s", "OVERREAD_JOURNAL_RETENTION": "4s",
                    "OVERREAD_IDENTITY_RETENTION": "1h",
                ])
            func send(_ files: ArraySlice<String>) async throws -> Bool {
                try await run(
                    PeerTool.find("storescu"),
                    ["-aet", "MODALITY", "-aec", NodeInstallation.aeTitle, "127.0.0.1", "\(node.port)"] + files
                ).succeeded
            }
            #expect(try await send(images.files[..<1]))
            try await node.event("study-delivered")
            try await node.event("pixels-retired")
            #expect(try node.spoolFiles().isEmpty)
            try await node.event("journal-retired")
            #expect(try await installation.queue("balance").succeeded)
            // It comes again: Success, and nothing is kept or done.
            #expect(try await send(images.files[..<1]))
            #expect(try node.spoolFiles().isEmpty)
            let reports = try await pacs.instances().filter(\.isStructuredReport).count
            #expect(reports == 1)
            // Another of the study comes: no report is made of it alone.
            #expect(try await send(images.files[1...]))
            try await eventually("the study is parked", context: { node.process.tail }) {
                installation.queueEvents.contains { $0.fields["reason"] == "pixels-retired" }
            }
            #expect(try await pacs.instances().filter(\.isStructuredReport).count == 1)
            // The whole study comes: a second report, of both.
            #expect(try await send(images.files[...]))
            try await eventually("the second revision is delivered", context: { node.process.tail }) {
                installation.queueEvents.contains {
                    $0.event == "study-delivered" && $0.fields["revision"] == "2"
                }
            }
            #expect(try await pacs.instances().filter(\.isStructuredReport).count == 2)
            let balance = try await installation.queue("balance")
            #expect(balance.succeeded, "\(balance.everything)")
            try await node.process.stop()
        }
    }
}
