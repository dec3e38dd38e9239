import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// An object of any size goes from the socket to the file in the same memory.
    @Suite(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
    struct LargeObjectTests {
        private static let limit = 200_000_000

        /// What stream_large.py reports.
        private struct Sent: Decodable {
            let status: String?
            let comment: String
            let bytes: Int
        }

        private let scratch: TemporaryFolder
        private let installation: NodeInstallation

        init() async throws {
            scratch = try TemporaryFolder()
            // The limit is the receiver's: a model of 90 MB is not part of it.
            let models = scratch.path("no-models")
            try FileManager.default.createDirectory(atPath: models, withIntermediateDirectories: true)
            installation = try NodeInstallation(
                sections: Peers.sections(pacsPort: try freePort(), quiet: "1h"), models: models)
        }

        private func send(_ options: [String], to node: RunningNode) async throws -> Sent {
            let finished = try await PeerTool.python(
                "stream_large.py", ["\(node.port)"] + options, upTo: .seconds(500))
            guard finished.succeeded else { throw TestSupportError("stream_large.py: \(finished.everything)") }
            return try JSONDecoder().decode(Sent.self, from: Data(finished.output.utf8))
        }

        /// Megabytes of each object, and how many come at once.
        static var loads: [(Int, Int)] { Soak.isOn ? [(2000, 1), (500, 8)] : [(300, 1), (60, 8)] }

        @Test(arguments: loads)
        func objectsOfAnySizeAreReceivedInTheSameMemory(_ megabytes: Int, _ count: Int) async throws {
            // Without the right to make a group, the peak alone is looked at.
            let group = MemoryGroup(bytes: Self.limit)
            let node = try await installation.start(under: group?.wrapper ?? [])
            let sent = try await withThrowingTaskGroup(of: Sent.self) { tasks in
                for _ in 0..<count {
                    tasks.addTask { try await send(["--megabytes", "\(megabytes)"], to: node) }
                }
                return try await tasks.reduce(into: []) { $0.append($1) }
            }
            #expect(sent.map(\.status) == Array(repeating: "0000", count: count), "\(sent)\n\(node.process.tail)")
            let peak = try #require(node.process.memoryPeak, "the node ended\n\(node.process.tail)")
            print("memory: \(count) × \(megabytes) MB in \(peak / 1_000_000) MB\(group == nil ? ", no cgroup" : "")")
            #expect(peak < Self.limit)
            let kept = try node.spoolFiles().map {
                try FileManager.default.attributesOfItem(atPath: $0)[.size] as? Int ?? 0
            }
            #expect(kept.count == count)
            #expect(kept.allSatisfy { $0 > megabytes * 990_000 }, "\(kept)")
            #expect(try await installation.queue("balance").succeeded)
            try await node.process.killGroup()
        }

        @Test func aHeaderBeyondTheCapIsRefusedWithAReason() async throws {
            let node = try await installation.start()
            let small = try await send(["--header-megabytes", "40"], to: node)
            #expect(small.status == "0000", "\(small)")
            let large = try await send(["--header-megabytes", "70"], to: node)
            #expect(large.status == "C004")
            #expect(large.comment.contains("header"), "\(large)")
            #expect(try node.spoolFiles().count == 1)
            try await node.expectServiceGoesOn()
        }
    }
}
