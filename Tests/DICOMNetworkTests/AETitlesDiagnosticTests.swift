import DICOMNetwork
import Testing

/// What wrong files get: each row is a line of a file that is right without it.
@Suite struct AETitlesDiagnosticTests {
    struct Row: CustomTestStringConvertible {
        let lines: String
        /// "line:column: error: message suggestion", in the order of the file.
        let expected: [String]
        var testDescription: String { lines }

        init(_ lines: String, _ expected: String...) {
            self.lines = lines
            self.expected = expected
        }
    }

    /// Lines 1 to 7 of each file; the row's own begin at 8.
    private static let good = "[NODE]\nrole = self\n\n[PACS]\nrole = destination\nhost = 1.2.3.4\nport = 104\n"

    private static func source(_ line: String) -> String {
        "[CT]\nrole = source\nhost = 1.2.3.4\nresults = PACS\n\(line)"
    }
    private static func destination(_ line: String) -> String {
        "[P2]\nrole = destination\nhost = 1.2.3.4\nport = 1\n\(line)"
    }

    static let syntax: [Row] = [
        Row("hello", "8:1: error: This line is neither a section nor a setting. Write \"[NAME]\" or \"key = value\"."),
        Row(
            "  [CT", "8:3: error: The section's name has no closing bracket. Write \"[NAME]\" on a line of its own."),
        Row(" = 5", "8:2: error: There is no key before the equals sign. Write \"key = value\"."),
        Row("parallel =", "8:11: error: \"parallel\" has no value. Write one, or take the line out."),
        Row("port = 105", "8:1: error: \"port\" is set twice in this section. The first one is on line 7."),
        Row(
            "[PACS]\nrole = destination\nhost = 1.2.3.4\nport = 104",
            "8:2: error: The section [PACS] is there twice. The first one is on line 4; join them."),
    ]

    static let sections: [Row] = [
        Row(
            "[ ]\nrole = source\nhost = *\nresults = PACS",
            "8:3: error: The section has no name. Write the AE title between the brackets."),
        Row(
            "[SEVENTEEN_LETTERS]\nrole = source\nhost = *\nresults = PACS",
            "8:2: error: An AE title has at most 16 characters; this one has 17. Shorten it here and in the peer."),
        Row(
            "[CT\\1]\nrole = source\nhost = *\nresults = PACS",
            "8:2: error: An AE title is of printable ASCII characters without backslash. Write it as the peer sends it."
        ),
        Row(
            "[MÜNCHEN]\nrole = source\nhost = *\nresults = PACS",
            "8:2: error: An AE title is of printable ASCII characters without backslash. Write it as the peer sends it."
        ),
        Row(
            "[CT]\nhost = *\nresults = PACS",
            "8:2: error: The section [CT] has no role. Write \"role = source\", \"role = destination\", both with a comma, or \"role = self\"."
        ),
        Row("[CT]\nrole = suorce", "9:8: error: \"suorce\" is not a value of \"role\". Did you mean \"source\"?"),
        Row(
            "[CT]\nrole = both", "9:8: error: \"both\" is not a value of \"role\". Write self or source or destination."
        ),
        Row(
            "[CT]\nrole = source, source\nhost = *\nresults = PACS",
            "9:16: error: The role \"source\" is there twice. Take one out."),
        Row(
            "[CT]\nrole = self, source",
            "9:8: error: This node cannot be a source or a destination of its own. Write \"role = self\" alone."),
        Row(
            "[CT]\nrole = self",
            "8:2: error: A second section has role = self. The first is [NODE] on line 1; this node has one title."),
        Row(
            "[*]\nrole = destination\nhost = 1.2.3.4\nport = 1",
            "9:8: error: [*] can only be a source. Give a destination a section with its AE title."),
    ]

