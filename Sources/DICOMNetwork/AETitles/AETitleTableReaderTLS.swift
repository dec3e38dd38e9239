extension AETitleTableReader {
    // MARK: This node

    /// The port for TLS; nil where there is none, or something was reported.
    mutating func nodeTLS(_ section: Section, _ plainPort: Int) -> NodeTLS? {
        let files = ["tls-certificate", "tls-key", "tls-trust"].map { key in
            section.value(key).flatMap { $0.text == "off" || $0.text.isEmpty ? nil : $0 }
        }
        guard let portValue = section.value("tls-port"), !portValue.text.isEmpty else {
            for (file, key) in zip(files, ["tls-certificate", "tls-key", "tls-trust"]) {
                guard let file, section.value("tls-port") == nil else { continue }
                report(
                    file, "\"\(key)\" without \"tls-port\" does nothing.", "Write \"tls-port = 2762\", or take it out.")
            }
            return nil
        }
        if portValue.text == "off" {
            for file in files.compactMap({ $0 }) {
                report(file, "A file for TLS, and \"tls-port = off\".", "Write the port, or take the line out.")
            }
            return nil
        }
        guard let port = number(section, "tls-port", 0...65535) else { return nil }
        if port == plainPort, port != 0 {
            report(portValue, "\"tls-port\" is \"port\" as well.", "Write another; 2762 is the one for DICOM over TLS.")
        }
        guard let certificate = files[0], let key = files[1] else {
            report(
                portValue, "\"tls-port\" needs \"tls-certificate\" and \"tls-key\".",
                "Write both, with the paths of PEM files.")
            return nil
        }
        return NodeTLS(
            port: UInt16(port), certificate: path(certificate), key: path(key), trust: files[2].map { path($0) })
    }

    /// Relative paths are from the folder of this file.
    private func path(_ value: Token) -> String {
        guard !value.text.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return value.text }
        return file[...slash] + value.text
    }

    /// The section with role = self, wherever in the file it is.
    private var nodeSection: Section? {
        syntax.sections.first { $0.value("role")?.text == Role.node.rawValue }
    }

    // MARK: Sources

    mutating func tlsUse(_ section: Section) -> SourceSettings.TLSUse {
        let use: SourceSettings.TLSUse? = word(section, "tls")
        if use == .required, let value = section.value("tls") { needTLSPort(value, "tls = required") }
        return use ?? .optional
    }

    /// `off`, `any`, or fingerprints with commas between.
    mutating func clientCertificate(_ section: Section) -> SourceSettings.ClientCertificate {
        guard let value = section.value("client-certificate"), !value.text.isEmpty, value.text != "off" else {
            return .notAsked
        }
        needTLSPort(value, "client-certificate")
        let trust = nodeSection?.value("tls-trust")?.text ?? "off"
        if nodeSection?.value("tls-port") != nil, trust == "off" || trust.isEmpty {
            report(
                value, "No certificate can be asked for: this node has no \"tls-trust\".",
                "Write it in the section with role = self.")
        }
        if section.value("tls")?.text == SourceSettings.TLSUse.off.rawValue {
            report(value, "A certificate is of TLS, and \"tls = off\".", "Take one of the two out.")
        }
        if value.text == "any" { return .any }
        var fingerprints: Set<CertificateFingerprint> = []
        for word in value.list {
            guard let fingerprint = CertificateFingerprint(word.text) else {
                report(
                    word, "\"\(word.text)\" is not a value of \"client-certificate\".",
                    "Write any, or the SHA-256 fingerprint that \"openssl x509 -noout -fingerprint -sha256\" prints.")
                continue
            }
            fingerprints.insert(fingerprint)
        }
        return .oneOf(fingerprints)
    }

    private mutating func needTLSPort(_ value: Token, _ what: String) {
        guard let port = nodeSection?.value("tls-port"), port.text != "off" else {
            report(value, "\"\(what)\" needs a port for TLS.", "Write \"tls-port\" in the section with role = self.")
            return
        }
    }

    // MARK: Destinations

    /// Results go without TLS in this version: a section may not say otherwise.
    mutating func checkTLSOfResults(_ section: Section) {
        guard let value = section.value("tls"), !value.text.isEmpty, value.text != "off" else { return }
        let isSource = section.value("role")?.list.contains { $0.text == Role.source.rawValue } ?? false
        // What is no word of the key at all, has been reported for the source.
        let known = SourceSettings.TLSUse(rawValue: value.text) != nil
        if isSource, value.text == SourceSettings.TLSUse.optional.rawValue || !known { return }
        report(
            value, "\"tls = \(value.text)\" is not yet supported for a destination: results go without TLS.",
            isSource
                ? "Write \"tls = optional\"; \"client-certificate\" makes its own calls come over TLS."
                : "Write \"tls = off\", or take the line out.")
    }
}
