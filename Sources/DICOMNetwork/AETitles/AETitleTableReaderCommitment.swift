// What is asked of an archive, and told to a source, about the originals.
extension AETitleTableReader {
    /// `complete-on`, and what each word needs.
    mutating func completeOn(_ section: Section) -> SourceSettings.CompleteOn {
        guard let value = section.value("complete-on"), !value.text.isEmpty else { return .quiet }
        if value.text == "mpps" {
            report(
                value, "\"complete-on = mpps\" is not yet supported in this version.",
                "Write \"complete-on = quiet\", or take the line out.")
            return .quiet
        }
        guard let evidence: SourceSettings.CompleteOn = word(section, "complete-on") else { return .quiet }
        if evidence == .commitmentList, section.value("commitment-requests")?.text != "on" {
            report(
                value, "\"complete-on = commitment-list\" needs the source's requests for storage commitment.",
                "Add \"commitment-requests = on\".")
        }
        if evidence == .count, section.value("archive") == nil {
            report(
                value, "\"complete-on = count\" needs to know who is asked for the count.",
                "Add \"archive = NAME\" with the destination that gets the originals.")
        }
        return evidence
    }

    /// `commitment-requests` with what it needs: an archive, one host, a port.
    mutating func commitment(
        _ section: Section, _ roles: Set<Role>, _ hosts: HostRule, _ host: String?
    ) -> CommitmentSettings? {
        let wait = duration(section, "commitment-wait", .seconds(1), .seconds(2 * 86_400))
        guard isOn(section, "commitment-requests"), let value = section.value("commitment-requests") else {
            refuseWithoutRequests(section, roles)
            return nil
        }
        if section.name.text == "*" {
            report(
                value, "[*] cannot ask for storage commitment: nobody would know whom to report to.",
                "Give the source a section with its AE title.")
        }
        if section.value("archive") == nil {
            report(
                value, "\"commitment-requests = on\" needs an archive: this node never vouches for originals itself.",
                "Add \"archive = NAME\" with the destination that gets the originals.")
        } else if section.value("archive")?.text == section.name.text {
            report(
                section.value("archive") ?? value, "The archive that is asked cannot be the source that asks.",
                "Name another destination.")
        }
        if hosts == .any {
            report(value, "Reports of storage commitment need a host to go to; \"*\" names none.", "Write its address.")
        }
        checkReports(section, value)
        // Of a destination, the missing port is reported already.
        if section.value("port") == nil, !roles.contains(.destination) {
            report(
                value, "Reports of storage commitment need a port to go to.",
                "Write \"port = 104\", or the port on which the source takes them.")
        }
        // Of a destination, a port that is none is reported already.
        let port =
            roles.contains(.destination)
            ? section.value("port").flatMap { UInt16($0.text) } : number(section, "port", 1...65535).map { UInt16($0) }
        guard let host, let port else { return nil }
        return CommitmentSettings(host: host, port: port, wait: wait ?? .seconds(900))
    }

    /// Reports go to one host, as clear as results do.
    private mutating func checkReports(_ section: Section, _ value: Token) {
        if let hosts = section.value("host")?.list, hosts.count > 1 {
            report(
                hosts[1], "Reports of storage commitment go to one host: of several, nobody knows which one has asked.",
                "Write the one that takes reports, or a section for each.")
        }
        let certificate = section.value("client-certificate")?.text ?? "off"
        let isOverTLS = section.value("tls")?.text == SourceSettings.TLSUse.required.rawValue
        if isOverTLS || !["", "off"].contains(certificate) {
            report(
                value, "Reports of storage commitment go without TLS, and this source's calls must come over it.",
                "Take \"commitment-requests\" out, or \"tls = required\" and \"client-certificate\".")
        }
    }

    private mutating func refuseWithoutRequests(_ section: Section, _ roles: Set<Role>) {
        let keys = roles.contains(.destination) ? ["commitment-wait"] : ["commitment-wait", "port"]
        for entry in section.entries where keys.contains(entry.key.text) {
            report(
                entry.key, "\"\(entry.key.text)\" of a source says nothing without storage commitment.",
                "Add \"commitment-requests = on\", or take the line out.")
        }
    }
}