    static let keys: [Row] = [
        Row(source("quite = 30s"), "12:1: error: There is no key \"quite\". Did you mean \"quiet\"?"),
        Row(
            source("ot-of-scope = log"), "12:1: error: There is no key \"ot-of-scope\". Did you mean \"out-of-scope\"?"),
        Row(
            "[CT]\nrole = self\nbanana = 1",
            "8:2: error: A second section has role = self. The first is [NODE] on line 1; this node has one title.",
            "10:1: error: There is no key \"banana\". Keys here are role, port, tls-port, tls-certificate, tls-key, tls-trust, language, max-associations, max-waiting, disk-reserve, hold."
        ),
        Row(
            source("retry = 1h"),
            "12:1: error: \"retry\" is not a key of this section's role. It belongs to role = destination."),
        Row(
            destination("quiet = 1h"),
            "12:1: error: \"quiet\" is not a key of this section's role. It belongs to role = source."),
        Row(
            source("disk-reserve = 1GB"),
            "12:1: error: \"disk-reserve\" is not a key of this section's role. It belongs to role = self."),
        Row(
            "[CT]\nrole = source\nhost = *",
            "8:2: error: The source [CT] has no results. Write \"results = NAME\" with the section that gets its reports."
        ),
        Row(
            "[CT]\nrole = source\nresults = PACS",
            "8:2: error: The source [CT] has no host. Write \"host = ADDRESS\"; \"*\" allows any host."),
        Row(
            "[P2]\nrole = destination\nport = 104",
            "8:2: error: The destination [P2] has no host. Write \"host = ADDRESS\"."),
        Row(
            "[P2]\nrole = destination\nhost = 1.2.3.4",
            "8:2: error: The destination [P2] has no port. Write \"port = 104\", or the port its administrator names."),
        Row(
            source("results = PACS").replacing("PACS\nresults = PACS", with: "PASC"),
            "11:11: error: There is no destination [PASC]. Did you mean \"PACS\"?"),
        Row(
            source("[MR]\nrole = source\nhost = *\nresults = CT, ARCHIVE"),
            "15:11: error: [CT] does not take results. Add \"destination\" to its role, or name another.",
            "15:15: error: There is no destination [ARCHIVE]. Add its section, with role = destination."),
        Row(
            "[CT]\nrole = source\nhost = *\nresults = PACS,, PACS",
            "11:16: error: A name is missing in \"results\". Take the extra comma out.",
            "11:18: error: \"PACS\" is there twice. Take one out."),
    ]

    static let throttles: [Row] = [
        Row(source("hold = yes"), "12:8: error: \"yes\" is not a value of \"hold\". Write on or off."),
        Row(
            source("max-age = 30"),
            "12:11: error: \"30\" is not a time. Write a number and a unit: 500ms, 30s, 5m, 2h or 3d."),
        Row(
            source("max-age = 2h"),
            "12:11: error: \"max-age\" is out of range. Write a time from 1d to 36500d."),
        Row(
            destination("hold = on"),
            "12:1: error: \"hold\" is not a key of this section's role. It belongs to role = self or source."),
    ]

    static let archives: [Row] = [
        Row(
            source("complete-on = list"),
            "12:15: error: \"list\" is not a value of \"complete-on\". Write quiet or release or commitment-list or count."
        ),
        Row(
            source("complete-on = relase"),
            "12:15: error: \"relase\" is not a value of \"complete-on\". Did you mean \"release\"?"),
        Row(
            source("complete-on = count"),
            "12:15: error: \"complete-on = count\" needs to know who is asked for the count. "
                + "Add \"archive = NAME\" with the destination that gets the originals."),
        Row(
            source("complete-on = commitment-list"),
            "12:15: error: \"complete-on = commitment-list\" needs the source's requests for storage commitment. "
                + "Add \"commitment-requests = on\"."),
        Row(
            source("archive = PASC"),
            "12:11: error: There is no destination [PASC]. Did you mean \"PACS\"?"),
        Row(
            source("archive = CT"),
            "12:11: error: [CT] does not take results. Add \"destination\" to its role, or name another."),
        Row(
            source("commitment-requests = yes"),
            "12:23: error: \"yes\" is not a value of \"commitment-requests\". Write on or off."),
        Row(
            source("commitment-requests = on"),
            "12:23: error: \"commitment-requests = on\" needs an archive: this node never vouches for originals itself. "
                + "Add \"archive = NAME\" with the destination that gets the originals.",
            "12:23: error: Reports of storage commitment need a port to go to. "
                + "Write \"port = 104\", or the port on which the source takes them."),
        Row(
            source("commitment-requests = on\narchive = PACS\nport = 104").replacing(
                "host = 1.2.3.4", with: "host = *"),
            "12:23: error: Reports of storage commitment need a host to go to; \"*\" names none. Write its address."),
        Row(
            source("commitment-requests = on\narchive = PACS\nport = 104").replacing("[CT]", with: "[*]"),
            "12:23: error: [*] cannot ask for storage commitment: nobody would know whom to report to. "
                + "Give the source a section with its AE title."),
        Row(
            source("commitment-requests = on\narchive = CT\nport = 70000")
                .replacing("role = source", with: "role = source, destination"),
            "13:11: error: The archive that is asked cannot be the source that asks. Name another destination.",
            "14:8: error: \"70000\" is not a value of \"port\". Write a number from 1 to 65535."),
        Row(
            source("commitment-requests = on\narchive = PACS\nport = 70000"),
            "14:8: error: \"70000\" is not a value of \"port\". Write a number from 1 to 65535."),
        Row(
            source("commitment-requests = on\narchive = PACS\nport = 104\ncommitment-wait = 3d"),
            "15:19: error: \"commitment-wait\" is out of range. Write a time from 1s to 2d."),
        Row(
            source("commitment-requests = on\narchive = PACS\nport = 104")
                .replacing("host = 1.2.3.4", with: "host = 1.2.3.4, 1.2.3.5"),
            "10:17: error: Reports of storage commitment go to one host: of several, nobody knows which one has asked. "
                + "Write the one that takes reports, or a section for each."),
        Row(
            source("port = 104\ncommitment-wait = 5m"),
            "12:1: error: \"port\" of a source says nothing without storage commitment. "
                + "Add \"commitment-requests = on\", or take the line out.",
            "13:1: error: \"commitment-wait\" of a source says nothing without storage commitment. "
                + "Add \"commitment-requests = on\", or take the line out."),
    ]

