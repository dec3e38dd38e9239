import Foundation
import FoundationNetworking

/// Debian's Orthanc as the PACS: its own configuration, folder and ports; no password, loopback only.
package final class OrthancProcess: Sendable {
    /// The AE title it takes.
    package static let aeTitle = "PACS"
    /// Its DICOM port.
    package let dicomPort: Int
    private let httpPort: Int
    private let folder: TemporaryFolder
    private let process: ChildProcess
    private let session: URLSession

    /// Starts Orthanc and waits until it answers.
    ///
    /// - Parameters:
    ///   - aeTitle: what it calls itself and is called.
    ///   - dicomPort: a port that the caller has chosen (for a PACS that comes up later), or any free one.
    ///   - modalities: peers that it can send to, as (name, AE title, port on the loopback interface).
    package init(
        aeTitle: String = OrthancProcess.aeTitle, dicomPort: Int? = nil,
        modalities: [(name: String, aeTitle: String, port: Int)] = []
    ) async throws {
        let folder = try TemporaryFolder()
        let session = URLSession(configuration: .ephemeral)
        (self.folder, self.session) = (folder, session)
        // A port that was free a moment ago may be another's by the time that Orthanc asks for it: then two others.
        for attempt in 1... {
            let ports = (dicom: try dicomPort ?? freePort(), http: try freePort())
            let started = try Self.start(in: folder, aeTitle, ports, modalities)
            try await eventually("Orthanc answers or ends", context: { started.tail }) {
                if started.ended != nil { return true }
                // Asked while it starts, it may take the connection and never answer: then again.
                return (try? await Self.request(session, ports.http, "GET", "/system", nil, within: 2)) != nil
            }
            if started.ended == nil {
                (self.dicomPort, httpPort, process) = (ports.dicom, ports.http, started)
                return
            }
            if attempt == 3 { throw TestSupportError("Orthanc does not start\n\(started.tail)") }
        }
        throw TestSupportError("Orthanc does not start")
    }

    private static func start(
        in folder: TemporaryFolder, _ aeTitle: String, _ ports: (dicom: Int, http: Int),
        _ modalities: [(name: String, aeTitle: String, port: Int)]
    ) throws -> ChildProcess {
        let settings: [String: Any] = [
            "Name": "Overread's test PACS",
            "StorageDirectory": folder.path("storage"), "IndexDirectory": folder.path("storage"),
            "HttpPort": ports.http, "RemoteAccessAllowed": false, "AuthenticationEnabled": false,
            "DicomPort": ports.dicom, "DicomAet": aeTitle, "DicomCheckCalledAet": true,
            "DicomAlwaysAllowEcho": true, "DicomAlwaysAllowStore": true, "DicomAlwaysAllowFind": true,
            "UnknownSopClassAccepted": false,
            "StableAge": 1, "OverwriteInstances": false, "Plugins": [String](),
            "DicomModalities": Dictionary(
                uniqueKeysWithValues: modalities.map { ($0.name, [$0.aeTitle, "127.0.0.1", $0.port] as [Any]) }),
        ]
        let configuration = folder.path("orthanc.json")
        try JSONSerialization.data(withJSONObject: settings).write(to: URL(filePath: configuration))
        return try ChildProcess(PeerTool.find("Orthanc"), [configuration])
    }

    /// Stops it.
    package func stop() async throws { try await process.stop() }

    /// The body of a GET. Throws for any status but 200.
    package func get(_ path: String) async throws -> Data { try await request("GET", path, nil) }

    /// The body of a POST. Throws for any status but 200.
    @discardableResult
    package func post(_ path: String, _ body: Data) async throws -> Data { try await request("POST", path, body) }

    private func request(_ method: String, _ path: String, _ body: Data?) async throws -> Data {
        try await Self.request(session, httpPort, method, path, body)
    }

    private static func request(
        _ session: URLSession, _ httpPort: Int, _ method: String, _ path: String, _ body: Data?,
        within seconds: TimeInterval = 120
    ) async throws -> Data {
        guard let url = URL(string: "http://127.0.0.1:\(httpPort)\(path)") else {
            throw TestSupportError("bad path \(path)")
        }
        var request = URLRequest(url: url, timeoutInterval: seconds)
        request.httpMethod = method
        request.httpBody = body
        let (data, response) = try await session.data(for: request)
        guard (response as? HTTPURLResponse)?.statusCode == 200 else {
            throw TestSupportError(
                "Orthanc refuses \(method) \(path): \(String(decoding: data.prefix(300), as: UTF8.self))")
        }
        return data
    }

    /// An instance as Orthanc holds it.
    package struct Instance: Sendable {
        /// Orthanc's own identifier.
        package let identifier: String
        /// SOP Class UID (0008,0016).
        package let sopClassUID: String
        /// SOP Instance UID (0008,0018).
        package let sopInstanceUID: String
        /// Study Instance UID (0020,000D).
        package let studyInstanceUID: String
        /// Modality (0008,0060).
        package let modality: String

        /// Comprehensive 3D SR or Comprehensive SR.
        package var isStructuredReport: Bool {
            ["1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.88.33"].contains(sopClassUID)
        }
        /// Secondary Capture.
        package var isSecondaryCapture: Bool { sopClassUID == "1.2.840.10008.5.1.4.1.1.7" }
    }

    /// Everything it holds now.
    package func instances() async throws -> [Instance] {
        let identifiers = try JSONSerialization.jsonObject(with: await get("/instances")) as? [String] ?? []
        var instances: [Instance] = []
        for identifier in identifiers.sorted() {
            let object = try JSONSerialization.jsonObject(with: await get("/instances/\(identifier)/simplified-tags"))
            let tags = object as? [String: Any] ?? [:]
            func text(_ keyword: String) -> String { tags[keyword] as? String ?? "" }
            instances.append(
                Instance(
                    identifier: identifier, sopClassUID: text("SOPClassUID"), sopInstanceUID: text("SOPInstanceUID"),
                    studyInstanceUID: text("StudyInstanceUID"), modality: text("Modality")))
        }
        return instances
    }

    /// Waits until it holds instances that `accepts` returns true for as a whole.
    package func instances(
        _ what: String, within limit: Duration = .seconds(120), where accepts: @Sendable ([Instance]) -> Bool
    ) async throws -> [Instance] {
        try await value(what, within: limit, every: .milliseconds(200)) {
            let instances = try await self.instances()
            return accepts(instances) ? instances : nil
        }
    }

    /// Writes an instance's DICOM file.
    package func download(_ instance: Instance, to path: String) async throws {
        try await get("/instances/\(instance.identifier)/file").write(to: URL(filePath: path))
    }

    /// Has Orthanc send everything of a study that it holds to one of its modalities, and waits for the end of it.
    package func send(study identifier: String, to modality: String) async throws {
        try await post("/modalities/\(modality)/store", Data(identifier.utf8))
    }

    /// Puts a DICOM file into it over HTTP.
    package func upload(_ path: String) async throws {
        try await post("/instances", Data(contentsOf: URL(filePath: path)))
    }

    /// Orthanc's identifiers of its studies.
    package func studies() async throws -> [String] {
        try JSONSerialization.jsonObject(with: await get("/studies")) as? [String] ?? []
    }
}
