import Foundation
import NodeTestSupport
import Testing

/// What Tests/Peers/make_canaries.py made.
struct Canaries: Decodable {
    struct File: Decodable {
        let path: String
        let modality: String
        /// In Implicit VR Little Endian.
        let implicit: Bool
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

        /// The files hold a value in every attribute, so they are full of errors; none may be added.
        @Test(
            .enabled(
                if: PeerTool.available("dciodvfy") && PeerTool.pythonAvailable, "needs dicom3tools and .deps/python"))
        func dciodvfyFindsNoErrorThatTheOriginalsDoNotHave() async throws {
            let copies = installation.path("copies")
            _ = try await installation.overread([
                "deidentify", originals, copies, "--data", installation.data, "--keys", installation.keys,
            ])
            // The copies' folders are numbered in the order of the originals' names.
            let files = canaries.files.sorted { $0.path < $1.path }
            let found = try FileManager.default.subpathsOfDirectory(atPath: copies).filter { $0.hasSuffix(".dcm") }
                .sorted()
            try #require(found.count == files.count)
            var before: [String: Set<String>] = [:]
            for file in files { before[file.path] = try await Self.complaints(file.path) }
            // Of an implicit VR original it stops at the first sequence that it does not know, so what it would have
            // said of the rest is what it says of the others.
            let readable = files.filter { !$0.implicit }.reduce(into: Set<String>()) {
                $0.formUnion(before[$1.path] ?? [])
            }
            #expect(readable.count > 300, "little was found in the originals")
            for (file, name) in zip(files, found) {
                let known = (before[file.path] ?? []).union(file.implicit ? readable : [])
                let added = try await Self.complaints("\(copies)/\(name)").subtracting(known).filter { complaint in
                    !Self.tableAsksFor.contains { complaint.contains($0) }
                }
                #expect(added.isEmpty, "\(file.modality): \(added.sorted().joined(separator: "\n"))")
            }
        }

        /// Errors that table E.1-1 makes itself of an object that has these attributes, each with its reason.
        private static let tableAsksFor = [
            // X for the responsible person and organisation, which an animal must have; their role is not in the table.
            "<ResponsiblePersonRole>", "Element=<ResponsiblePerson> Module=<Patient>",
            "Element=<ResponsibleOrganization> Module=<Patient>",
            // X for the approval number, and D for the committee that is there only beside a number.
            "<ClinicalTrialProtocolEthicsCommitteeName>",
            // The originals' pointer names Patient attributes, which are removed.
            "FrameIncrementPointer value is not present in dataset",
            // The originals have pixel data and the address where they would be instead; the address is replaced.
            "Conditional Element=<PixelData> Module=<ImagePixel>",
        ]

        /// What dciodvfy calls errors, without the values: those differ, the complaint is the same.
        private static func complaints(_ path: String) async throws -> Set<String> {
            let finished = try await run(PeerTool.find("dciodvfy"), [path])
            return Set(
                finished.errors.split(separator: "\n").filter { $0.hasPrefix("Error") }.map { line -> String in
                    String(line).replacing(/<(?![A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*>)[^>]*>/, with: "<value>")
                        .replacing(/'[^']*'/, with: "'value'")
                        .replacing(/0x[0-9a-f]+|-?[0-9][0-9.e+]*/, with: "#")
                })
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