    static let unsupported: [Row] =
        [
            ("complete-on", "mpps", "quiet")
        ].map { key, value, only in notYet(key, value, only, source("\(key) = \(value)")) }
        + [("companions", "on", "off"), ("commitment", "require", "off"), ("recheck-identity", "on", "off")].map {
            key, value, only in notYet(key, value, only, destination("\(key) = \(value)"))
        }

    private static func notYet(_ key: String, _ value: String, _ only: String, _ lines: String) -> Row {
        Row(
            lines,
            "12:\(key.count + 4): error: \"\(key) = \(value)\" is not yet supported in this version. "
                + "Write \"\(key) = \(only)\", or take the line out.")
    }

    /// The good lines have no port for TLS.
    static let security: [Row] = [
        Row(source("tls = on"), "12:7: error: \"on\" is not a value of \"tls\". Write off or optional or required."),
        Row(
            source("tls = required"),
            "12:7: error: \"tls = required\" needs a port for TLS. Write \"tls-port\" in the section with role = self."),
        Row(
            source("client-certificate = any"),
            "12:22: error: \"client-certificate\" needs a port for TLS. Write \"tls-port\" in the section with role = self."
        ),
        Row(
            source("client-certificate = AA:BB"),
            "12:22: error: \"client-certificate\" needs a port for TLS. Write \"tls-port\" in the section with role = self.",
            "12:22: error: \"AA:BB\" is not a value of \"client-certificate\". Write any, or the SHA-256 fingerprint that "
                + "\"openssl x509 -noout -fingerprint -sha256\" prints."),
        Row(
            source("commitment-requests = on\narchive = PACS\nport = 104\ntls = required"),
            "12:23: error: Reports of storage commitment go without TLS, and this source's calls must come over it. "
                + "Take \"commitment-requests\" out, or \"tls = required\" and \"client-certificate\".",
            "15:7: error: \"tls = required\" needs a port for TLS. Write \"tls-port\" in the section with role = self."),
        Row(
            source("commitment-requests = on\narchive = PACS\nport = 104\nclient-certificate = any"),
            "12:23: error: Reports of storage commitment go without TLS, and this source's calls must come over it. "
                + "Take \"commitment-requests\" out, or \"tls = required\" and \"client-certificate\".",
            "15:22: error: \"client-certificate\" needs a port for TLS. Write \"tls-port\" in the section with role = self."
        ),
        Row(
            destination("tls = required"),
            "12:7: error: \"tls = required\" is not yet supported for a destination: results go without TLS. "
                + "Write \"tls = off\", or take the line out."),
        Row(
            source("tls = required").replacing("role = source", with: "role = source, destination\nport = 1"),
            "13:7: error: \"tls = required\" needs a port for TLS. Write \"tls-port\" in the section with role = self.",
            "13:7: error: \"tls = required\" is not yet supported for a destination: results go without TLS. "
                + "Write \"tls = optional\"; \"client-certificate\" makes its own calls come over TLS."),
    ]

