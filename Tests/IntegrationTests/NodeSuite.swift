import Foundation
import NodeTestSupport
import Testing

/// Everything that starts a node. One after the other: they start processes, and there may be two cores only.
@Suite(.serialized) enum NodeSuite {}

/// The peers' sections that most tests use: a modality of the loopback interface, and Orthanc as PACS, which may send as well.
enum Peers {
    static func sections(pacsPort: Int, quiet: String = "1s", results: String = "results = PACS", source: String = "")
        -> String
    {
        """
        [MODALITY]
        role = source
        host = 127.0.0.1
        quiet = \(quiet)
        \(results)
        \(source)

        [PACS]
        role = source, destination
        host = 127.0.0.1
        port = \(pacsPort)
        quiet = \(quiet)
        results = PACS
        """
    }
}

/// A node with Orthanc as its PACS.
struct NodeWithPACS {
    let pacs: OrthancProcess
    let installation: NodeInstallation
    let node: RunningNode

    private let ports: (node: Int, pacs: Int)

    /// The node's port is fixed, since Orthanc is to send to the node and reads its peers once.
    ///
    /// - Parameter source: further lines of the modality's section.
    init(models: String? = nil, source: String = "") async throws {
        let pacsPort = try freePort()
        let nodePort = try freePort()
        ports = (nodePort, pacsPort)
        installation = try NodeInstallation(sections: "", models: models)
        try installation.write(configuration: Self.configuration(ports, source))
        node = try await installation.start()
        pacs = try await OrthancProcess(
            dicomPort: pacsPort, modalities: [(name: "overread", aeTitle: NodeInstallation.aeTitle, port: nodePort)])
    }

    /// AETitles.conf with further lines in the modality's section.
    func configuration(_ source: String) -> String { Self.configuration(ports, source) }

    private static func configuration(_ ports: (node: Int, pacs: Int), _ source: String) -> String {
        "[OVERREAD]\nrole = self\nport = \(ports.node)\n\n" + Peers.sections(pacsPort: ports.pacs, source: source)
            + "\n"
    }

    /// Waits until the PACS holds a report in a study.
    func report(inStudy study: String) async throws -> OrthancProcess.Instance {
        let instances = try await pacs.instances("a report in the study") { instances in
            instances.contains { $0.isStructuredReport && $0.studyInstanceUID == study }
        }
        return try #require(instances.first { $0.isStructuredReport && $0.studyInstanceUID == study })
    }
}

/// What Tests/Peers/send.py reports.
struct SendReport: Decodable {
    struct Status: Decodable {
        let file: String
        let instance: String
        let status: String?
        let comment: String?
        let why: String?
    }

    let association: String
    let statuses: [Status]
    let alive: Bool?
    let result: Int?
    let source: Int?
    let reason: Int?
    let results: [Int]?

    /// SOP Instance UIDs that were answered with Success.
    var acknowledged: [String] { statuses.filter { $0.status == "0000" }.map(\.instance) }
}

extension RunningNode {
    /// Sends files with pynetdicom.
    func sendWithPynetdicom(
        _ files: [String], calling: String = "MODALITY", called: String = NodeInstallation.aeTitle, fault: String? = nil
    ) async throws -> SendReport {
        var arguments = ["\(port)"] + files + ["--calling", calling, "--called", called]
        if let fault { arguments += ["--fault", fault] }
        let finished = try await PeerTool.python("send.py", arguments)
        guard finished.succeeded else { throw TestSupportError("send.py failed: \(finished.everything)") }
        return try JSONDecoder().decode(SendReport.self, from: Data(finished.output.utf8))
    }

    /// Waits until the queue log has an event.
    @discardableResult
    func event(_ name: String, within limit: Duration = .seconds(120)) async throws -> QueueEvent {
        try await value("the queue log has \(name)", within: limit, context: { process.tail }) {
            if let ended = process.ended { throw TestSupportError("the node ended (\(ended))\n\(process.tail)") }
            let events = installation.queueEvents
            if let parked = events.first(where: { $0.event == "study-parked" }), name != parked.event {
                throw TestSupportError("the study was parked: \(parked.fields)\n\(process.tail)")
            }
            return events.first { $0.event == name }
        }
    }

    /// That the node still runs, that a good image is still taken, and that the balance holds.
    func expectServiceGoesOn(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        #expect(process.ended == nil, "the node ended\n\(process.tail)", sourceLocation: sourceLocation)
        let folder = try TemporaryFolder()
        let good = try await SyntheticImages.make("dx", in: folder.path("good"), ["--rows", "160", "--columns", "128"])
        let sent = try await sendWithPynetdicom(good.files)
        #expect(sent.acknowledged == good.sopInstanceUIDs, sourceLocation: sourceLocation)
        let balance = try await installation.queue("balance")
        #expect(balance.succeeded, "\(balance.everything)", sourceLocation: sourceLocation)
    }

    /// The de-identified files that it keeps: not those of zeros, made ahead.
    func spoolFiles() throws -> [String] {
        let spool = "\(installation.data)/spool"
        let files = try FileManager.default.subpathsOfDirectory(atPath: spool).filter { $0.hasSuffix(".dcm") }
        return files.map { "\(spool)/\($0)" }.filter { path in
            // Gone since: it was replaced by another one meanwhile.
            guard let contents = FileManager.default.contents(atPath: path) else { return false }
            return contents.prefix(132) != Data(count: 132)
        }
    }
}
