import DCMTKBridge
import DICOMCore
import Foundation
import Glibc
import NodeTestSupport
import Testing

@testable import DICOMNetwork

/// The second port. Its peers are DCMTK's programs and openssl's; certificates are made for each test.
@Suite(.enabled(if: PeerTool.available("openssl", "echoscu"), "needs openssl and dcmtk"))
struct TLSTests {
    private let folder: TemporaryFolder
    private let ours: TestCertificate
    private let client: TestCertificate

    init() async throws {
        folder = try TemporaryFolder()
        ours = try await TestCertificate.make("node", in: folder)
        client = try await TestCertificate.make("client", in: folder)
    }

    private func listening(
        certificate: TestCertificate? = nil, trusting trusted: [TestCertificate]? = nil,
        receiver: MemoryReceiver = MemoryReceiver(), policy: ClosurePolicy = .everybody,
        configure: (inout ListenerConfiguration) -> Void = { _ in }
    ) throws -> TestNode {
        let certificate = certificate ?? ours
        let trust = folder.path("trust.pem")
        let texts = try (trusted ?? [client]).map { try String(contentsOfFile: $0.certificate, encoding: .utf8) }
        try texts.joined().write(toFile: trust, atomically: true, encoding: .utf8)
        let context = try TLSContext(
            certificateFile: certificate.certificate, keyFile: certificate.key, trustFile: texts.isEmpty ? nil : trust)
        return try TestNode(receiver: receiver, policy: policy) {
            $0.tls = TLSEndpoint(port: 0, context: context)
            configure(&$0)
        }
    }

