import Foundation

/// What receivers take to accept the same files from unchanged senders.
struct IngestBenchmark {
    let options: Options
    let folder: URL

    /// Objects of one kind.
    private struct Load {
        let name: String
        let folders: [URL]
        let count: Int
        let bytes: Int
    }

    /// The table of `make bench`: CT, one association, storescu.
    func runReceivers() throws {
        let load = try makeCT()
        try compare(
            "\(load.name), storescu -xe, one association", load,
            [.overread, .storescp, .storescpNoDelay, .orthanc], memory: true)
    }

    /// The tables of `make bench-ingest`, and the words by which `--only` asks for one.
    enum Table: String, CaseIterable { case receivers, senders, associations, radiographs, tiny, link }

    /// Prints the tables that are asked for.
    func run() throws {
        let ct = try makeCT()
        for table in options.tables {
            switch table {
            case .receivers:
                try compare("\(ct.name), storescu -xe, one association", ct, Receiver.Kind.allCases, memory: true)
            case .senders:
                for sender in Sender.allCases where sender != .storescu {
                    try compare(
                        "\(ct.name), \(sender.rawValue), one association", ct,
                        [.overread, .storescp, .storescpNoDelay, .orthanc], sender: sender)
                }
            case .associations: try compareAssociations(ct)
            case .radiographs: try compareRadiographs()
            case .tiny: try compareTinyObjects()
            case .link: try compareLink()
            }
        }
    }

    private func compareRadiographs() throws {
        let dx = try make("30 DX 2500x2048", count: 30) {
            SyntheticInstance(
                modality: "DX", sopClass: "1.2.840.10008.5.1.4.1.1.1.1", rows: 2500, columns: 2048, number: $0)
        }
        try compare(
            "\(dx.name), storescu -xe, one association", dx, [.overread, .storescp, .storescpNoDelay, .orthanc])
    }

    // MARK: Loads

    private func makeCT() throws -> Load {
        try make("\(options.instances) CT 512x512", count: options.instances) { SyntheticInstance(number: $0) }
    }

