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

        /// What must be refused: status and word of the queue log.
        @Test(
            .enabled(if: PeerTool.available("echoscu") && PeerTool.pythonAvailable, "needs dcmtk and .deps/python"),
            arguments: [
                ("charset", "C000", "unknown-character-set"), ("nested-200", "C002", "too-deep"),
                ("nested", "C002", "too-deep"), ("large-private", "C004", "header-too-large"),
                ("vr-rows-as-text", "C000", "pixel-data-not-understood"),
                ("vr-uid-as-text", "C000", "invalid-uid"), ("truncated", "C001", "truncated"),
            ])
        func whatCannotBeUnderstoodIsRefusedWithAReasonAndNothingOfItIsKept(
            _ fault: String, status: String, refusal: String
        ) async throws {
            let node = try await installation.start()
            let before = try node.peakMemory()
            let sent = try await node.sendWithPynetdicom(images.files, fault: fault)
            try await node.expectEcho()
            #expect(sent.statuses.map(\.status) == [status], "\(sent)")
            #expect(try node.spoolFiles().isEmpty)
            let event = try await node.event("instance-refused")
            #expect([event.fields["refusal"], event.fields["status"]] == [refusal, status], "\(event.fields)")
            #expect(event.fields["source"] == "MODALITY" && event.fields["study"] == nil)
            try await node.expectNothing(of: images)
            // 64 MiB of header, once, at the most, and what the allocator keeps beside it.
            #expect(try node.peakMemory() - before < 200 << 20)
            try await node.expectServiceGoesOn()
        }

        /// What can be cleaned is taken: the element whose VR contradicts the dictionary goes, and the rest stays.
        @Test(
            .enabled(if: PeerTool.pythonAvailable, "needs .deps/python"),
            arguments: [
                "vr-text-as-bytes", "vr-text-as-numbers", "vr-name-as-sequence", "vr-sequence-as-text",
                "vr-date-as-text", "vr-code-as-sequence", "vr-number-as-text",
            ])
        func aValueWhoseVRContradictsTheDictionaryIsTakenOut(_ fault: String) async throws {
            let node = try await installation.start()
            let sent = try await node.sendWithPynetdicom(images.files, fault: fault)
            #expect(sent.acknowledged == images.sopInstanceUIDs, "\(sent)")
            #expect(try node.spoolFiles().count == 1)
            try await node.expectNothing(of: images)
            try await node.expectServiceGoesOn()
        }

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func anInstanceUIDThatTheCommandNamesDifferentlyIsRefusedWithA900() async throws {
            let node = try await installation.start()
            let sent = try await node.sendWithPynetdicom(images.files, fault: "uid-mismatch")
            #expect(sent.statuses.first?.status == "A900")
            #expect(try node.spoolFiles().isEmpty)
            let event = try await node.event("instance-refused")
            #expect([event.fields["refusal"], event.fields["status"]] == ["uid-mismatch", "A900"])
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

extension RunningNode {
    /// That a C-ECHO is answered, on an association of its own.
    fileprivate func expectEcho(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let echo = try await run(
            PeerTool.find("echoscu"), ["-aet", "MODALITY", "-aec", NodeInstallation.aeTitle, "127.0.0.1", "\(port)"])
        #expect(echo.succeeded, "\(echo.everything)", sourceLocation: sourceLocation)
    }

    /// That nothing of what send.py put in, and nothing of whom the images name, is in data, keys or what was printed, in
    /// any form that score_canaries.py knows.
    fileprivate func expectNothing(
        of images: SyntheticImages, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let names = Dictionary(images.identity.map { ($0, ["where": "image"]) }) { first, _ in first }
        let key = installation.path("faults.json")
        try JSONSerialization.data(withJSONObject: ["identity": [String: String](), "names": names])
            .write(to: URL(filePath: key))
        try Data((process.output + process.errors).utf8).write(to: URL(filePath: "\(installation.data)/printed"))
        let canaries = Canaries(key: key, files: [], planted: names.count)
        let score = try await canaries.score(installation.data, installation.keys)
        #expect(score.searched > 4 && score.bytes > 10_000, "little was searched", sourceLocation: sourceLocation)
        #expect(score.count == 0, "\(score.found.prefix(20))", sourceLocation: sourceLocation)
    }

    /// The most memory that was resident, in bytes.
    fileprivate func peakMemory() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process.identifier)/status", encoding: .utf8)
        let kilobytes = status.firstMatch(of: /VmHWM:\s+([0-9]+) kB/).flatMap { Int($0.1) }
        return try #require(kilobytes) << 10
    }
}
