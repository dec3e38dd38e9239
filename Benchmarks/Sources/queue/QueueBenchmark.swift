import DICOMCore
import Foundation
import GRDB
import StudyQueue

/// `make bench-queue`: what the study queue's steps take with 1,000 instances in the store and with 1,000,000, and the ratio.
/// Both stores take their turn in each round, so that a machine whose speed drifts favours neither.
@main
struct QueueBenchmark {
    private static let rounds = 60

    static func main() {
        do {
            let large = try CommandLine.arguments.dropFirst().first.map(instances) ?? 1_000_000
            try run(large)
        } catch {
            FileHandle.standardError.write(Data("queue-benchmark: \(error)\n".utf8))
            exit(1)
        }
    }

    private static func instances(_ word: String) throws -> Int {
        guard let number = Int(word), number >= 10_000 else {
            throw QueueBenchmarkError("usage: queue-benchmark [INSTANCES]   (10000 or more; 1000000)")
        }
        return number
    }

    private static func run(_ large: Int) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "overread-queue-\(getpid())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let begin = Date()
        let stores = try [1_000, large].map { count in
            let studies = count / FilledStore.instancesOfStudy
            return try FilledStore(studies: studies, in: folder.appending(path: "\(count)"))
        }
        print("filled in \(Int(-begin.timeIntervalSinceNow)) s: \(stores.map { "\($0.studies) studies" })")
        var steps = stores.map { QueueSteps(store: $0) }
        var times = [[String: [Double]]](repeating: [:], count: 2)
        for _ in 0..<rounds {
            for index in steps.indices { try steps[index].round { times[index][$0, default: []].append($1) } }
        }
        print("| step | 1,000 instances | \(large.formatted()) instances | ratio |\n|---|---|---|---|")
        for name in QueueSteps.names {
            let medians = times.map { median($0[name] ?? []) }
            let shown = medians.map { String(format: "%.3f ms", $0) }
            print("| \(name) | \(shown[0]) | \(shown[1]) | \(String(format: "%.2f", medians[1] / medians[0])) |")
        }
    }

    private static func median(_ values: [Double]) -> Double {
        values.isEmpty ? .nan : values.sorted()[values.count / 2]
    }
}