    /// Lines in this node's own section.
    @Test(arguments: [
        (
            "tls-port = 2762",
            "3:12: error: \"tls-port\" needs \"tls-certificate\" and \"tls-key\". Write both, with the paths of PEM files."
        ),
        (
            "tls-key = k",
            "3:11: error: \"tls-key\" without \"tls-port\" does nothing. Write \"tls-port = 2762\", or take it out."
        ),
        (
            "tls-port = 11112\ntls-key = k\ntls-certificate = c",
            "3:12: error: \"tls-port\" is \"port\" as well. Write another; 2762 is the one for DICOM over TLS."
        ),
        (
            "tls-port = off\ntls-trust = t",
            "4:13: error: A file for TLS, and \"tls-port = off\". Write the port, or take the line out."
        ),
        (
            "tls-port = 2762\ntls-key = k\ntls-certificate = c\ntls-trust = off\n[CT]\nrole = source, destination\nhost = 10.0.0.1\n"
                + "port = 104\nresults = CT\nclient-certificate = any",
            "12:22: error: No certificate can be asked for: this node has no \"tls-trust\". "
                + "Write it in the section with role = self."
        ),
    ])
    func theFilesOfTLSBelongTogether(lines: String, expected: String) throws {
        let error = try #require(throws: AETitleTableError.self) {
            try AETitles.table("[NODE]\nrole = self\n\(lines)")
        }
        #expect(error.diagnostics.map(\.description) == ["AETitles.conf:" + expected])
    }

    static let deIdentification: [Row] = [
        Row(
            source("profile = basic+divice"),
            "12:17: error: \"divice\" is not a value of \"profile\". Did you mean \"device\"?"),
        Row(
            source("profile = device"),
            "12:11: error: \"device\" is not a value of \"profile\". Write basic."),
        Row(
            source("profile = basic+device+device"),
            "12:24: error: \"device\" is there twice. Take one out."),
        Row(
            source("profile = basic+uids"),
            "12:17: error: \"uids\" is not for what the node receives. Original UIDs name the study in every archive, "
                + "and the node keeps no identity in clear on disk. "
                + "Take it out; \"overread deidentify --profile\" takes it for files."),
        Row(
            source("profile = basic+modified-dates+full-dates"),
            "12:11: error: \"full-dates\" and \"modified-dates\" exclude one another: dates either stay or are shifted. "
                + "Take one of the two out.",
            "12:32: error: \"full-dates\" is not for what the node receives. Dates and times of a study find its patient "
                + "in any archive, and the node keeps no identity in clear on disk. "
                + "Take it out; \"overread deidentify --profile\" takes it for files."),
        Row(
            source("pixels = blank"),
            "12:10: error: \"pixels = blank\" is not yet supported in this version: a later one cleans pixels. "
                + "Write \"pixels = refuse\" or \"pixels = accept\"."),
        Row(
            source("pixels = refse"),
            "12:10: error: \"refse\" is not a value of \"pixels\". Did you mean \"refuse\"?"),
    ]

    static let values: [Row] = [
        Row(
            destination("").replacing("port = 1", with: "port = 70000"),
            "11:8: error: \"70000\" is not a value of \"port\". Write a number from 1 to 65535."),
        Row(
            destination("").replacing("port = 1", with: "port = dicom"),
            "11:8: error: \"dicom\" is not a value of \"port\". Write a number from 1 to 65535."),
        Row(
            destination("parallel = 0"),
            "12:12: error: \"0\" is not a value of \"parallel\". Write a number from 1 to 64."),
        Row(
            source("quiet = 30"),
            "12:9: error: \"30\" is not a time. Write a number and a unit: 500ms, 30s, 5m, 2h or 3d."),
        Row(source("quiet = 2d"), "12:9: error: \"quiet\" is out of range. Write a time from 100ms to 1d."),
        Row(
            source("duplicates = keepfirst"),
            "12:14: error: \"keepfirst\" is not a value of \"duplicates\". Did you mean \"keep-first\"?"),
        Row(
            source("transfer-syntaxes = jpeg-2000, jpeg-2000, jpg-lossless"),
            "12:32: error: \"jpeg-2000\" is there twice. Take one out.",
            "12:43: error: \"jpg-lossless\" is not a value of \"transfer-syntaxes\". Did you mean \"jpeg-lossless\"?"),
        Row(
            source("priority = urgent"),
            "12:12: error: \"urgent\" is not a value of \"priority\". Write low or medium or high."),
        Row(
            destination("heatmap = 10"),
            "12:11: error: \"10\" is not a value of \"heatmap\". Write on, off, or the longest side in pixels, from 64 to 8192."
        ),
        Row(destination("language = de"), "12:12: error: \"de\" is not a value of \"language\". Write en."),
        Row(
            destination("sr = comprehensive3d"),
            "12:6: error: \"comprehensive3d\" is not a value of \"sr\". Did you mean \"comprehensive-3d\"?"),
    ]

    static let hosts: [Row] =
        [
            ("10.1.4.300", "\"10.1.4.300\" is not an IPv4 address."), ("10.1.4", "\"10.1.4\" is not an IPv4 address."),
            ("010.1.4.3", "\"010.1.4.3\" is not an IPv4 address."),
            ("fe80::1", "IPv6 addresses are not yet supported."),
            ("10.0.0.0/8", "Address ranges are not supported."),
            ("my host", "\"my host\" is neither an address nor a host name."),
        ].map { host, message in
            Row(
                source("").replacing("host = 1.2.3.4", with: "host = \(host)"),
                "10:8: error: \(message) Write an address as 10.1.4.21, or a host name.")
        } + [
            Row(
                source("").replacing("host = 1.2.3.4", with: "host = 1.1.1.1, ct.invalid"),
                "10:17: error: The host name \"ct.invalid\" cannot be resolved. Check the name, or write the address."),
            Row(
                source("").replacing("host = 1.2.3.4", with: "host = *, 1.1.1.1"),
                "10:8: error: \"*\" allows any host, so the others say nothing. Write \"*\" alone, or take it out."),
            Row(
                destination("").replacing("host = 1.2.3.4", with: "host = *"),
                "10:8: error: A destination needs the address it listens on; \"*\" names none. Write its address."),
        ]

    @Test(
        arguments: syntax + sections + keys + throttles + archives + unsupported + security + deIdentification + values
            + hosts)
    func isReportedWithItsPlace(_ row: Row) throws {
        let error = try #require(throws: AETitleTableError.self) { try AETitles.table(Self.good + row.lines + "\n") }
        #expect(error.diagnostics.map(\.description) == row.expected.map { "AETitles.conf:" + $0 })
    }

    @Test func theFileAroundTheRowsIsRight() throws {
        #expect(throws: Never.self) { try AETitles.table(Self.good) }
        #expect(throws: Never.self) { try AETitles.table(Self.good + Self.source("") + "\n" + Self.destination("")) }
    }

    @Test func aFileWithoutANodeSaysSo() throws {
        for text in ["", "# nothing\n", "[PACS]\nrole = destination\nhost = 1.2.3.4\nport = 104\n"] {
            let error = try #require(throws: AETitleTableError.self) { try AETitles.table(text) }
            #expect(
                error.description
                    == "AETitles.conf:1:1: error: No section has role = self. Add \"[OVERREAD]\" with \"role = self\" and \"port = 11112\"."
            )
        }
    }

    @Test func aSettingAboveTheFirstSectionIsReported() throws {
        let error = try #require(throws: AETitleTableError.self) { try AETitles.table("port = 1\n" + Self.good) }
        #expect(
            error.description
                == "AETitles.conf:1:1: error: This setting is in no section. Write the section's name, as \"[NAME]\", above it."
        )
    }

    @Test func everythingThatIsWrongIsSaidAtOnceInTheOrderOfTheFile() throws {
        let error = try #require(throws: AETitleTableError.self) {
            try AETitles.table("[NODE]\nrole = self\nport = 70000\nprot = 1\n[CT]\nrole = source\nquiet = x\nhuh\n")
        }
        #expect(
            error.diagnostics.map { [$0.line, $0.column] } == [[3, 8], [4, 1], [5, 2], [5, 2], [7, 9], [8, 1]])
        #expect(error.description.split(separator: "\n").count == 6)
    }
}
