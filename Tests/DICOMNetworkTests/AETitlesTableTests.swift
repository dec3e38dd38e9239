import DICOMCore
import Foundation
import Testing

@testable import DICOMNetwork

/// What good files mean.
@Suite struct AETitlesTableTests {
    private static func entity(_ lines: String, named name: String = "PEER") throws -> ApplicationEntity {
        let table = try AETitles.table(
            "[NODE]\nrole = self\n[PACS]\nrole = destination\nhost = 1.2.3.4\nport = 1\n\(lines)")
        return try #require(table.entities.first { $0.name == name })
    }

    private static func source(_ line: String) throws -> SourceSettings {
        try #require(try entity("[PEER]\nrole = source\nhost = 1.2.3.4\nresults = PACS\n\(line)").source)
    }

    private static func destination(_ line: String) throws -> DestinationSettings {
        try #require(try entity("[PEER]\nrole = destination\nhost = 1.2.3.4\nport = 104\n\(line)").destination)
    }

    @Test func theDesignsExampleIsRead() throws {
        let table = try AETitles.table(
            """
            [OVERREAD]                      # this node: exactly one section has role = self
            role        = self
            port        = 11112

            [CR_ROOM_1]                     # a modality that pushes to us
            role        = source
            host        = 10.1.4.21         # address or name; * allows any
            quiet       = 30s               # no new image for this long: the study is complete
            results     = MAINPACS          # one or more destinations

            [MAINPACS]                      # the PACS: auto-routes to us and takes results
            role        = source, destination
            host        = 10.1.1.10
            port        = 104
            results     = MAINPACS

            [*]                             # optional: any other calling AE title, from the hosts given
            role        = source
            host        = 127.0.0.1
            results     = MAINPACS
            """)
        #expect(table.node.aeTitle == AETitle("OVERREAD"))
        #expect(table.node.port == 11112)
        #expect(table.entities.map(\.name) == ["CR_ROOM_1", "MAINPACS", "*"])
        #expect(table.entities.map(\.aeTitle) == [AETitle("CR_ROOM_1"), AETitle("MAINPACS"), nil])
        #expect(table.entities.map { $0.source != nil } == [true, true, true])
        #expect(table.entities.map { $0.destination != nil } == [false, true, false])
        let pacs = try #require(table.destination(named: "MAINPACS")?.destination)
        #expect(pacs.host == "10.1.1.10")
        #expect(pacs.port == 104)
        #expect(table.destination(named: "CR_ROOM_1") == nil)
        #expect(table.destination(named: "NOBODY") == nil)
    }

