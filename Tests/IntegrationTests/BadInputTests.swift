import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// What no peer should send and some do. None of it stops the service or loses what was committed.
    @Suite struct BadInputTests {
        let installation: NodeInstallation
        let images: SyntheticImages

        init() async throws {
            // Nobody listens there: these tests are about what comes in.
            installation = try NodeInstallation(sections: Peers.sections(pacsPort: try freePort(), quiet: "1h"))
            images = try await SyntheticImages.make(
                "dx", in: installation.path("dx"), ["--rows", "160", "--columns", "128"])
        }

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func anUnknownCallingAETitleIsRejectedAsNotRecognized() async throws {
            let node = try await installation.start()
            let sent = try await node.sendWithPynetdicom(images.files, calling: "NOBODY")
            // PS3.8 table 9-21: rejected-permanent, service-user, calling-AE-title-not-recognized.
            #expect(sent.association == "rejected")
            #expect([sent.result, sent.source, sent.reason] == [1, 1, 3])
            try await node.expectServiceGoesOn()
        }

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func anUnknownCalledAETitleIsRejectedAsNotRecognized() async throws {
            let node = try await installation.start()
            let sent = try await node.sendWithPynetdicom(images.files, called: "ELSEWHERE")
            #expect(sent.association == "rejected")
            #expect([sent.result, sent.source, sent.reason] == [1, 1, 7])
            try await node.expectServiceGoesOn()
        }

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func anUnsupportedSOPClassIsNotNegotiated() async throws {
            let node = try await installation.start()
            let sent = try await node.sendWithPynetdicom(images.files, fault: "unsupported")
            #expect(sent.association == "no context accepted")
            // PS3.8 table 9-18: abstract-syntax-not-supported.
            #expect(sent.results == [3])
            try await node.expectServiceGoesOn()
        }

        @Test(
            .enabled(if: PeerTool.pythonAvailable, "needs .deps/python"),
            arguments: ["truncated", "cut-in-header", "nested"])
        func aMalformedDataSetIsRefusedAndNothingOfItKept(_ fault: String) async throws {
            let node = try await installation.start()
            let sent = try await node.sendWithPynetdicom(images.files, fault: fault)
            #expect(sent.association == "accepted")
            #expect(sent.statuses.count == 1)
            #expect(sent.statuses.first?.status?.hasPrefix("C") ?? false, "\(sent)")
            #expect(try node.spoolFiles().isEmpty)
            try await node.expectServiceGoesOn()
            #expect(try node.spoolFiles().count == 1)
        }

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func anInstanceUIDThatTheCommandNamesDifferentlyIsRefusedWithA900() async throws {
            let node = try await installation.start()
            let sent = try await node.sendWithPynetdicom(images.files, fault: "uid-mismatch")
            #expect(sent.statuses.first?.status == "A900")
            #expect(try node.spoolFiles().isEmpty)
            try await node.expectServiceGoesOn()
        }

        @Test(.enabled(if: PeerTool.available("storescu") && PeerTool.pythonAvailable, "needs dcmtk and .deps/python"))
        func garbageAndSilenceOnThePortHoldNobodyUp() async throws {
            let node = try await installation.start()
            // Two peers that connect and say nothing, one that says something else than DICOM.
            let silent = try (0..<2).map { _ in
                try ChildProcess("/bin/bash", ["-c", "exec 5<>/dev/tcp/127.0.0.1/\(node.port); sleep 60"])
            }
            let garbage = try ChildProcess(
                "/bin/bash",
                ["-c", "exec 5<>/dev/tcp/127.0.0.1/\(node.port); head -c 100000 /dev/urandom >&5; sleep 60"])
            let clock = ContinuousClock()
            let duration = try await clock.measure { try await node.expectServiceGoesOn() }
            #expect(duration < .seconds(10), "held up for \(duration)")
            withExtendedLifetime((silent, garbage)) {}
        }
    }

    /// Objects that are accepted and that no model can read.
    @Suite struct OutOfScopeTests {
        @Test(
            .enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"),
            arguments: ["no-pixels", "dx-lateral"])
        func whatTheModelCannotReadIsReportedAsNotAnalysed(_ kind: String) async throws {
            let scene = try await NodeWithPACS()
            let images = try await SyntheticImages.make(kind, in: scene.installation.path("images"))
            #expect(try await scene.node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            let report = try await scene.report(inStudy: images.studyInstanceUID)
            let said = try await ReadReport(report, of: scene)
            // Nothing was measured and nothing is called present or absent.
            #expect(said.groups.allSatisfy { $0.measurements.isEmpty })
            #expect(
                said.groups.flatMap(\.evaluations).allSatisfy {
                    !["52101004", "272519000"].contains($0.value.first ?? "")
                })
            // Summary of Detections: Failed or Not Attempted.
            #expect(
                said.groups.flatMap(\.evaluations).contains { ["111224", "111225"].contains($0.value.first ?? "") })
            #expect(try await !scene.pacs.instances().contains { $0.isSecondaryCapture })
            try await scene.node.expectServiceGoesOn()
        }

        @Test(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
        func aPresentationStateDoesNotFailTheScannersJobAndIsNotQueued() async throws {
            let scene = try await NodeWithPACS()
            let images = try await SyntheticImages.make("presentation", in: scene.installation.path("images"))
            let sent = try await scene.node.sendWithPynetdicom(images.files)
            // By `other-objects`: not negotiated, or taken and discarded with a ledger entry.
            if sent.association == "accepted" {
                #expect(sent.acknowledged == images.sopInstanceUIDs)
                try await scene.node.event("instance-discarded")
            } else {
                #expect(sent.association == "no context accepted")
            }
            #expect(!scene.installation.queueEvents.contains { $0.event == "analysis-started" })
            try await scene.node.expectServiceGoesOn()
        }
    }
}
