import Foundation

/// Certificates and keys for TLS, made by the openssl command for one test.
package struct TestCertificate: Sendable {
    /// PEM, self-signed.
    package let certificate: String
    /// PEM, without a password, readable by its owner only.
    package let key: String
    /// SHA-256, as the openssl command prints it.
    package let fingerprint: String

    /// Makes one in `folder`.
    ///
    /// - Parameter algorithm: as `openssl req -newkey` has it; `ec` is P-256.
    package static func make(
        _ name: String, in folder: TemporaryFolder, algorithm: String = "rsa:2048", days: Int = 2
    ) async throws -> TestCertificate {
        let (certificate, key) = (folder.path("\(name).pem"), folder.path("\(name).key"))
        let kind =
            algorithm == "ec" ? ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] : ["-newkey", algorithm]
        try await openssl(
            ["req", "-x509", "-nodes", "-keyout", key, "-out", certificate, "-days", "\(days)", "-subj", "/CN=\(name)"]
                + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"] + kind)
        let printed = try await openssl(["x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"])
        guard let fingerprint = printed.split(separator: "=").last else {
            throw TestSupportError("openssl prints no fingerprint: \(printed)")
        }
        return TestCertificate(
            certificate: certificate, key: key,
            fingerprint: fingerprint.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    @discardableResult
    private static func openssl(_ arguments: [String]) async throws -> String {
        let finished = try await run(PeerTool.find("openssl"), arguments)
        guard finished.succeeded else { throw TestSupportError("openssl failed: \(finished.everything)") }
        return finished.output
    }

    /// The options with which DCMTK's programs show this certificate, and trust another.
    package func dcmtkOptions(trusting other: TestCertificate) -> [String] {
        ["+tls", key, certificate, "+cf", other.certificate]
    }
}
