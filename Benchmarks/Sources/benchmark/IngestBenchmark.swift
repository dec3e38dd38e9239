import Foundation

/// CT images from an unchanged `storescu -xe` over one association: what each receiver takes to accept them.
struct IngestBenchmark {
    let options: Options
    let folder: URL

    func run() throws {
        let files = folder.appending(path: "ct")
        try FileManager.default.createDirectory(at: files, withIntermediateDirectories: true)
        var bytes = 0
        for number in 1...options.instances {
            let data = SyntheticInstance(number: number).file()
            bytes += data.count
            try data.write(to: files.appending(path: "\(number).dcm"))
        }
        var seconds: [Receiver.Kind: [Double]] = [:]
        var memory = 0.0
        for round in 1...options.rounds {
            for kind in Receiver.Kind.allCases {
                // Removed at the end only: ext4 searches for inodes that were not deleted just now, at the next one's cost.
                let place = folder.appending(path: "receiver-\(round)-\(kind)")
                let receiver = try Receiver.start(kind, options, folder: place)
                seconds[kind, default: []].append(try receiver.store(files, folder: folder))
                if kind == .overread { memory = max(memory, receiver.child.peakMemory) }
                receiver.child.stop()
            }
            FileHandle.standardError.write(Data("ingest: round \(round) of \(options.rounds)\n".utf8))
        }
        report(seconds, bytes: bytes, memory: memory)
    }

    private func report(_ seconds: [Receiver.Kind: [Double]], bytes: Int, memory: Double) {
        let own = median(seconds[.overread] ?? [])
        print("\ningest: \(options.instances) CT 512x512, \(bytes / 1_000_000) MB, storescu -xe, one association")
        print("\(options.rounds) rounds in turn: median (min–max)\n")
        print("| receiver | seconds | images/s | MB/s | times Overread |\n|---|---|---|---|---|")
        for kind in Receiver.Kind.allCases {
            let values = seconds[kind] ?? []
            let middle = median(values)
            print(
                "| \(kind.rawValue) | \(rounded(middle)) (\(rounded(values.min() ?? 0))–\(rounded(values.max() ?? 0))) "
                    + "| \(Int(Double(options.instances) / middle)) | \(Int(Double(bytes) / 1e6 / middle)) | \(rounded(middle / own)) |"
            )
        }
        print("\nOverread's peak resident memory while it received: \(Int(memory)) MB")
    }
}
