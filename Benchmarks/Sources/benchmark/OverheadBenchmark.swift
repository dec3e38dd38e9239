import Foundation

/// What the node spends on a 2500×2048 DX beside the model: receiving, de-identifying, syncing, decoding, preparing, report,
/// delivery. In processor time and on the clock, against the model's own.
struct OverheadBenchmark {
    let options: Options
    let folder: URL

    func run() throws {
        let inference = try measureInference()
        let place = folder.appending(path: "node")
        let pacs = try Receiver.start(.storescpNoDelay, options, folder: folder.appending(path: "pacs"))
        defer { pacs.child.stop() }
        let node = try start(place, pacs: pacs.port)
        defer { node.child.stop() }
        try send(1, to: node, place)
        let processor = node.child.processorTime
        var stored: [Double] = []
        for study in 2...(options.studies + 1) { stored.append(try send(study, to: node, place)) }
        let used = (node.child.processorTime - processor) / Double(options.studies)
        try report(inference, perImage: used, stored: stored, phases: Phases(place), memory: node.child.peakMemory)
    }

    private struct Inference: Decodable {
        let seconds: Double
        let processorSeconds: Double
    }

    private func measureInference() throws -> Inference {
        let child = try Child(
            [options.overread, "model", "bench", "--json", "--models", options.models], folder: folder, name: "model")
        child.process.waitUntilExit()
        return try JSONDecoder().decode(Inference.self, from: Data(contentsOf: child.output))
    }

    private func start(_ place: URL, pacs: UInt16) throws -> Receiver {
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        let port = freePort()
        let child = try Receiver.node(options, place, port: port, pacs: pacs)
        let receiver = Receiver(name: "Overread", port: port, calledAETitle: "OVERREAD", child: child)
        try wait(seconds: 30, for: "ready line") {
            try String(contentsOf: child.output, encoding: .utf8).contains("ready ")
        }
        return receiver
    }

    /// Sends one study and waits until it is delivered. Returns the seconds that storescu took.
    @discardableResult
    private func send(_ study: Int, to node: Receiver, _ place: URL) throws -> Double {
        let files = folder.appending(path: "dx")
        try? FileManager.default.removeItem(at: files)
        try FileManager.default.createDirectory(at: files, withIntermediateDirectories: true)
        var image = SyntheticInstance(
            modality: "DX", sopClass: "1.2.840.10008.5.1.4.1.1.1.1", rows: 2500, columns: 2048, bits: 14,
            study: study + 1)
        image.extra = [
            (0x0008_0068, "CS", "FOR PRESENTATION"), (0x0018_5101, "CS", "PA"), (0x0020_0020, "CS", "L\\F"),
            (0x0020_0062, "CS", "U"),
        ]
        try image.file().write(to: files.appending(path: "dx.dcm"))
        let seconds = try node.store([files], with: .storescu, options, folder: folder)
        try wait(seconds: 60, for: "delivery") { try Phases(place).delivered >= study }
        return seconds
    }

    /// Seconds between events of the queue log.
    private struct Phases {
        var delivered = 0
        var analysis: [Double] = []
        var delivery: [Double] = []

        init(_ place: URL) throws {
            let log = place.appending(path: "data/queue.jsonl")
            guard let text = try? String(contentsOf: log, encoding: .utf8) else { return }
            let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
            var began: [String: Date] = [:]
            for line in text.split(separator: "\n") {
                guard let event = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                    let kind = event["event"] as? String, let study = event["study"] as? String,
                    let time = (event["time"] as? String).flatMap({ try? Date($0, strategy: format) })
                else { continue }
                switch kind {
                case "analysis-started", "delivery-started": began[study] = time
                case "analysis-finished": analysis.append(time.timeIntervalSince(began[study] ?? time))
                case "study-delivered":
                    delivery.append(time.timeIntervalSince(began[study] ?? time))
                    delivered += 1
                default: break
                }
            }
        }
    }

    private func report(_ inference: Inference, perImage: Double, stored: [Double], phases: Phases, memory: Double) {
        let outside = perImage - inference.processorSeconds
        let clock = median(stored) + median(phases.analysis) - inference.seconds + median(phases.delivery)
        print("\noverhead: \(options.studies) studies of one DX 2500x2048 (10.2 MB), one after the other; medians\n")
        print("| | processor s | clock s |\n|---|---|---|")
        print("| the model alone | \(rounded(inference.processorSeconds, 3)) | \(rounded(inference.seconds, 3)) |")
        print("| everything else in the node, an image | \(rounded(outside, 3)) | \(rounded(clock, 3)) |")
        print(
            "| ratio | \(rounded(outside / inference.processorSeconds * 100, 0)) % | \(rounded(clock / inference.seconds * 100, 0)) % |"
        )
        print(
            "\nclock: storescu's whole run \(rounded(median(stored), 3)) s, analysis \(rounded(median(phases.analysis), 3)) s "
                + "with the model, delivery \(rounded(median(phases.delivery), 3)) s")
        print("peak resident memory with the model loaded: \(Int(memory)) MB")
    }
}
