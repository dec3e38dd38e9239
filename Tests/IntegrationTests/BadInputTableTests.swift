import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// The table of docs/conformance-statement.md, row by row.
    @Suite(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
    struct BadInputTableTests {
        private struct Answer: Decodable {
            let status: String
            let comment: String
        }

        /// What a node must be told so that a cause can come about: lines of its own section, and of the modality's.
        private static let conditions: [(causes: Set<String>, node: String, source: String)] = [
            (["disk-reserve"], "disk-reserve = 1000TB", ""),
            (["queue-full"], "max-waiting = 3", ""),
            (["backlog-full"], "max-waiting = 30", "max-age = 30d"),
        ]

        @Test(.enabled(if: FaultShim.isAvailable, "needs cc"))
        func eachCauseHasItsStatus() async throws {
            let rows = try Self.rows()
            #expect(rows.count > 30)
            var answers: [String: Answer] = [:]
            var plain = Set(rows.keys).subtracting(["storage-failed"])
            for condition in Self.conditions {
                plain.subtract(condition.causes)
                let scene = try await Scene(node: condition.node, source: condition.source)
                try await answers.merge(scene.answers(to: condition.causes)) { $1 }
                try await scene.expectEntries(rows.filter { condition.causes.contains($0.key) })
            }
            let scene = try await Scene(source: "duplicates = refuse")
            try await answers.merge(scene.answers(to: plain)) { $1 }
            try scene.shim.failNextSync(of: "/spool/")
            try await answers.merge(scene.answers(to: ["storage-failed"])) { $1 }
            try await scene.node.expectServiceGoesOn()
            try await scene.expectEntries(rows.filter { plain.contains($0.key) || $0.key == "storage-failed" })
            #expect(scene.node.process.errors.contains("Input/output error"), "the node's log says what the disk said")

            for (cause, row) in rows {
                #expect(answers[cause]?.status == row.status, "\(cause): \(answers[cause]?.comment ?? "not sent")")
                #expect(answers[cause]?.comment.isEmpty == (cause == "other-command"), "\(cause): no reason is given")
            }
        }

        private struct Row {
            let status: String
            /// The log's; nil where there is none.
            let word: String?
        }

        /// The rows by their causes.
        private static func rows() throws -> [String: Row] {
            let text = try String(contentsOfFile: Checkout.path("docs/conformance-statement.md"), encoding: .utf8)
            let rows = text.matches(of: /\n\| `([a-z-]+)` \|[^|]*\| ([0-9A-F]{4}) \| (?:`([a-z-]+)`|–) \|/)
            return Dictionary(
                rows.map { (String($0.1), Row(status: String($0.2), word: $0.3.map(String.init))) }
            ) { first, _ in first }
        }

        private struct Scene {
            let node: RunningNode
            let shim: FaultShim
            private let scratch: TemporaryFolder
            private let images: SyntheticImages

            init(node lines: String = "", source: String = "") async throws {
                scratch = try TemporaryFolder()
                let data = scratch.path("data")
                let installation = try NodeInstallation(
                    sections: "", data: data, keys: scratch.path("keys"), spareFiles: "0")
                try installation.write(
                    configuration: "[OVERREAD]\nrole = self\nport = 0\n\(lines)\n\n"
                        + Peers.sections(pacsPort: try freePort(), quiet: "1h", source: source) + "\n")
                shim = try await FaultShim(root: data, in: scratch.path("shim"))
                images = try await SyntheticImages.make(
                    "dx", in: scratch.path("dx"), ["--rows", "64", "--columns", "64"])
                node = try await installation.start(environment: shim.environment)
            }

            /// That each refusal is entered where the table says, under its word.
            func expectEntries(_ rows: [String: Row]) async throws {
                for (cause, row) in rows where row.word != nil {
                    try? await eventually("\(cause) is entered", within: .seconds(10)) { has(row) }
                    #expect(has(row), "\(cause): \(node.installation.queueEvents.map(\.fields))")
                }
            }

            private func has(_ row: Row) -> Bool {
                guard let word = row.word else { return true }
                if row.status == "A700" { return node.process.errors.contains("refusal=\(word)") }
                return node.installation.queueEvents.contains {
                    $0.event == "instance-refused" && $0.fields["refusal"] == word && $0.fields["status"] == row.status
                }
            }

            func answers(to causes: Set<String>) async throws -> [String: Answer] {
                let finished = try await PeerTool.python(
                    "bad_input.py", ["\(node.port)", images.files[0]] + causes.sorted(), upTo: .seconds(300))
                guard finished.succeeded else {
                    throw TestSupportError("bad_input.py: \(finished.everything)\n\(node.process.tail)")
                }
                return try JSONDecoder().decode([String: Answer].self, from: Data(finished.output.utf8))
            }
        }
    }
}
