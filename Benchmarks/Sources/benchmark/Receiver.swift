import Foundation

/// A running Storage SCP.
struct Receiver {
    let name: String
    let port: UInt16
    let calledAETitle: String
    let child: Child

    /// Starts each kind anew, in a folder of its own, and waits until it answers C-ECHO.
    enum Kind: String, CaseIterable {
        case overread = "**Overread**: de-identified, sealed, synced before Success"
        case overreadNewFiles = "Overread, no files made ahead"
        case storescp = "storescp, stock"
        case storescpNoDelay = "storescp, TCP_NODELAY=1"
        case orthanc = "Orthanc, stock"
        case orthancNoDelay = "Orthanc, TCP_NODELAY=1"
        case pynetdicom = "pynetdicom's storescp"

        var isOverread: Bool { self == .overread || self == .overreadNewFiles }
        var environment: [String: String] {
            switch self {
            case .storescpNoDelay, .orthancNoDelay: ["TCP_NODELAY": "1"]
            case .overreadNewFiles: ["OVERREAD_SPARE_FILES": "0"]
            default: [:]
            }
        }
    }

    /// - Parameter wrapper: a command to run it under, in the network name space of a link, say.
    static func start(_ kind: Kind, _ options: Options, folder: URL, link: Link = .loopback) throws -> Receiver {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let port = freePort()
        let files = folder.appending(path: "files")
        try FileManager.default.createDirectory(at: files, withIntermediateDirectories: true)
        let command =
            switch kind {
            case .overread, .overreadNewFiles: try nodeCommand(options, folder, port: port, pacs: freePort())
            case .storescp, .storescpNoDelay: ["storescp", "-od", files.path, "\(port)"]
            case .orthanc, .orthancNoDelay: try orthancCommand(folder, port)
            case .pynetdicom: [options.python, "-m", "pynetdicom", "storescp", "\(port)", "-od", files.path, "-q"]
            }
        let child = try Child(
            link.receiving + command, folder: folder, name: "receiver", environment: kind.environment)
        let receiver = Receiver(name: kind.rawValue, port: port, calledAETitle: "OVERREAD", child: child)
        try wait(seconds: 30, for: "answer of \(kind.rawValue)") {
            (try? Child.run(
                link.sending + ["echoscu", "-aec", "OVERREAD", "-aet", "BENCH", link.host, "\(port)"], folder: folder,
                name: "echo")) != nil
        }
        if kind == .overread { try waitForFilesMadeAhead(options, folder) }
        return receiver
    }

    /// A node that has been up for a few seconds has them.
    private static func waitForFilesMadeAhead(_ options: Options, _ folder: URL) throws {
        var (last, since) = ("", Date())
        try wait(seconds: 60, for: "end of making files ahead") {
            usleep(200_000)
            _ = try Child.run(
                [options.overread, "queue", "balance", "--data", folder.appending(path: "data").path], folder: folder,
                name: "balance")
            let text = try String(contentsOf: folder.appending(path: "balance.out"), encoding: .utf8)
            let spare = text.split(separator: "\n").first { $0.hasPrefix("spare") }.map(String.init) ?? ""
            if spare != last || spare.isEmpty { (last, since) = (spare, Date()) }
            return -since.timeIntervalSinceNow > 1.5
        }
    }

    /// Sends all files of the folders, each over an association of its own at the same time; returns the seconds.
    func store(_ folders: [URL], with sender: Sender, _ options: Options, folder: URL, link: Link = .loopback) throws
        -> Double
    {
        try Child.runTogether(
            folders.map { link.sending + sender.command(self, $0, host: link.host, options) }, folder: folder,
            name: "sender")
    }

    /// Starts a node whose results go to `pacs`, in a folder that is there.
    static func node(_ options: Options, _ folder: URL, port: UInt16, pacs: UInt16) throws -> Child {
        try Child(try nodeCommand(options, folder, port: port, pacs: pacs), folder: folder, name: "overread")
    }

    private static func nodeCommand(
        _ options: Options, _ folder: URL, port: UInt16, pacs: UInt16
    ) throws -> [String] {
        let configuration = """
            [OVERREAD]
            role = self
            port = \(port)
            disk-reserve = 100MB
            [BENCH]
            role = source
            host = *
            quiet = 1s
            results = PACS
            [PACS]
            role = destination
            host = 127.0.0.1
            port = \(pacs)
            """
        let file = folder.appending(path: "AETitles.conf")
        try configuration.write(to: file, atomically: true, encoding: .utf8)
        return [
            options.overread, "serve", "--ae-titles", file.path, "--data", folder.appending(path: "data").path,
            "--models", options.models, "--log-level", "error",
        ]
    }

    private static func orthancCommand(_ folder: URL, _ port: UInt16) throws -> [String] {
        let storage = folder.appending(path: "storage").path
        let configuration: [String: Any] = [
            "StorageDirectory": storage, "IndexDirectory": storage, "DicomPort": Int(port), "HttpPort": Int(freePort()),
            "DicomAet": "OVERREAD", "DicomAlwaysAllowEcho": true, "RemoteAccessAllowed": true, "Plugins": [String](),
        ]
        let file = folder.appending(path: "orthanc.json")
        try JSONSerialization.data(withJSONObject: configuration).write(to: file)
        return ["Orthanc", file.path]
    }
}
