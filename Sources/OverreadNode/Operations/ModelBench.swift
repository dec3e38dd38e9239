import Detection
import Foundation
import Glibc

/// What one run of the model costs here.
package struct ModelBench: Codable, Sendable {
    /// Name and version.
    package let model: String
    /// Reading and compiling, in seconds.
    package let loadSeconds: Double
    /// Median of a run on the clock, in seconds.
    package let seconds: Double
    /// Median of a run in processor time of all threads, in seconds.
    package let processorSeconds: Double

    /// Loads the model and runs it on an empty picture, twice to warm up and then `runs` times.
    @available(*, noasync, message: "blocks: call it from a thread")
    package init(_ configuration: NodeConfiguration, runs: Int) throws {
        let folder = try ModelFolder.load(try ModelSelection.only(in: configuration.modelsFolder))
        let threads = configuration.inferenceThreads
        let begin = Date()
        let engine = try OpenVINOEngine(folder, threads: threads > 0 ? threads : nil)
        loadSeconds = Self.rounded(Date().timeIntervalSince(begin))
        let input = folder.manifest.input
        let picture = [Float](repeating: 0, count: input.channels * input.height * input.width)
        var clock: [Double] = []
        var processor: [Double] = []
        for run in 0..<(runs + 2) {
            let (date, time) = (Date(), Self.processorTime())
            _ = try engine.run(picture)
            if run < 2 { continue }
            clock.append(Date().timeIntervalSince(date))
            processor.append(Self.processorTime() - time)
        }
        model = "\(folder.manifest.name) \(folder.manifest.version)"
        seconds = Self.rounded(clock.sorted()[clock.count / 2])
        processorSeconds = Self.rounded(processor.sorted()[processor.count / 2])
    }

    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func rounded(_ seconds: Double) -> Double { (seconds * 10_000).rounded() / 10_000 }
}
