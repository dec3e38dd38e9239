import Foundation

/// `make bench-deidentify`: 200 CT of 512 × 512 through each program, every one of them on the same single core, with what
/// they are when nobody configures them. What they leave in their copies is another matter (docs/conformance-statement.md).
struct DeidentifyBenchmark {
    let options: Options
    let folder: URL
    private static let core = "0"

    private enum Program: String, CaseIterable {
        case overread = "Overread"
        case overreadSynced = "Overread, --sync"
        case gdcmanon = "gdcmanon -e"
        case orthanc = "Orthanc, /anonymize"
        case dicognito = "dicognito"
        case dicomAnonymizer = "dicom-anonymizer"
    }

    func run() throws {
        let input = folder.appending(path: "in")
        try FileManager.default.createDirectory(at: input, withIntermediateDirectories: true)
        for number in 1...options.instances {
            try SyntheticInstance(number: number).file().write(to: input.appending(path: "\(number).dcm"))
        }
        try makeCertificate()
        var seconds: [Program: [Double]] = [:]
        for round in 1...options.rounds {
            for program in Program.allCases {
                // Removed at the end only: ext4 searches for inodes that were not deleted just now, at the next one's cost.
                let output = folder.appending(path: "out-\(round)-\(program)")
                try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
                seconds[program, default: []].append(try measure(program, input, output))
                let written = try FileManager.default.subpathsOfDirectory(atPath: output.path)
                    .count { !$0.hasSuffix("/") && FileManager.default.isReadableFile(atPath: "\(output.path)/\($0)") }
                guard written >= options.instances else {
                    throw BenchmarkError("\(program.rawValue) wrote \(written) files of \(options.instances)")
                }
            }
            FileHandle.standardError.write(Data("deidentify: round \(round) of \(options.rounds)\n".utf8))
        }
        report(seconds)
    }

    private func makeCertificate() throws {
        _ = try Child.run(
            [
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=benchmark",
                "-keyout", "key.pem", "-out", "certificate.pem",
            ], folder: folder, name: "openssl")
    }

    private func measure(_ program: Program, _ input: URL, _ output: URL) throws -> Double {
        let command: [String]
        switch program {
        case .overread, .overreadSynced:
            let data = folder.appending(path: "data").path
            let sync = program == .overreadSynced ? ["--sync"] : []
            command = [options.overread, "deidentify", input.path, output.path, "--data", data] + sync
        case .gdcmanon:
            command = ["gdcmanon", "-e", "-r", "-c", "certificate.pem", "-i", input.path, "-o", output.path]
        case .orthanc: return try measureOrthanc(input, output)
        case .dicognito:
            // Its own start script does not run in this version; the module does.
            command = [
                "\(options.peers)/python", "-m", "dicognito", "--quiet", "--output-directory", output.path, input.path,
            ]
        case .dicomAnonymizer: command = ["\(options.peers)/dicom-anonymizer", input.path, output.path]
        }
        return try Child.run(["taskset", "-c", Self.core] + command, folder: folder, name: "program")
    }

    /// The files are in it before the clock starts; one curl then asks for each, over one connection.
    private func measureOrthanc(_ input: URL, _ output: URL) throws -> Double {
        let storage = folder.appending(path: "storage-\(output.lastPathComponent)")
        let port = freePort()
        let configuration: [String: Any] = [
            "StorageDirectory": storage.path, "IndexDirectory": storage.path, "DicomPort": Int(freePort()),
            "HttpPort": Int(port), "Plugins": [String](), "KeepAlive": true, "TcpNoDelay": true,
        ]
        let file = folder.appending(path: "orthanc.json")
        try JSONSerialization.data(withJSONObject: configuration).write(to: file)
        let server = try Child(
            ["taskset", "-c", Self.core, "Orthanc", file.path], folder: folder, name: "orthanc-server")
        defer { server.stop() }
        let root = "http://127.0.0.1:\(port)"
        try wait(seconds: 30, for: "answer of Orthanc") {
            (try? Child.run(["curl", "--silent", "--fail", "\(root)/system"], folder: folder, name: "system")) != nil
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: input.path)
        try curl(
            names.map { "url = \"\(root)/instances\"\ndata-binary = \"@\(input.path)/\($0)\"\noutput = \"/dev/null\"" })
        _ = try Child.run(["curl", "--silent", "--fail", "\(root)/instances"], folder: folder, name: "instances")
        let listed = try JSONDecoder().decode(
            [String].self, from: Data(contentsOf: folder.appending(path: "instances.out")))
        let begin = Date()
        try curl(
            listed.map {
                "url = \"\(root)/instances/\($0)/anonymize\"\ndata = \"{}\"\noutput = \"\(output.path)/\($0).dcm\""
            })
        return Date().timeIntervalSince(begin)
    }

    private func curl(_ requests: [String]) throws {
        let file = folder.appending(path: "requests")
        // Without the header, curl would wait for "100 Continue" before each body.
        let common = "silent\nfail\nheader = \"Expect:\"\n"
        try requests.map { common + $0 }.joined(separator: "\nnext\n").write(
            to: file, atomically: true, encoding: .utf8)
        _ = try Child.run(["curl", "--config", file.path], folder: folder, name: "curl")
    }

    private func report(_ seconds: [Program: [Double]]) {
        let own = median(seconds[.overread] ?? [])
        print(
            "\ndeidentify: \(options.instances) CT 512x512 (0.53 MB), one core, \(options.rounds) rounds in turn: median (min–max)\n"
        )
        print("| program | seconds | files/s | Overread is times as fast |\n|---|---|---|---|")
        for program in Program.allCases {
            let values = seconds[program] ?? []
            let middle = median(values)
            print(
                "| \(program.rawValue) | \(rounded(middle)) (\(rounded(values.min() ?? 0))–\(rounded(values.max() ?? 0))) "
                    + "| \(Int(Double(options.instances) / middle)) | \(rounded(middle / own)) |")
        }
    }
}
