import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// Peers that hold, drip or break what they can keep no other peer waiting.
    @Suite struct NeverStalledTests {
        /// Ten seconds, or as long as OVERREAD_SOAK_SECONDS says.
        private static var seconds: Int {
            ProcessInfo.processInfo.environment["OVERREAD_SOAK_SECONDS"].flatMap(Int.init) ?? 10
        }

        /// From where hostile.py connects, and the one that is to be served meanwhile.
        private static func configuration(_ certificate: TestCertificate) -> String {
            """
            [OVERREAD]
            role = self
            port = 0
            tls-port = 0
            tls-certificate = \(certificate.certificate)
            tls-key = \(certificate.key)

            [HOSTILE]
            role = source
            host = 127.0.0.2
            results = PACS

            [MODALITY]
            role = source
            host = 127.0.0.1
            quiet = 1h
            results = PACS

            [PACS]
            role = destination
            host = 127.0.0.1
            port = 1
            """
        }

        /// What hostile.py counted, for each kind of peer.
        private typealias Seen = [String: [String: Int]]

        @Test(
            .enabled(
                if: PeerTool.available("echoscu", "storescu", "openssl") && PeerTool.pythonAvailable,
                "needs dcmtk, openssl and .deps/python"))
        func twoHundredHostilePeersKeepNobodyWaiting() async throws {
            let installation = try NodeInstallation(sections: "")
            let folder = try TemporaryFolder()
            try installation.write(
                configuration: Self.configuration(try await TestCertificate.make("node", in: folder)))
            let images = try await SyntheticImages.make(
                "dx", in: installation.path("dx"), ["--rows", "160", "--columns", "128", "--count", "20"])
            let node = try await installation.start()
            let tlsPort = try #require(node.tlsPort)
            let hostile = try ChildProcess(
                PeerTool.python,
                [
                    Checkout.path("Tests/Peers/hostile.py"), "\(node.port)", "\(Self.seconds)", "--ready",
                    installation.path("begun"), "--tls-port", "\(tlsPort)",
                ])
            try await eventually("all of them have begun", context: { hostile.tail + node.process.tail }) {
                if let end = hostile.ended { throw TestSupportError("hostile.py ended: \(end)") }
                return FileManager.default.fileExists(atPath: installation.path("begun"))
            }
            let title = ["-aet", "MODALITY", "-aec", NodeInstallation.aeTitle, "127.0.0.1"]
            let ports = [("plain", ["\(node.port)"]), ("TLS", ["\(tlsPort)", "+tla", "-ic"])]
            var slowest: [String: Duration] = [:]
            var round = 0
            while hostile.ended == nil {
                let (kind, port) = ports[round % ports.count]
                for tool in ["echoscu", "storescu"] {
                    let start = ContinuousClock.now
                    let files = tool == "storescu" ? [images.files[round % images.files.count]] : []
                    let finished = try await run(PeerTool.find(tool), title + port + files)
                    let name = "\(tool) \(kind)"
                    slowest[name] = max(slowest[name] ?? .zero, ContinuousClock.now - start)
                    #expect(finished.succeeded, "\(name): \(finished.everything)")
                }
                round += 1
                try await Task.sleep(for: .milliseconds(100))
            }
            print("\(round) rounds among 200 hostile peers; slowest: \(slowest)")
            #expect(slowest.values.allSatisfy { $0 < .seconds(1) }, "\(slowest)")
            #expect(round >= Self.seconds, "hardly anything was asked of the node")
            #expect(hostile.ended == .exited(0), "\(hostile.tail)")
            try expectEachWasAnswered(try JSONDecoder().decode(Seen.self, from: Data(hostile.output.utf8)))
            // Kinds of peers and reasons, not connections, make lines.
            #expect(node.process.errors.split(separator: "\n").count < 300 + 20 * (round + Self.seconds))
            try await node.expectServiceGoesOn()
        }

        private func expectEachWasAnswered(_ seen: Seen) throws {
            #expect(seen.count == 27 && seen.values.allSatisfy { $0["connections", default: 0] > 0 }, "\(seen)")
            // Who has no association stands until its ten seconds are over; none of these gets one.
            for name in ["silent", "half_a_request", "dripped_request", "raw:silent_after_client_hello", "tls:silent"] {
                #expect(seen[name]?["associated"] == nil, "\(name): \(seen)")
            }
            for name in [
                "garbage", "huge_length", "wrong_length", "raw:garbage", "raw:half_a_request", "tls:wrong_length",
            ] {
                #expect(seen[name]?["aborted", default: 0] ?? 0 > 0, "\(name): \(seen)")
            }
            // One host has its share of the associations, and is told why it gets no more.
            let associated = seen.values.reduce(0) { $0 + $1["associated", default: 0] }
            let rejected = seen.values.reduce(0) { $0 + $1["rejected 2 3 2", default: 0] }
            #expect(associated >= 16 && rejected > 0, "\(seen)")
            #expect(
                seen.values.allSatisfy { $0.keys.allSatisfy { !$0.hasPrefix("rejected") || $0.hasSuffix("2 3 2") } })
        }

        @Test(.enabled(if: PeerTool.available("echoscu"), "needs dcmtk"))
        func associationsAreLimitedForTheNodeForAHostAndForASource() async throws {
            let installation = try NodeInstallation(sections: "")
            try installation.write(
                configuration: """
                    [OVERREAD]
                    role = self
                    port = 0
                    max-associations = 4

                    [A]
                    role = source
                    host = 127.0.0.1
                    results = PACS

                    [B]
                    role = source
                    host = *
                    max-associations = 3
                    results = PACS

                    [PACS]
                    role = destination
                    host = 127.0.0.1
                    port = 1
                    """)
            let node = try await installation.start()
            func isRejected(_ title: String) async throws -> Bool {
                let echo = try await run(
                    PeerTool.find("echoscu"),
                    ["-v", "-aet", title, "-aec", NodeInstallation.aeTitle, "127.0.0.1", "\(node.port)"])
                if !echo.succeeded {
                    #expect(
                        echo.everything.contains("Rejected Transient")
                            && echo.everything.contains("Local Limit Exceeded"), "\(echo.everything)")
                }
                return !echo.succeeded
            }
            var holders = try await [hold(node, "A"), hold(node, "A")]
            // A says nothing of its own: a host may have half of the node's. B may have three, wherever they are.
            #expect(try await isRejected("A"))
            #expect(try await !isRejected("B"))
            #expect(try node.hasLogged("as many associations as one host may have"))
            holders.append(try await hold(node, "B", from: "127.0.0.3"))
            #expect(try await !isRejected("B"))
            holders.append(try await hold(node, "B", from: "127.0.0.3"))
            #expect(try await isRejected("B"))
            #expect(try node.hasLogged("max-associations of this node"))
            for _ in 0..<2 { try await holders.removeFirst().killGroup() }
            try await eventually("there is room for one more") { try await !isRejected("B") }
            holders.append(try await hold(node, "B", from: "127.0.0.4"))
            #expect(try await isRejected("B"))
            #expect(try node.hasLogged("max-associations of the source"))
            withExtendedLifetime(holders) {}
        }

        /// An association that is held until the process goes.
        private func hold(
            _ node: RunningNode, _ title: String, from address: String = "127.0.0.1"
        ) async throws -> ChildProcess {
            let name = UUID().uuidString
            let process = try ChildProcess(
                PeerTool.python,
                [
                    Checkout.path("Tests/Peers/hostile.py"), "\(node.port)", "600", "--peers", "1", "--only",
                    "silent_after_association", "--calling", title, "--address", address, "--ready",
                    node.installation.path(name),
                ])
            try await eventually("the association is held", context: { process.tail + node.process.tail }) {
                FileManager.default.fileExists(atPath: node.installation.path(name))
            }
            return process
        }

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func aNewStudyIsToldA700WhileAsManyWaitAsMaxWaitingAllows() async throws {
            let empty = try TemporaryFolder()
            let installation = try NodeInstallation(sections: "", models: empty.url.path)
            try installation.write(
                configuration: "[OVERREAD]\nrole = self\nport = 0\nmax-waiting = 1\n\n"
                    + Peers.sections(pacsPort: try freePort()))
            let node = try await installation.start()
            func sends(_ name: String) async throws -> SendReport {
                let images = try await SyntheticImages.make(
                    "dx", in: installation.path(name), ["--rows", "160", "--columns", "128"])
                return try await node.sendWithPynetdicom(images.files)
            }
            // Without a model a study waits once it is complete.
            #expect(try await sends("first").statuses.first?.status == "0000")
            try await node.event("study-complete")
            try await eventually("the queue is full", every: .milliseconds(500)) {
                try await sends(UUID().uuidString).statuses.first?.status == "A700"
            }
        }
    }
}

extension RunningNode {
    /// Whether the node's log has these words.
    fileprivate func hasLogged(_ words: String) throws -> Bool { process.errors.contains(words) }
}