    /// Files in `parts` folders.
    private func make(
        _ name: String, count: Int, parts: Int = 1, of instance: (Int) -> SyntheticInstance
    ) throws -> Load {
        let folders = (0..<parts).map { folder.appending(path: "\(name.replacing(" ", with: "-"))-\(parts)-\($0)") }
        for folder in folders { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
        var bytes = 0
        for number in 1...count {
            let data = instance(number).file()
            bytes += data.count
            try data.write(to: folders[number % parts].appending(path: "\(number).dcm"))
        }
        return Load(name: name, folders: folders, count: count, bytes: bytes)
    }

    private static func tiny(_ number: Int) -> SyntheticInstance {
        SyntheticInstance(rows: 40, columns: 32, number: number)
    }

    // MARK: Tables

    /// Receivers in turn, and how much longer than Overread each takes for an object.
    private func compare(
        _ title: String, _ load: Load, _ kinds: [Receiver.Kind], sender: Sender = .storescu, memory: Bool = false,
        rounds: Int? = nil, link: Link = .loopback
    ) throws {
        let rounds = rounds ?? options.rounds
        var seconds: [Receiver.Kind: [Double]] = [:]
        var peaks: [Receiver.Kind: Double] = [:]
        for _ in 1...rounds {
            for kind in kinds {
                let (time, peak) = try measure(kind, load, sender, link)
                seconds[kind, default: []].append(time)
                peaks[kind] = max(peaks[kind] ?? 0, peak)
            }
        }
        let own = median(seconds[.overread] ?? [])
        print("\n\(title), \(load.bytes / 1_000_000) MB; \(rounds) rounds in turn: median (min–max)\n")
        print("| receiver | seconds | images/s | MB/s | times Overread |\(memory ? " peak MB |" : "")")
        print("|---|---|---|---|---|\(memory ? "---|" : "")")
        for kind in kinds {
            let values = seconds[kind] ?? []
            let middle = median(values)
            print(
                "| \(kind.rawValue) | \(spread(values)) | \(Int(Double(load.count) / middle)) "
                    + "| \(Int(Double(load.bytes) / 1e6 / middle)) | \(rounded(middle / own)) |"
                    + (memory ? " \(Int(peaks[kind] ?? 0)) |" : ""))
        }
    }

    private func measure(
        _ kind: Receiver.Kind, _ load: Load, _ sender: Sender, _ link: Link = .loopback
    ) throws -> (seconds: Double, peakMemory: Double) {
        // Removed at the end only: ext4 searches for inodes that were not deleted just now, at the next one's cost.
        let place = folder.appending(path: "receiver-\(UUID().uuidString)")
        let receiver = try Receiver.start(kind, options, folder: place, link: link)
        defer { receiver.child.stop() }
        let seconds = try receiver.store(load.folders, with: sender, options, folder: place, link: link)
        progress("\(load.name), \(kind.rawValue): \(rounded(seconds)) s")
        return (seconds, receiver.child.peakMemory)
    }

    /// One association and eight, the same objects.
    private func compareAssociations(_ one: Load) throws {
        let eight = try make(one.name, count: one.count, parts: 8) { number in
            SyntheticInstance(study: number % 8, number: number)
        }
        print("\n\(one.name), storescu -xe, one association and eight at a time; \(options.rounds) rounds in turn\n")
        print("| receiver | one: seconds | eight: seconds | eight are faster by |\n|---|---|---|---|")
        for kind in [Receiver.Kind.overread, .overreadNewFiles, .storescpNoDelay, .orthancNoDelay] {
            // storescp serves one association after the other unless it forks.
            if kind == .storescpNoDelay { continue }
            var (single, parallel): ([Double], [Double]) = ([], [])
            for _ in 1...options.rounds {
                single.append(try measure(kind, one, .storescu).seconds)
                parallel.append(try measure(kind, eight, .storescu).seconds)
            }
            print(
                "| \(kind.rawValue) | \(spread(single)) | \(spread(parallel)) "
                    + "| \(rounded(median(single) / median(parallel))) |")
        }
    }

    /// 20,000 of them; a fortieth for those who leave the sender waiting 40 ms for an acknowledgement.
    private func compareTinyObjects() throws {
        let count = options.instances * 50
        let all = try make("tiny-all", count: count, of: Self.tiny)
        let few = try make("tiny-few", count: count / 40, of: Self.tiny)
        print("\nobjects of 4 KB, storescu -xe, one association, once each\n")
        print("| receiver | objects | seconds | objects/s | times Overread |\n|---|---|---|---|---|")
        var own = 0.0
        for kind in [Receiver.Kind.overread, .storescp, .storescpNoDelay, .orthanc, .orthancNoDelay] {
            let load = kind.isOverread ? all : few
            let seconds = try measure(kind, load, .storescu).seconds
            let each = seconds / Double(load.count)
            if kind == .overread { own = each }
            print(
                "| \(kind.rawValue) | \(load.count) | \(rounded(seconds)) | \(Int(1 / each)) "
                    + "| \(rounded(each / own)) |")
        }
    }

    /// Over a link whose round trip takes 20 ms.
    private func compareLink() throws {
        guard let link = try DelayedLink(options, folder: folder) else {
            return print("\na link of 20 ms: not measured, it needs root, iproute2 and /dev/net/tun")
        }
        defer { link.stop() }
        let objects = try make("tiny-link", count: options.instances / 2, of: Self.tiny)
        let slices = try make("ct-link", count: options.instances / 4) { SyntheticInstance(number: $0) }
        print(
            "\na link of 20 ms there and back (\(rounded(try link.roundTrip() * 1000, 1)) ms to be refused a connection), storescu -xe"
        )
        print("\n| receiver | objects | seconds | round trips an object |\n|---|---|---|---|")
        for (name, load) in [("4 KB", objects), ("CT 512x512", slices)] {
            for kind in [Receiver.Kind.overread, .storescp, .storescpNoDelay, .orthanc] {
                let seconds = try measure(kind, load, .storescu, link.link).seconds
                print(
                    "| \(kind.rawValue) | \(load.count) of \(name) | \(rounded(seconds)) "
                        + "| \(rounded(seconds / 0.02 / Double(load.count))) |")
            }
        }
    }

    private func spread(_ values: [Double]) -> String {
        "\(rounded(median(values))) (\(rounded(values.min() ?? 0))–\(rounded(values.max() ?? 0)))"
    }

    private func progress(_ text: String) {
        // Tables that are done go out as well, into a file too.
        fflush(nil)
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }
}
