import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// A kill leaves the page cache; a power cut does not. So the node's calls are written down (Tests/FaultShim), and it
    /// is started again on what was synced.
    @Suite(
        .enabled(if: FaultShim.isAvailable && PeerTool.pythonAvailable, "needs cc and .deps/python"))
    struct PowerCutTests {
        /// The seed of what survives unsynced, nil for nothing of it; and the room for files made ahead.
        @Test(arguments: [(nil, "0"), (nil, "8MiB"), (1, "0"), (2, "8MiB"), (3, "8MiB")] as [(Int?, String)])
        func whatWasAnsweredWithSuccessIsThereAfterAPowerCut(_ seed: Int?, _ spareFiles: String) async throws {
            let scene = try await FaultScene(spareFiles: spareFiles)
            let node = try await scene.start()
            let images = try await SyntheticImages.make(
                "dx", in: scene.path("dx"), ["--count", "150", "--rows", "96", "--columns", "64"])
            let sending = try await HeldSender(images, to: node)
            async let sent = sending.release()
            try await Task.sleep(for: .milliseconds(Int.random(in: 300...1500)))
            try await node.process.killGroup()
            let acknowledged = try await sent.acknowledged
            try #require(!acknowledged.isEmpty && acknowledged.count < images.files.count, "\(acknowledged.count)")

            let (again, remains) = try await scene.startOnWhatIsDurable(keepingSome: seed)
            #expect(remains.syncs >= 2 * acknowledged.count)
            try await again.expectHeld(acknowledged, of: images)
            // A file of the right size whose bytes were never written would pass for held.
            try again.expectSpool(ofSameBytesAs: scene.data)
            try await again.expectServiceGoesOn()
        }

        @Test(arguments: [("/spool/", "0"), ("/spool/", "8MiB"), ("overread.sqlite-wal", "0")])
        func anInstanceWhoseSyncFailsIsRefusedAndLaterOnesAreDurable(
            _ file: String, _ spareFiles: String
        ) async throws {
            let scene = try await FaultScene(spareFiles: spareFiles)
            let node = try await scene.start()
            let images = try await SyntheticImages.make(
                "dx", in: scene.path("dx"), ["--count", "12", "--rows", "96", "--columns", "64"])
            let (before, failing, after) = (images.files[..<4], images.files[4..<5], images.files[5...])
            #expect(try await node.sendWithPynetdicom(Array(before)).acknowledged.count == 4)
            // Else it would be the sync of one that is made to replace those that were taken.
            try await node.installation.untilFilesAreMadeAhead()
            try scene.shim.failNextSync(of: file)
            let refused = try await node.sendWithPynetdicom(Array(failing))
            #expect(scene.shim.hasFailed)
            #expect(refused.statuses.map(\.status) == ["A700"], "\(refused)")
            #expect(try await node.sendWithPynetdicom(Array(after)).acknowledged.count == after.count)
            #expect(try await node.sendWithPynetdicom(Array(failing)).acknowledged.count == 1, "it may come again")
            try await node.process.killGroup()

            let (again, remains) = try await scene.startOnWhatIsDurable()
            #expect(remains.usedAfterFailure.isEmpty, "\(remains.usedAfterFailure)")
            try await again.expectHeld(images.sopInstanceUIDs, of: images)
            try again.expectSpool(ofSameBytesAs: scene.data)
            try await again.expectServiceGoesOn()
        }
    }
}

/// A node whose file system calls are written down, and its copy after a power cut.
private struct FaultScene {
    let shim: FaultShim
    let data: String
    private let scratch: TemporaryFolder
    private let configuration: String
    private let installation: NodeInstallation

    init(spareFiles: String) async throws {
        scratch = try TemporaryFolder()
        data = scratch.path("data")
        configuration = Peers.sections(pacsPort: try freePort(), quiet: "1h")
        installation = try NodeInstallation(
            sections: configuration, data: data, keys: scratch.path("keys"), spareFiles: spareFiles)
        shim = try await FaultShim(root: data, in: scratch.path("shim"))
    }

    func path(_ name: String) -> String { scratch.path(name) }

    func start() async throws -> RunningNode {
        let node = try await installation.start(environment: shim.environment)
        try await installation.untilFilesAreMadeAhead()
        return node
    }

    func startOnWhatIsDurable(keepingSome seed: Int? = nil) async throws -> (RunningNode, FaultShim.Remains) {
        let left = scratch.path("left")
        let remains = try await shim.remains(in: left, keepingSome: seed)
        let copy = try NodeInstallation(sections: configuration, data: left, keys: scratch.path("keys"))
        return (try await copy.start(), remains)
    }
}

extension RunningNode {
    /// That these instances of a study are held: sent again, each is known by UID and digest, and nothing is added.
    fileprivate func expectHeld(
        _ acknowledged: [String], of images: SyntheticImages, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let balance = try await installation.queue("balance")
        #expect(balance.succeeded, "\(balance.everything)", sourceLocation: sourceLocation)
        let held = try await heldCount(ofStudy: images.studyInstanceUID)
        let files = zip(images.files, images.sopInstanceUIDs).filter { acknowledged.contains($1) }.map(\.0)
        let sent = try await sendWithPynetdicom(files)
        #expect(sent.acknowledged == acknowledged, sourceLocation: sourceLocation)
        #expect(
            try await heldCount(ofStudy: images.studyInstanceUID) == held, "an instance that was answered was lost",
            sourceLocation: sourceLocation)
    }

    private func heldCount(ofStudy uid: String) async throws -> Int {
        struct Summary: Decodable { let instances: Int }
        let found = try await installation.overread(
            ["queue", "find", "--study-uid", uid, "--json", "--data", installation.data, "--keys", installation.keys])
        guard found.succeeded else { return 0 }
        return try JSONDecoder().decode([Summary].self, from: Data(found.output.utf8)).map(\.instances).reduce(0, +)
    }

    fileprivate func expectSpool(
        ofSameBytesAs data: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let kept = try spoolFiles()
        #expect(!kept.isEmpty, sourceLocation: sourceLocation)
        for file in kept {
            let original = data + file.dropFirst(installation.data.count)
            #expect(
                FileManager.default.contentsEqual(atPath: file, andPath: original), "\(file)",
                sourceLocation: sourceLocation)
        }
    }
}
