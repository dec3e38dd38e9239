import Foundation
import NodeTestSupport
import Testing

/// What Tests/Peers/make_canaries.py made.
struct Canaries: Decodable {
    struct File: Decodable {
        let path: String
        let modality: String
    }

    /// The answer key.
    let key: String
    let files: [File]
    /// How many strings must be found nowhere.
    let planted: Int

    static func make(in folder: String) async throws -> Canaries {
        let finished = try await PeerTool.python("make_canaries.py", [folder])
        guard finished.succeeded else { throw TestSupportError("make_canaries.py failed: \(finished.everything)") }
        return try JSONDecoder().decode(Canaries.self, from: Data(finished.output.utf8))
    }

    /// What Tests/Peers/score_canaries.py found.
    struct Score: Decodable {
        struct Hit: Decodable, CustomStringConvertible {
            let canary: String
            let attribute: String
            let form: String
            let file: String
            var description: String { "\(canary) of \(attribute), \(form), in \(file)" }
        }

        let searched: Int
        let bytes: Int
        let found: [Hit]
        let count: Int
        let distinct: Int
    }

    func score(_ paths: String...) async throws -> Score {
        let finished = try await PeerTool.python("score_canaries.py", [key] + paths, upTo: .seconds(300))
        guard finished.succeeded else { throw TestSupportError("score_canaries.py failed: \(finished.everything)") }
        return try JSONDecoder().decode(Score.self, from: Data(finished.output.utf8))
    }

    /// What Tests/Peers/check_deidentified.py says of copies.
    struct Comparison: Decodable {
        let pairs: Int
        let wrong: [String]
        let count: Int
        let checked: [String: Int]
    }

    static func compare(_ originals: String, with copies: String) async throws -> Comparison {
        let table = Checkout.path("Sources/DeIdentification/Profile/Tables/ps315_e1_1_2026d.csv")
        let finished = try await PeerTool.python(
            "check_deidentified.py", [table, originals, copies], upTo: .seconds(300))
        guard finished.succeeded else { throw TestSupportError("check_deidentified.py failed: \(finished.everything)") }
        return try JSONDecoder().decode(Comparison.self, from: Data(finished.output.utf8))
    }
}

extension NodeSuite {
    /// A canary in every attribute of PS3.6 and in every place where bytes can hide: none is found in what comes out, on the
    /// path of files and on that of the network, and what the profile leaves alone is as it was.
    @Suite struct CanaryTests {
        private let installation: NodeInstallation
        private let canaries: Canaries
        private var originals: String { installation.path("originals") }

        init() async throws {
            installation = try NodeInstallation(
                sections: """
                    [MODALITY]
                    role = source
                    host = 127.0.0.1
                    quiet = 1h
                    results = PACS

                    [PACS]
                    role = destination
                    host = 127.0.0.1
                    port = \(try freePort())
                    """)
            canaries = try await Canaries.make(in: installation.path("originals"))
        }

        /// A search that finds nothing in the originals proves nothing about the copies.
        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func theSearchFindsTheCanariesWhereTheyWerePlanted() async throws {
            let score = try await canaries.score(originals)
            #expect(canaries.planted > 40_000)
            #expect(score.distinct > canaries.planted * 99 / 100)
            let comparison = try await Canaries.compare(originals, with: originals)
            #expect(comparison.pairs == canaries.files.count)
            #expect(comparison.count > 30_000)
        }

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func noCanarySurvivesInFiles() async throws {
            let copies = installation.path("copies")
            let finished = try await installation.overread([
                "deidentify", originals, copies, "--data", installation.data, "--keys", installation.keys,
            ])
            // The answer key lies beside the originals and is no DICOM file.
            #expect(finished.end == .exited(1))
            #expect(
                finished.errors.split(separator: "\n").count { $0.contains("refused: ") } == 1, "\(finished.errors)")
            try Data(finished.output.utf8).write(to: URL(filePath: installation.path("copies/printed")))
            try await expectNoCanary(copies, installation.keys)
            try await expectWhatTheTableDemands(copies, pairs: canaries.files.count)
        }

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func noCanarySurvivesInTheNode() async throws {
            let node = try await installation.start()
            let images = canaries.files.filter { $0.modality != "SR" }.map(\.path)
            let sent = try await node.sendWithPynetdicom(images)
            #expect(sent.acknowledged.count == images.count, "\(sent.statuses.filter { $0.status != "0000" })")
            let printed = node.process.output + node.process.errors
            try Data(printed.utf8).write(to: URL(filePath: "\(installation.data)/printed"))
            // While it runs: the write-ahead log of its database is there too.
            #expect(FileManager.default.fileExists(atPath: "\(installation.data)/overread.sqlite-wal"))
            try await expectNoCanary(installation.data, installation.keys)
            try await expectWhatTheTableDemands("\(installation.data)/spool", pairs: images.count)
        }

        private func expectNoCanary(_ paths: String..., sourceLocation: SourceLocation = #_sourceLocation) async throws
        {
            for path in paths {
                let score = try await canaries.score(path)
                #expect(score.searched > 1, "nothing was searched", sourceLocation: sourceLocation)
                #expect(score.count == 0, "\(score.found.prefix(20))", sourceLocation: sourceLocation)
            }
        }

        private func expectWhatTheTableDemands(
            _ copies: String, pairs: Int, sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let comparison = try await Canaries.compare(originals, with: copies)
            #expect(comparison.pairs == pairs, sourceLocation: sourceLocation)
            #expect(comparison.count == 0, "\(comparison.wrong.prefix(20))", sourceLocation: sourceLocation)
            #expect(comparison.checked["kept", default: 0] > 35_000, "little was kept", sourceLocation: sourceLocation)
            #expect(comparison.checked["action D", default: 0] > 5000, sourceLocation: sourceLocation)
        }
    }
}