    @Test func whatIsNotSetHasItsDefault() throws {
        let node = try AETitles.table("[NODE]\nrole = self").node
        #expect(
            node
                == NodeEntity(
                    aeTitle: try #require(AETitle("NODE")), port: 11112, tls: nil, maximumAssociations: 32,
                    maximumWaiting: 10_000, isHeld: false,
                    diskReserve: 2_000_000_000, language: .english))
        #expect(
            try Self.source("")
                == SourceSettings(
                    hosts: .addresses(["1.2.3.4"]), quiet: .seconds(30), completeOn: .quiet, results: ["PACS"],
                    archive: nil, commitment: nil, models: nil,
                    profile: .basic, pixels: .refuse, outOfScope: .report, otherObjects: .refuse,
                    duplicates: .keepFirst, identityCorrection: .park, priority: .medium, maximumAge: nil,
                    isHeld: false, maximumAssociations: nil,
                    transferSyntaxes: TransferSyntax.received, tls: .optional, clientCertificate: .notAsked))
        #expect(
            try Self.destination("")
                == DestinationSettings(
                    host: "1.2.3.4", port: 104, structuredReport: .comprehensive3D, language: .english, heatmap: .on,
                    retry: .seconds(3 * 86_400), parallel: 1))
    }

    @Test func everyValueOfTheNodeIsRead() throws {
        let node = try AETitles.table(
            """
            [NODE 1]
            role=self
              port = 104
            tls-port = 2762
            tls-certificate = /etc/overread/node.pem
            tls-key = node.key
            tls-trust = trust.pem
            max-associations = 7
            max-waiting = 12
            disk-reserve = 512MiB
            language = en
            hold = on
            """
        ).node
        #expect(
            node
                == NodeEntity(
                    aeTitle: try #require(AETitle("NODE 1")), port: 104,
                    tls: NodeTLS(
                        port: 2762, certificate: "/etc/overread/node.pem", key: "node.key", trust: "trust.pem"),
                    maximumAssociations: 7, maximumWaiting: 12,
                    isHeld: true, diskReserve: 512 << 20, language: .english))
    }

    @Test func everyValueOfASourceIsRead() throws {
        #expect(try Self.source("quiet = 500ms").quiet == .milliseconds(500))
        #expect(try Self.source("quiet = 30 s").quiet == .seconds(30))
        #expect(try Self.source("quiet = 5m").quiet == .seconds(300))
        #expect(try Self.source("quiet = 2h").quiet == .seconds(7200))
        #expect(try Self.source("quiet = 1d").quiet == .seconds(86_400))
        #expect(try Self.source("models = a, b").models == ["a", "b"])
        #expect(try Self.source("out-of-scope = log").outOfScope == .log)
        #expect(try Self.source("other-objects = discard").otherObjects == .discard)
        #expect(try Self.source("duplicates = replace").duplicates == .replace)
        #expect(try Self.source("duplicates = refuse").duplicates == .refuse)
        #expect(try Self.source("identity-correction = reanalyse").identityCorrection == .reanalyse)
        #expect(try Self.source("priority = high").priority == .high)
        #expect(try Self.source("max-age = 30d").maximumAge == .seconds(30 * 86_400))
        #expect(try Self.source("max-age = off").maximumAge == nil)
        #expect(try Self.source("hold = on").isHeld)
        #expect(try Self.source("hold = off").isHeld == false)
        #expect(try Self.source("max-associations = 3").maximumAssociations == 3)
        #expect(try Self.entity("[PEER]\nrole = source\nhost = *\nresults = PACS").source?.hosts == .any)
        let two = "[P2]\nrole = destination\nhost = 1.1.1.1\nport = 2\n"
        let both = try Self.entity(two + "[PEER]\nrole = source\nhost = 1.1.1.1, 1.1.1.2\nresults = P2,PACS")
        #expect(both.source?.results == ["P2", "PACS"])
        #expect(both.source?.hosts == .addresses(["1.1.1.1", "1.1.1.2"]))
    }

    @Test func whatASourceMayAskAnArchiveForIsRead() throws {
        #expect(try Self.source("complete-on = release").completeOn == .release)
        let counted = try Self.source("complete-on = count\narchive = PACS")
        #expect(counted.completeOn == .count && counted.archive == "PACS" && counted.commitment == nil)
        let lines = "archive = PACS\ncommitment-requests = on\nport = 4006\n"
        #expect(
            try Self.source(lines).commitment
                == CommitmentSettings(host: "1.2.3.4", port: 4006, wait: .seconds(900)))
        let listed = try Self.source(lines + "complete-on = commitment-list\ncommitment-wait = 2h")
        #expect(listed.completeOn == .commitmentList && listed.commitment?.wait == .seconds(7200))
        // A PACS that routes to us and takes results has a port already.
        let both = try Self.entity(
            "[PEER]\nrole = source, destination\nhost = 1.1.1.1\nport = 105\nresults = PEER\n"
                + "archive = PACS\ncommitment-requests = on")
        #expect(both.source?.commitment == CommitmentSettings(host: "1.1.1.1", port: 105, wait: .seconds(900)))
        #expect(try Self.source("commitment-requests = off").commitment == nil)
    }

    @Test func theTransferSyntaxesThatASourceNamesComeFirstAndTheOthersStay() throws {
        #expect(try Self.source("").transferSyntaxes == TransferSyntax.received)
        let named = try Self.source("transfer-syntaxes = jpeg-2000-lossless, implicit-little-endian").transferSyntaxes
        #expect(
            named.prefix(3) == [.jpeg2000Lossless, .implicitVRLittleEndian, .explicitVRLittleEndian]
                && Set(named) == Set(TransferSyntax.received) && named.count == TransferSyntax.received.count)
        #expect(TransferSyntaxWord.allCases.map(\.transferSyntax) == TransferSyntax.received)
    }

    /// A node with a port for TLS, and a source with the line.
    private static func secured(_ line: String) throws -> SourceSettings {
        let text = """
            [NODE]
            role = self
            tls-port = 2762
            tls-certificate = c
            tls-key = k
            tls-trust = t
            [PACS]
            role = destination
            host = 1.2.3.4
            port = 104
            [PEER]
            role = source
            host = *
            results = PACS
            \(line)
            """
        return try #require(AETitles.table(text).entities.first { $0.name == "PEER" }?.source)
    }

    @Test func howASourceMustCallIsRead() throws {
        let hash = Array(repeating: "0A", count: 32).joined(separator: ":")
        let fingerprint = try #require(CertificateFingerprint(hash))
        let other = try #require(CertificateFingerprint(String(repeating: "ff", count: 32)))
        #expect(try Self.secured("tls = required").tls == .required)
        #expect(try Self.secured("tls = off").tls == .off)
        #expect(try Self.secured("client-certificate = any").clientCertificate == .any)
        #expect(try Self.secured("client-certificate = off").clientCertificate == .notAsked)
        #expect(try Self.secured("client-certificate = \(hash)").clientCertificate == .oneOf([fingerprint]))
        let both = "client-certificate = \(hash), \(String(repeating: "ff", count: 32))"
        #expect(try Self.secured(both).clientCertificate == .oneOf([fingerprint, other]))
    }

    /// A row: the lines of the source, the connection, and the objection.
    @Test func aConnectionIsProtectedAsItsSourceWantsIt() throws {
        let right = try #require(CertificateFingerprint(String(repeating: "aa", count: 32)))
        let wrong = try #require(CertificateFingerprint(String(repeating: "bb", count: 32)))
        let anonymous = TransportSecurity.tls(version: "TLSv1.3", certificate: nil)
        let good = TransportSecurity.tls(version: "TLSv1.3", certificate: right)
        let bad = TransportSecurity.tls(version: "TLSv1.3", certificate: wrong)
        let rows: [(line: String, security: TransportSecurity, objection: RejectionCause?)] = [
            ("", .plain, nil), ("", anonymous, nil), ("", good, nil),
            ("tls = off", .plain, nil), ("tls = off", good, .tlsNotWanted),
            ("tls = required", .plain, .tlsRequired), ("tls = required", anonymous, nil),
            ("client-certificate = any", .plain, .tlsRequired),
            ("client-certificate = any", anonymous, .noCertificate), ("client-certificate = any", bad, nil),
            ("client-certificate = \(right)", .plain, .tlsRequired),
            ("client-certificate = \(right)", anonymous, .noCertificate),
            ("client-certificate = \(right)", bad, .otherCertificate(wrong)),
            ("client-certificate = \(right)", good, nil),
        ]
        for row in rows {
            #expect(try Self.secured(row.line).objection(to: row.security) == row.objection, "\(row)")
        }
    }

    @Test func aProfileIsBasicWithTheOptionsThatAreWrittenAfterIt() throws {
        #expect(try Self.source("").profile == .basic)
        #expect(try Self.source("profile = basic").profile == .basic)
        #expect(
            try Self.source("profile = basic + modified-dates+device").profile
                == ConfidentialityProfile([.retainDeviceIdentity, .retainModifiedDates]))
        #expect(try Self.source("").pixels == .refuse)
        #expect(try Self.source("pixels = accept").pixels == .accept)
    }

    @Test func everyValueOfADestinationIsRead() throws {
        #expect(try Self.destination("sr = comprehensive").structuredReport == .comprehensive)
        #expect(try Self.destination("heatmap = off").heatmap == .off)
        #expect(try Self.destination("heatmap = 1024").heatmap == .longestSide(1024))
        #expect(try Self.destination("language = en").language == .english)
        #expect(try Self.destination("retry = 12h").retry == .seconds(12 * 3600))
        #expect(try Self.destination("parallel = 4").parallel == 4)
        #expect(
            try Self.entity("[PEER]\nrole = destination\nhost = pacs.example\nport = 1").destination?.host
                == "pacs.example")
    }

    @Test(arguments: [
        "tls = off", "complete-on = quiet",
    ])
    func whatIsNotYetSupportedMayBeWrittenWithItsDefault(_ line: String) throws {
        #expect(throws: Never.self) { try Self.source(line) }
    }

    @Test func sizesAreInPowersOfThousandOrOf1024() {
        #expect(AETitleValue.size("1MB") == 1_000_000)
        #expect(AETitleValue.size("3 GB") == 3_000_000_000)
        #expect(AETitleValue.size("1tb") == 1_000_000_000_000)
        #expect(AETitleValue.size("2GiB") == 2 << 30)
        for text in ["", "GB", "1", "1.5GB", "-1GB", "99999999999999TB", "1kb", "१GB"] {
            #expect(AETitleValue.size(text) == nil, "\(text)")
        }
        for text in ["", "s", "30", "1.5s", "-1s", "30 sec", "999999999999999999d"] {
            #expect(AETitleValue.duration(text) == nil, "\(text)")
        }
    }

    @Test func commentsBlanksAndWindowsLinesAreNothing() throws {
        let text = "\u{FEFF}# a\r\n\r\n  [ NODE ]  # b\r\n\trole\t=\tself # c\r\n port=105\t# = d\r\n"
        #expect(try AETitles.table(text).node.port == 105)
    }

    @Test func aHashInsideATitleIsPartOfIt() throws {
        #expect(try AETitles.table("[NODE#1] # no\nrole = self").node.aeTitle == AETitle("NODE#1"))
    }

    // MARK: Who may call

    private static let callers = """
        [NODE]
        role = self
        [CT]
        role = source
        host = 10.0.0.1
        results = PACS
        [PACS]
        role = destination
        host = 10.0.0.9
        port = 104
        [ANYWHERE]
        role = source
        host = *
        results = PACS
        """
    private static let others = "\n[*]\nrole = source\nhost = 127.0.0.1\nresults = PACS\n"

    private static func decision(
        _ table: AETitleTable, _ title: String, _ address: String
    ) throws -> AETitleTable.SourceDecision {
        table.source(calling: try #require(AETitle(title)), address: address)
    }

    @Test func aCallerIsFoundByTitleAndHost() throws {
        let table = try AETitles.table(Self.callers)
        let ct = try #require(table.entities.first)
        #expect(try Self.decision(table, "CT", "10.0.0.1") == .found(ct))
        #expect(try Self.decision(table, " CT  ", "10.0.0.1") == .found(ct))
        #expect(try Self.decision(table, "CT", "::ffff:10.0.0.1") == .found(ct))
        #expect(try Self.decision(table, "CT", "10.0.0.2") == .hostNotAllowed)
        #expect(try Self.decision(table, "ct", "10.0.0.1") == .unknownCallingAETitle)
        #expect(try Self.decision(table, "PACS", "10.0.0.9") == .unknownCallingAETitle)
        #expect(try Self.decision(table, "NODE", "10.0.0.1") == .unknownCallingAETitle)
        #expect(try Self.decision(table, "NOBODY", "127.0.0.1") == .unknownCallingAETitle)
        #expect(try Self.decision(table, "ANYWHERE", "192.0.2.77") == .found(table.entities[2]))
    }

    @Test func theStarIsForTitlesWithoutASectionOnly() throws {
        let table = try AETitles.table(Self.callers + Self.others)
        #expect(try Self.decision(table, "NOBODY", "127.0.0.1") == .found(table.entities[3]))
        #expect(try Self.decision(table, "*", "127.0.0.1") == .found(table.entities[3]))
        #expect(try Self.decision(table, "NOBODY", "10.0.0.1") == .hostNotAllowed)
        #expect(try Self.decision(table, "CT", "127.0.0.1") == .hostNotAllowed)
        #expect(try Self.decision(table, "PACS", "127.0.0.1") == .unknownCallingAETitle)
        #expect(try Self.decision(table, "NODE", "127.0.0.1") == .unknownCallingAETitle)
    }

    // MARK: Names of hosts

    @Test func namesAreResolvedOnceAndTogether() throws {
        let text = Self.callers.replacing("10.0.0.1\n", with: "ct.example, 10.0.0.5\n")
        let table = try AETitleTable(
            parsing: text, file: "t",
            resolver: HostResolver { names in
                #expect(names == ["ct.example"])
                return ["ct.example": ["10.0.0.3", "10.0.0.4"]]
            })
        #expect(table.entities.first?.source?.hosts == .addresses(["10.0.0.3", "10.0.0.4", "10.0.0.5"]))
    }

    @Test func theSystemsResolverKnowsThisMachine() {
        let found = HostResolver.system().resolve(["localhost", "no-such-host.invalid"])
        #expect(found["localhost"] == ["127.0.0.1"])
        #expect(found["no-such-host.invalid"] == nil)
    }

    @Test func aNameServerThatSaysNothingIsGivenUpInTime() {
        let resolver = HostResolver.concurrent(seconds: 0.3) { name in
            if name == "slow" { Thread.sleep(forTimeInterval: 20) }
            return ["192.0.2.1"]
        }
        var found: [String: [String]] = [:]
        let spent = ContinuousClock().measure { found = resolver.resolve(["slow", "fast"]) }
        #expect(found == ["fast": ["192.0.2.1"]])
        #expect(spent < .seconds(10))
    }

    // MARK: Files

    @Test func theShippedFileWorksOnThisMachineOnly() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../AETitles.conf").path
        let table = try AETitleTable(contentsOf: path, resolver: AETitles.noNames)
        #expect(table.node.aeTitle == AETitle("OVERREAD"))
        #expect(table.node.port == 11112)
        #expect(table.destination(named: "ORTHANC")?.destination?.port == 4242)
        for entity in table.entities {
            #expect(entity.source?.hosts == .addresses(["127.0.0.1"]))
            #expect(entity.source?.results == ["ORTHANC"])
        }
        #expect(try Self.decision(table, "STORESCU", "127.0.0.1") == .found(table.entities[1]))
        #expect(try Self.decision(table, "STORESCU", "10.1.1.1") == .hostNotAllowed)
    }

    /// The examples are comments; taken out of them they must be right as well, and name every key.
    @Test func theShippedFilesExamplesAreRightAndTeachEveryKey() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../AETitles.conf").path
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let live = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.firstMatch(of: /^# (\[[A-Z]|[a-z-]+ +=)/) == nil ? line : line.dropFirst(2)
        }.joined(separator: "\n")
        let table = try AETitleTable(parsing: live, file: "examples", resolver: AETitles.noNames)
        #expect(table.entities.map(\.name) == ["ORTHANC", "*", "CR_ROOM_1", "MAINPACS"])
        for key in AETitleKey.all {
            #expect(text.firstMatch(of: try Regex("[# ]\\s?\(key.name)( |,|\\n)")) != nil, "\(key.name) is not taught")
        }
    }

    @Test func aFileThatCannotBeReadIsADiagnosticToo() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "aetitles-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let large = folder.appending(path: "large")
        try Data(count: AETitleTable.maximumFileSize + 1).write(to: large)
        let latin = folder.appending(path: "latin")
        try Data([0x23, 0xFC, 0x0A]).write(to: latin)
        let cases = [
            (folder.appending(path: "missing").path, "The file cannot be read."),
            (folder.path, "The file cannot be read."),
            (large.path, "The file is larger than 1 MiB."), (latin.path, "The file is not UTF-8."),
        ]
        for (path, message) in cases {
            let error = try #require(throws: AETitleTableError.self) {
                try AETitleTable(contentsOf: path, resolver: AETitles.noNames)
            }
            #expect(error.diagnostics.map(\.message) == [message])
            #expect(error.description.hasPrefix("\(path):1:1: error: "))
        }
    }
}

/// Common to the tests of AETitles.conf.
enum AETitles {
    /// Knows pacs.example alone.
    static let noNames = HostResolver { names in
        names.contains("pacs.example") ? ["pacs.example": ["192.0.2.1"]] : [:]
    }

    static func table(_ text: String) throws -> AETitleTable {
        try AETitleTable(parsing: text, file: "AETitles.conf", resolver: noNames)
    }
}
