import DICOMCore

extension AETitleTableReader {
    // MARK: Entities

    /// This node. Nil only where something was reported.
    mutating func node(_ section: Section, _ title: AETitle) -> NodeEntity? {
        // 0: the system chooses a free one, and the node says which.
        let port = number(section, "port", 0...65535)
        let associations = number(section, "max-associations", 1...1000)
        let waiting = number(section, "max-waiting", 1...10_000_000)
        let reserve = size(section, "disk-reserve")
        let language: ResultLanguage? = word(section, "language")
        return NodeEntity(
            aeTitle: title, port: UInt16(port ?? 11112), tls: nodeTLS(section, port ?? 11112),
            maximumAssociations: associations ?? 32,
            maximumWaiting: waiting ?? 10_000, isHeld: isOn(section, "hold"), diskReserve: reserve ?? 2_000_000_000,
            language: language ?? .english)
    }

    /// A peer. Nil only where something was reported.
    mutating func entity(_ section: Section, _ title: AETitle?, _ roles: Set<Role>) -> ApplicationEntity? {
        let hosts = hosts(section, roles)
        let source = roles.contains(.source) ? source(section, roles, hosts?.rule ?? .any, hosts?.first) : nil
        let destination = roles.contains(.destination) ? destination(section, hosts?.first) : nil
        guard hosts != nil else { return nil }
        return ApplicationEntity(name: section.name.text, aeTitle: title, source: source, destination: destination)
    }

    private mutating func source(
        _ section: Section, _ roles: Set<Role>, _ hosts: HostRule, _ host: String?
    ) -> SourceSettings? {
        let results = list(section, "results")
        if section.value("results") == nil {
            report(
                section.name, "The source [\(section.name.text)] has no results.",
                "Write \"results = NAME\" with the section that gets its reports.")
        }
        let outOfScope: SourceSettings.OutOfScope? = word(section, "out-of-scope")
        let otherObjects: SourceSettings.OtherObjects? = word(section, "other-objects")
        let duplicates: SourceSettings.Duplicates? = word(section, "duplicates")
        let identityCorrection: SourceSettings.IdentityCorrection? = word(section, "identity-correction")
        let priority: SourceSettings.Priority? = word(section, "priority")
        return SourceSettings(
            hosts: hosts, quiet: duration(section, "quiet", .milliseconds(100), .seconds(86_400)) ?? .seconds(30),
            completeOn: completeOn(section), results: results, archive: section.value("archive")?.text,
            commitment: commitment(section, roles, hosts, host),
            models: section.value("models") == nil ? nil : list(section, "models"),
            profile: profile(section), pixels: pixels(section), outOfScope: outOfScope ?? .report,
            otherObjects: otherObjects ?? .refuse, duplicates: duplicates ?? .keepFirst,
            identityCorrection: identityCorrection ?? .park, priority: priority ?? .medium,
            maximumAge: maximumAge(section), isHeld: isOn(section, "hold"),
            maximumAssociations: number(section, "max-associations", 1...1000),
            transferSyntaxes: transferSyntaxes(section), tls: tlsUse(section),
            clientCertificate: clientCertificate(section))
    }

    private mutating func destination(_ section: Section, _ host: String?) -> DestinationSettings? {
        if section.value("port") == nil {
            report(
                section.name, "The destination [\(section.name.text)] has no port.",
                "Write \"port = 104\", or the port its administrator names.")
        }
        checkTLSOfResults(section)
        let structuredReport: DestinationSettings.StructuredReport? = word(section, "sr")
        let language: ResultLanguage? = word(section, "language")
        let retry = duration(section, "retry", .seconds(1), .seconds(365 * 86_400))
        guard let host, let port = number(section, "port", 1...65535) else { return nil }
        return DestinationSettings(
            host: host, port: UInt16(port), structuredReport: structuredReport ?? .comprehensive3D,
            language: language ?? nodeLanguage, heatmap: heatmap(section) ?? .on, retry: retry ?? .seconds(3 * 86_400),
            parallel: number(section, "parallel", 1...64) ?? 1)
    }

    /// What the section with role = self says, wherever in the file it is.
    private var nodeLanguage: ResultLanguage {
        let node = syntax.sections.first { $0.value("role")?.text == Role.node.rawValue }
        return node?.value("language").flatMap { ResultLanguage(rawValue: $0.text) } ?? .english
    }

    // MARK: Hosts

    /// All names of the file that need a name server.
    func hostNames() -> [String] {
        var names: [String] = []
        for token in syntax.sections.flatMap({ $0.value("host")?.list ?? [] }) {
            if case .name(let name) = AETitleValue.host(token.text), !names.contains(name) { names.append(name) }
        }
        return names
    }

    private mutating func hosts(_ section: Section, _ roles: Set<Role>) -> (rule: HostRule, first: String?)? {
        guard let value = section.value("host") else {
            let what = roles.contains(.destination) ? "destination" : "source"
            report(
                section.name, "The \(what) [\(section.name.text)] has no host.",
                "Write \"host = ADDRESS\"" + (roles == [.source] ? "; \"*\" allows any host." : "."))
            return nil
        }
        var addresses: Set<String> = []
        var isAny = false
        for token in value.list where !value.text.isEmpty {
            switch AETitleValue.host(token.text) {
            case .any:
                isAny = true
            case .address(let address):
                addresses.insert(address)
            case .name(let name):
                if let found = resolved[name], !found.isEmpty {
                    addresses.formUnion(found)
                } else {
                    report(
                        token, "The host name \"\(name)\" cannot be resolved.", "Check the name, or write the address.")
                }
            case .invalid(let message):
                report(token, message, "Write an address as 10.1.4.21, or a host name.")
            }
        }
        if isAny, roles.contains(.destination) {
            report(value, "A destination needs the address it listens on; \"*\" names none.", "Write its address.")
        } else if isAny, value.list.count > 1 {
            report(value, "\"*\" allows any host, so the others say nothing.", "Write \"*\" alone, or take it out.")
        }
        return (isAny ? .any : .addresses(addresses), value.list.first?.text)
    }

