import Foundation

/// A running Storage SCP.
struct Receiver {
    let name: String
    let port: UInt16
    let calledAETitle: String
    let child: Child

    /// Starts each kind anew, in a folder of its own, and waits until it answers C-ECHO.
    enum Kind: String, CaseIterable {
        case overread = "Overread (de-identified, synced)"
        case storescp = "storescp, stock"
        case storescpNoDelay = "storescp, TCP_NODELAY=1"
        case orthanc = "Orthanc, stock"
    }

    static func start(_ kind: Kind, _ options: Options, folder: URL) throws -> Receiver {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let port = freePort()
        let child: Child
        switch kind {
        case .overread: child = try node(options, folder, port: port, pacs: freePort())
        case .storescp, .storescpNoDelay:
            let files = folder.appending(path: "files")
            try FileManager.default.createDirectory(at: files, withIntermediateDirectories: true)
            child = try Child(
                ["storescp", "-od", files.path, "\(port)"], folder: folder, name: "storescp",
                environment: kind == .storescpNoDelay ? ["TCP_NODELAY": "1"] : [:])
        case .orthanc: child = try orthanc(folder, port)
        }
        let receiver = Receiver(name: kind.rawValue, port: port, calledAETitle: "OVERREAD", child: child)
        try wait(seconds: 30, for: "answer of \(kind.rawValue)") {
            (try? Child.run(
                ["echoscu", "-aec", "OVERREAD", "-aet", "BENCH", "127.0.0.1", "\(port)"], folder: folder, name: "echo"))
                != nil
        }
        return receiver
    }

    /// Sends all files with an unchanged storescu; returns the seconds.
    func store(_ files: URL, folder: URL) throws -> Double {
        try Child.run(
            [
                "storescu", "-xe", "-aet", "BENCH", "-aec", calledAETitle, "+sd", "+r", "127.0.0.1", "\(port)",
                files.path,
            ], folder: folder, name: "storescu")
    }

    /// Starts a node whose results go to `pacs`, in a folder that is there.
    static func node(_ options: Options, _ folder: URL, port: UInt16, pacs: UInt16) throws -> Child {
        let configuration = """
            [OVERREAD]
            role = self
            port = \(port)
            disk-reserve = 100MB
            [BENCH]
            role = source
            host = 127.0.0.1
            quiet = 1s
            results = PACS
            [PACS]
            role = destination
            host = 127.0.0.1
            port = \(pacs)
            """
        let file = folder.appending(path: "AETitles.conf")
        try configuration.write(to: file, atomically: true, encoding: .utf8)
        return try Child(
            [
                options.overread, "serve", "--ae-titles", file.path, "--data", folder.appending(path: "data").path,
                "--models", options.models, "--log-level", "error",
            ], folder: folder, name: "overread")
    }

    private static func orthanc(_ folder: URL, _ port: UInt16) throws -> Child {
        let storage = folder.appending(path: "storage").path
        let configuration: [String: Any] = [
            "StorageDirectory": storage, "IndexDirectory": storage, "DicomPort": Int(port), "HttpPort": Int(freePort()),
            "DicomAet": "OVERREAD", "Plugins": [String](),
        ]
        let file = folder.appending(path: "orthanc.json")
        try JSONSerialization.data(withJSONObject: configuration).write(to: file)
        return try Child(["Orthanc", file.path], folder: folder, name: "orthanc")
    }
}
