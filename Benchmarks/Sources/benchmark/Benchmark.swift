import Foundation

/// `make bench`, `make bench-ingest` and `make bench-deidentify`: prints what README.md quotes. Every figure is a median
/// over rounds in which all receivers take their turn, so that a machine whose speed drifts does not favour one.
@main
struct Benchmark {
    static func main() {
        do {
            try run()
        } catch {
            FileHandle.standardError.write(Data("benchmark: \(error)\n".utf8))
            exit(1)
        }
    }

    private static func run() throws {
        var arguments = CommandLine.arguments.dropFirst()
        let part = arguments.first.flatMap(Part.init(rawValue:))
        if part != nil { arguments.removeFirst() }
        let options = try Options(arguments, instances: part == .deidentify ? 200 : 400)
        let folder = FileManager.default.temporaryDirectory.appending(path: "overread-bench-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let machine = Machine(folder: folder)
        print("machine: \(machine.description)")
        switch part {
        case .deidentify: try DeidentifyBenchmark(options: options, folder: folder).run()
        case .ingest: try IngestBenchmark(options: options, folder: folder).run()
        case .barriers: try BarrierBenchmark(folder: folder).run()
        case nil:
            try IngestBenchmark(options: options, folder: folder).runReceivers()
            try OverheadBenchmark(options: options, folder: folder).run()
        }
    }

    /// What the first argument may be.
    private enum Part: String { case deidentify, ingest, barriers }
}

/// What the command line says.
struct Options {
    var overread = ".build/release/overread"
    var models = "Models"
    var rounds = 3
    var instances: Int
    /// Where dicognito and dicom-anonymizer are.
    var peers = ".deps/bench/bin"
    /// With pynetdicom.
    var python = ".deps/python/bin/python"
    var studies = 12
    /// Of `ingest`.
    var tables = IngestBenchmark.Table.allCases

    init(_ arguments: ArraySlice<String>, instances: Int) throws {
        self.instances = instances
        var rest = arguments
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else { throw BenchmarkError("\(name) wants a value") }
            switch name {
            case "--overread": overread = value
            case "--models": models = value
            case "--rounds": rounds = Int(value) ?? rounds
            case "--instances": self.instances = Int(value) ?? instances
            case "--peers": peers = value
            case "--python": python = value
            case "--only":
                guard let table = IngestBenchmark.Table(rawValue: value) else {
                    throw BenchmarkError(
                        "--only wants one of \(IngestBenchmark.Table.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                tables = [table]
            case "--studies": studies = Int(value) ?? studies
            default:
                throw BenchmarkError(
                    "\(name) is no option: --overread --models --rounds --instances --studies --peers --python --only")
            }
        }
        overread = URL(filePath: overread).path
        models = URL(filePath: models).path
        peers = URL(filePath: peers).path
        // Not resolved: a virtual environment is known by the link's own place.
        if !python.hasPrefix("/") { python = FileManager.default.currentDirectoryPath + "/" + python }
        guard FileManager.default.isExecutableFile(atPath: overread) else {
            throw BenchmarkError("\(overread) is not there: run make bench, or swift build -c release")
        }
    }
}

/// A sentence.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// What the figures depend on.
struct Machine {
    let description: String

    init(folder: URL) {
        let model =
            (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n")
            .first { $0.hasPrefix("model name") }?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces)
            ?? "?"
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let load = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8))?.prefix(4) ?? "?"
        description =
            "\(model), \(cores) cores, load \(load), disk syncs: file and folder of 0.5 MB \(Machine.rate(folder, large: true))/s, "
            + "4 KiB appended \(Machine.rate(folder, large: false))/s"
    }

    private static func rate(_ folder: URL, large: Bool) -> Int {
        let count = 50
        let block = [UInt8](repeating: 7, count: large ? 524_288 : 4096)
        let begin = Date()
        let path = folder.appending(path: "sync").path
        var descriptor = open(path, O_CREAT | O_WRONLY, 0o600)
        for number in 0..<count {
            if large {
                close(descriptor)
                descriptor = open("\(path)\(number)", O_CREAT | O_WRONLY, 0o600)
            }
            _ = block.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            fsync(descriptor)
            if large {
                let parent = open(folder.path, O_RDONLY)
                fsync(parent)
                close(parent)
            }
        }
        close(descriptor)
        return Int(Double(count) / Date().timeIntervalSince(begin))
    }
}

/// The middle of an odd number of values, the mean of the middle two of an even one.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

func rounded(_ value: Double, _ places: Int = 2) -> String { String(format: "%.\(places)f", value) }
