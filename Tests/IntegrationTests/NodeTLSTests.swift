import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// The port for TLS of a whole node, with the certificates of its sources as AETitles.conf has them.
    @Suite(
        .enabled(
            if: PeerTool.available("openssl", "echoscu", "storescu") && PeerTool.pythonAvailable,
            "needs openssl, dcmtk, .deps/python"))
    struct NodeTLSTests {
        private let folder: TemporaryFolder
        private let ours: TestCertificate
        private let bound: TestCertificate
        private let other: TestCertificate
        private let installation: NodeInstallation

        init() async throws {
            folder = try TemporaryFolder()
            ours = try await TestCertificate.make("node", in: folder)
            bound = try await TestCertificate.make("bound", in: folder)
            other = try await TestCertificate.make("other", in: folder)
            let trusted = try [bound, other].map { try String(contentsOfFile: $0.certificate, encoding: .utf8) }
            try trusted.joined().write(toFile: folder.path("trust.pem"), atomically: true, encoding: .utf8)
            installation = try NodeInstallation(sections: "")
            try installation.write(
                configuration: """
                    [OVERREAD]
                    role = self
                    port = 0
                    tls-port = 0
                    tls-certificate = \(ours.certificate)
                    tls-key = \(ours.key)
                    tls-trust = \(folder.path("trust.pem"))

                    [MODALITY]
                    role = source
                    host = 127.0.0.1
                    quiet = 1h
                    results = PACS

                    [SECURE]
                    role = source
                    host = 127.0.0.1
                    tls = required
                    results = PACS

                    [BOUND]
                    role = source
                    host = 127.0.0.1
                    client-certificate = \(bound.fingerprint)
                    results = PACS

                    [PACS]
                    role = destination
                    host = 127.0.0.1
                    port = 1
                    """)
        }

        private func echo(_ node: RunningNode, _ title: String, _ options: [String]?) async throws -> Finished {
            let port = try options == nil ? node.port : #require(node.tlsPort)
            return try await run(
                PeerTool.find("echoscu"),
                ["-v", "-aet", title, "-aec", NodeInstallation.aeTitle] + (options ?? []) + ["127.0.0.1", "\(port)"])
        }

        @Test func eachSourceCallsAsItsSectionSays() async throws {
            let node = try await installation.start()
            let anonymous = ["+tla", "+cf", ours.certificate]
            let asBound = bound.dcmtkOptions(trusting: ours)
            let asOther = other.dcmtkOptions(trusting: ours)
            let rows: [(title: String, options: [String]?, log: String?)] = [
                ("MODALITY", nil, nil), ("MODALITY", anonymous, nil), ("MODALITY", asOther, nil),
                ("SECURE", nil, "the title may call over TLS only"), ("SECURE", anonymous, nil),
                ("BOUND", nil, "the title may call over TLS only"),
                ("BOUND", anonymous, "the title has to show a certificate"),
                ("BOUND", asOther, "the title has another certificate than \(other.fingerprint)"),
                ("BOUND", asBound, nil),
            ]
            for row in rows {
                let echo = try await echo(node, row.title, row.options)
                #expect(echo.succeeded == (row.log == nil), "\(row): \(echo.everything)")
                guard let log = row.log else { continue }
                #expect(echo.everything.contains("Calling AE Title Not Recognized"), "\(echo.everything)")
                try await eventually("the log says why", context: { node.process.tail }) {
                    node.process.errors.contains(log)
                }
            }
        }

        @Test func imagesSentOverTLSAreCommitted() async throws {
            let node = try await installation.start()
            let images = try await SyntheticImages.make(
                "dx", in: installation.path("dx"), ["--rows", "160", "--columns", "128", "--count", "3"])
            let store = try await run(
                PeerTool.find("storescu"),
                ["-aet", "BOUND", "-aec", NodeInstallation.aeTitle] + bound.dcmtkOptions(trusting: ours)
                    + ["127.0.0.1", "\(#require(node.tlsPort))"] + images.files)
            #expect(store.succeeded, "\(store.everything)")
            #expect(try node.spoolFiles().count == 3)
            try await node.expectServiceGoesOn()
        }

        @Test func pynetdicomIsAnsweredOverTLSWithAndWithoutACertificate() async throws {
            let node = try await installation.start()
            let port = try "\(#require(node.tlsPort))"
            func answer(_ options: [String]) async throws -> String {
                let finished = try await PeerTool.python("tls.py", [port, ours.certificate] + options)
                return finished.output.trimmingCharacters(in: .whitespacesAndNewlines)
            }
            #expect(try await answer([]) == "0000")
            let certificate = ["--certificate", bound.certificate, "--key", bound.key, "--calling", "BOUND"]
            #expect(try await answer(certificate) == "0000")
            #expect(try await answer(["--calling", "BOUND"]) == "rejected 1 1 3")
            // It does not trust us: our side sees its alert.
            let stranger = try await PeerTool.python("tls.py", [port, other.certificate])
            #expect(stranger.output.contains("aborted"), "\(stranger.everything)")
            try await eventually("the log says why", context: { node.process.tail }) {
                node.process.errors.contains("alert unknown ca")
            }
        }

        @Test func whoCallsTheWrongPortIsToldInTheLog() async throws {
            let node = try await installation.start()
            let port = try #require(node.tlsPort)
            for (port, options, words) in [
                (port, [], "an A-ASSOCIATE-RQ without TLS on the port for TLS"),
                (node.port, ["+tla", "-ic"], "a TLS handshake on the port without TLS"),
            ] {
                let echo = try await run(PeerTool.find("echoscu"), options + ["127.0.0.1", "\(port)"])
                #expect(!echo.succeeded)
                try await eventually("the log says so", context: { node.process.tail }) {
                    node.process.errors.contains(words)
                }
            }
        }

        @Test func aPrivateKeyThatOthersMayReadIsRefused() async throws {
            try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: ours.key)
            let process = try installation.launch()
            #expect(try await process.wait() != .exited(0))
            #expect(process.errors.contains("run chmod 600 \(ours.key)"), "\(process.tail)")
            let doctor = try await installation.overread(
                [
                    "doctor", "--ae-titles", installation.aeTitles, "--data", installation.data, "--keys",
                    installation.keys,
                ])
            #expect(doctor.everything.contains("run chmod 600 \(ours.key)"), "\(doctor.everything)")
        }
    }
}
