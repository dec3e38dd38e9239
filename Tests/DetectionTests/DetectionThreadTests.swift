import DCMTKBridge
import Foundation
import NodeTestSupport
import Synchronization
import Testing

@testable import Detection

/// Takes its time, and notes on which threads it was asked.
private final class SlowEngine: InferenceEngine {
    let version = "slow"
    let threads = Mutex<[String]>([])

    @available(*, noasync)
    func run(_ input: [Float]) throws(ModelError) -> ModelOutputs {
        let name = try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
        threads.withLock { $0.append(name ?? "") }
        Thread.sleep(forTimeInterval: 0.1)
        return ModelOutputs(imageLogits: [0, 0], patchLogits: [Float](repeating: 0, count: 2 * 1024))
    }
}

@Suite struct DetectionThreadTests {
    @Test("Analyses run on the service's own thread, one at a time, and never on the cooperative pool")
    func analysesRunOnTheirOwnThread() async throws {
        try DCMTKRuntime.initialize()
        let folder = try TemporaryFolder()
        let path = try PictureFile.square(rows: 32, columns: 32, left: 8, top: 8, size: 8).write(in: folder)
        let engine = SlowEngine()
        let manifest = try ModelManifest(yaml: TinyModel().manifest, file: "model.yaml")
        let service = try DetectionService(Detector(manifest: manifest, engine: engine))
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: ImageAnalysis.self) { group in
            for _ in 0..<8 { group.addTask { try await service.analyse(file: path) } }
            for try await analysis in group { #expect(analysis.outcome == .analysed) }
        }
        #expect(ContinuousClock.now - start >= .seconds(0.8))
        #expect(engine.threads.withLock { $0 } == Array(repeating: "detection\n", count: 8))
    }

    @Test("The thread ends with its executor")
    func theThreadEnds() async throws {
        func count() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count {
                let name = try? String(contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8)
                return name?.hasPrefix("ending-thread") == true
            }
        }
        var threads: [DetectionThread] = try (0..<4).map { _ in try DetectionThread(name: "ending-thread") }
        try await eventually("four threads run") { try count() == 4 }
        threads.removeAll()
        try await eventually("the threads end") { try count() == 0 }
    }
}