    private func tlsPort(_ node: TestNode) throws -> UInt16 { try #require(node.listener.tlsPort) }

    private func echo(_ node: TestNode, _ options: [String]) async throws -> Finished {
        try await run(PeerTool.find("echoscu"), options + ["127.0.0.1", "\(tlsPort(node))"])
    }

    private func openssl(_ node: TestNode, _ options: [String]) async throws -> Finished {
        try await run(
            PeerTool.find("openssl"), ["s_client", "-connect", "127.0.0.1:\(tlsPort(node))"] + options)
    }

    @Test func echoscuIsAnsweredOverTLSAndItsCertificateIsKnown() async throws {
        let node = try listening()
        let echo = try await echo(node, client.dcmtkOptions(trusting: ours))
        #expect(echo.succeeded, "\(echo.everything)")
        try await eventually("the association is closed") { node.log.outcomes == [.released] }
        let certificate = try #require(CertificateFingerprint(client.fingerprint))
        #expect(node.log.securities == [.tls(version: "TLSv1.3", certificate: certificate)])
        #expect(certificate.description == client.fingerprint)
    }

    @Test(arguments: [["-tls1_2"], ["-tls1_3"]])
    func aPeerWithoutACertificateIsTakenOverTLS(options: [String]) async throws {
        let node = try listening()
        let echo = try await echo(node, ["+tla", "-ic"])
        #expect(echo.succeeded, "\(echo.everything)")
        #expect(node.log.securities.allSatisfy { if case .tls(_, nil) = $0 { true } else { false } })
        let handshake = try await openssl(node, options)
        #expect(handshake.output.contains("Verification error: self-signed certificate"))
        #expect(!handshake.output.contains("(NONE)"), "\(handshake.everything)")
    }

    @Test func aNodeWithAnECDSAKeySpeaksBothVersions() async throws {
        let node = try listening(certificate: try await TestCertificate.make("ec", in: folder, algorithm: "ec"))
        for version in ["-tls1_2", "-tls1_3"] {
            let handshake = try await openssl(node, [version])
            #expect(handshake.output.contains("-ECDSA-") || handshake.output.contains("TLS_AES"), "\(handshake)")
        }
    }

    @Test func bigDataSetsComeWholeOverTLS() async throws {
        let receiver = MemoryReceiver()
        let node = try listening(receiver: receiver)
        let instance = try TestInstance.files(1...3, in: folder)
        let store = try await run(
            PeerTool.find("storescu"),
            client.dcmtkOptions(trusting: ours) + ["127.0.0.1", "\(tlsPort(node))"] + instance)
        #expect(store.succeeded, "\(store.everything)")
        let plain = MemoryReceiver()
        let other = try TestNode(receiver: plain)
        #expect(try await other.peer("storescu", files: instance).succeeded)
        #expect(receiver.finished.map(\.bytes) == plain.finished.map(\.bytes) && receiver.finished.count == 3)
    }

    /// What the handshake ends with, and the words of the log.
    @Test(
        arguments: [
            (["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], "unsupported protocol"),
            (["-tls1_2", "-cipher", "AES128-SHA"], "no shared cipher"),
        ])
    func whatTheProfileDoesNotAllowHasAReasonInTheLog(options: [String], reason: String) async throws {
        let node = try listening()
        _ = try await openssl(node, options)
        try await eventually("the reason is told", context: { "\(node.log.events)" }) {
            node.log.handshakeFailures == [reason]
        }
    }

    @Test func aCertificateThatNobodyVouchesForHasAReasonInTheLog() async throws {
        let stranger = try await TestCertificate.make("stranger", in: folder)
        let node = try listening()
        #expect(try await !echo(node, stranger.dcmtkOptions(trusting: ours)).succeeded)
        try await eventually("the reason is told", context: { "\(node.log.events)" }) {
            node.log.handshakeFailures == ["self-signed certificate"]
        }
    }

    @Test func aPlainPeerOnTheTLSPortIsAbortedAndSaidSo() async throws {
        let node = try listening()
        let echo = try await echo(node, [])
        #expect(echo.everything.contains("aborted"), "\(echo.everything)")
        #expect(node.log.drops == [.plainOnTLSPort])
    }

    @Test func aTLSPeerOnThePlainPortIsSaidSo() async throws {
        let node = try listening()
        #expect(try await !node.peer("echoscu", ["+tla", "-ic"]).succeeded)
        #expect(node.log.drops == [.tlsOnPlainPort])
    }

    @Test func theRejectionOfAPolicyReachesTheTLSPeer() async throws {
        let node = try listening(
            policy: ClosurePolicy { request in
                request.security == .plain ? .reject(.noReasonGiven) : .reject(.localLimitExceeded, .limitOfNode)
            })
        let echo = try await echo(node, ["-v", "+tla", "-ic"])
        #expect(echo.everything.contains("Local Limit Exceeded"), "\(echo.everything)")
    }

    /// Silent on the TLS port: at once, in the ClientHello, and after it.
    @Test(arguments: [0, 3, 100, Int.max])
    func aHandshakeThatDoesNotComeInTimeIsDropped(length: Int) async throws {
        let node = try listening { $0.requestTimeout = .milliseconds(300) }
        let port = try tlsPort(node)
        let hello = try await clientHello()
        let took = try await onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.send(Array(hello.prefix(length)))
            let start = ContinuousClock.now
            // The server's part of the handshake may come, and then the end.
            while try !peer.receive(1).isEmpty {}
            return ContinuousClock.now - start
        }
        #expect(took > .milliseconds(250) && took < .seconds(9))
        #expect(node.log.drops == [length == 0 ? .slow : .slowHandshake])
    }

    /// What openssl's client says first, caught by a socket of our own.
    private func clientHello() async throws -> [UInt8] {
        let listening = try StreamSocket.listening(host: "127.0.0.1", port: 0, backlog: 1)
        defer { close(listening) }
        let client = try ChildProcess(
            PeerTool.find("openssl"), ["s_client", "-connect", "127.0.0.1:\(StreamSocket.port(of: listening))"])
        defer { withExtendedLifetime(client) {} }
        let connection = try await value("openssl connects") { try StreamSocket.accept(listening) }
        defer { close(connection.descriptor) }
        return try await value("openssl says hello") {
            var bytes = [UInt8](repeating: 0, count: 4096)
            guard
                case .bytes(let count) = bytes.withUnsafeMutableBytes({
                    StreamSocket.read(connection.descriptor, into: $0)
                })
            else { return nil }
            return Array(bytes.prefix(count))
        }
    }

    @Test func filesThatAreNoneAreToldApart() async throws {
        let empty = folder.path("empty.pem")
        try Data().write(to: URL(filePath: empty))
        let locked = folder.path("locked.key")
        _ = try await run(
            PeerTool.find("openssl"),
            ["pkcs8", "-topk8", "-in", ours.key, "-out", locked, "-passout", "pass:secret"])
        func error(_ certificate: String, _ key: String, _ trust: String? = nil) -> TLSContextError? {
            do throws(TLSContextError) {
                _ = try TLSContext(certificateFile: certificate, keyFile: key, trustFile: trust)
                return nil
            } catch { return error }
        }
        #expect(error(empty, ours.key) == .certificate)
        #expect(error(ours.certificate, empty) == .key)
        #expect(error(ours.certificate, locked) == .key)
        #expect(error(ours.certificate, client.key) == .mismatch)
        #expect(error(ours.certificate, ours.key, empty) == .trust)
        #expect(error(ours.certificate, ours.key) == nil)
    }
}