    // MARK: Values

    mutating func number(_ section: Section, _ key: String, _ range: ClosedRange<Int>) -> Int? {
        guard let value = section.value(key), !value.text.isEmpty else { return nil }
        if let number = AETitleValue.number(value.text), range.contains(number) { return number }
        report(
            value, "\"\(value.text)\" is not a value of \"\(key)\".",
            "Write a number from \(range.lowerBound) to \(range.upperBound).")
        return nil
    }

    mutating func duration(
        _ section: Section, _ key: String, _ least: Duration, _ most: Duration
    ) -> Duration? {
        guard let value = section.value(key), !value.text.isEmpty else { return nil }
        guard let duration = AETitleValue.duration(value.text) else {
            report(
                value, "\"\(value.text)\" is not a time.", "Write a number and a unit: 500ms, 30s, 5m, 2h or 3d.")
            return nil
        }
        guard (least...most).contains(duration) else {
            report(
                value, "\"\(key)\" is out of range.",
                "Write a time from \(AETitleValue.text(least)) to \(AETitleValue.text(most)).")
            return nil
        }
        return duration
    }

    /// "off", or the age from which a study is backlog.
    private mutating func maximumAge(_ section: Section) -> Duration? {
        if section.value("max-age")?.text == "off" { return nil }
        return duration(section, "max-age", .seconds(86_400), .seconds(36_500 * 86_400))
    }

    mutating func isOn(_ section: Section, _ key: String) -> Bool {
        enum Switch: String, CaseIterable { case on, off }
        let setting: Switch? = word(section, key)
        return setting == .on
    }

    private mutating func size(_ section: Section, _ key: String) -> Int64? {
        guard let value = section.value(key), !value.text.isEmpty else { return nil }
        if let size = AETitleValue.size(value.text) { return size }
        report(value, "\"\(value.text)\" is not a size.", "Write a number and a unit: 500MB, 2GB or 1TB.")
        return nil
    }

    mutating func word<Word: RawRepresentable & CaseIterable>(_ section: Section, _ key: String) -> Word?
    where Word.RawValue == String {
        guard let value = section.value(key), !value.text.isEmpty else { return nil }
        if let word = Word(rawValue: value.text) { return word }
        reportUnknown(value, key, among: Word.allCases.map(\.rawValue))
        return nil
    }

    private mutating func heatmap(_ section: Section) -> DestinationSettings.Heatmap? {
        guard let value = section.value("heatmap"), !value.text.isEmpty else { return nil }
        switch value.text {
        case "on": return .on
        case "off": return .off
        default:
            if let side = AETitleValue.number(value.text), (64...8192).contains(side) { return .longestSide(side) }
            report(
                value, "\"\(value.text)\" is not a value of \"heatmap\".",
                "Write on, off, or the longest side in pixels, from 64 to 8192.")
            return nil
        }
    }

    /// `basic`, or `basic` and options with "+" between.
    private mutating func profile(_ section: Section) -> ConfidentialityProfile {
        guard let value = section.value("profile"), !value.text.isEmpty else { return .basic }
        let words = value.parts(between: ConfidentialityProfile.separator)
        var options: Set<ConfidentialityOption> = []
        for (index, word) in words.enumerated() {
            if index == 0 {
                if word.text == ConfidentialityProfile.basicName { continue }
                reportUnknown(word, "profile", among: [ConfidentialityProfile.basicName])
            } else if let option = ConfidentialityOption(rawValue: word.text) {
                if !options.insert(option).inserted {
                    report(word, "\"\(word.text)\" is there twice.", "Take one out.")
                }
                if let reason = option.reasonNotAtRest {
                    report(
                        word, "\"\(word.text)\" is not for what the node receives. \(reason)",
                        "Take it out; \"overread deidentify --profile\" takes it for files.")
                }
            } else {
                reportUnknown(word, "profile", among: ConfidentialityOption.allCases.map(\.rawValue))
            }
        }
        do {
            return try ConfidentialityProfile(options)
        } catch {
            report(value, error.description, "Take one of the two out.")
            return .basic
        }
    }

    private mutating func pixels(_ section: Section) -> PixelPolicy {
        if let value = section.value("pixels"), value.text == "blank" {
            report(
                value, "\"pixels = blank\" is not yet supported in this version: a later one cleans pixels.",
                "Write \"pixels = refuse\" or \"pixels = accept\".")
            return .refuse
        }
        let policy: PixelPolicy? = word(section, "pixels")
        return policy ?? .refuse
    }

    private mutating func list(_ section: Section, _ key: String) -> [String] {
        guard let value = section.value(key), !value.text.isEmpty else { return [] }
        var names: [String] = []
        for part in value.list {
            if part.text.isEmpty {
                report(part, "A name is missing in \"\(key)\".", "Take the extra comma out.")
            } else if names.contains(part.text) {
                report(part, "\"\(part.text)\" is there twice.", "Take one out.")
            } else {
                names.append(part.text)
            }
        }
        return names
    }

    /// Says which words there are, or which one was meant.
    mutating func reportUnknown(_ token: Token, _ key: String, among words: [String]) {
        report(
            token, "\"\(token.text)\" is not a value of \"\(key)\".",
            nearest(to: token.text, among: words).map { "Did you mean \"\($0)\"?" }
                ?? "Write \(words.joined(separator: " or ")).")
    }
}
