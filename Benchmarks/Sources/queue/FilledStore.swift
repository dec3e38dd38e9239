import DICOMCore
import Foundation
import GRDB
import StudyQueue

/// A node's database with so many studies in it, as months of work leave it: most delivered, a few parked, some on
/// every step of the way. Made by the queue itself, with its syncs put off until it is full.
struct FilledStore {
    /// Instances of each study.
    static let instancesOfStudy = 50

    let pool: DatabasePool
    let queue: StudyQueue
    let studies: Int
    /// The opaque identifier of each study, in their order.
    private(set) var identifiers: [String] = []
    private var now = Date(timeIntervalSince1970: 1_800_000_000)

    init(studies: Int, in folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.studies = studies
        pool = try StudyDatabase.open(path: folder.appending(path: "overread.sqlite").path)
        var migrator = DatabaseMigrator()
        StudyQueueSchema.register(in: &migrator)
        try migrator.migrate(pool)
        queue = StudyQueue(pool)
        try setSync("OFF")
        for number in 0..<studies { try add(number) }
        try setSync("FULL")
        try pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
    }

    private func setSync(_ mode: String) throws {
        try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = \(mode)") }
    }

    /// Of a hundred studies one is parked, two wait to be sent, three for the detector, and two are still coming in.
    private mutating func add(_ number: Int) throws {
        now += 60
        let study = try receive(number)
        identifiers.append(study)
        let place = number % 100
        if place < 2 { return }
        try queue.complete(study, evidence: .quiet, at: now)
        if place < 5 { return }
        guard let lease = try queue.lease(.analysis, owner: "fill", duration: .seconds(60), at: now) else {
            throw QueueBenchmarkError("nothing to lease")
        }
        // The longest ready is leased, which may be one that was left waiting: the shares stay.
        if place < 6 {
            try queue.failAnalysis(lease, reason: "benchmark", isPermanent: true, at: now)
            return
        }
        try queue.finishAnalysis(lease, analyses: [], conclusion: .deliver(Self.plan(lease)), at: now)
        if place < 8 { return }
        try deliver()
    }

    private func deliver() throws {
        guard let lease = try queue.lease(.delivery, owner: "fill", duration: .seconds(60), at: now) else {
            throw QueueBenchmarkError("nothing to deliver")
        }
        for object in try queue.dueDeliveries(lease, at: now) {
            try queue.recordDelivery(
                lease, kind: object.kind, index: object.index, outcome: .stored(.success), at: now)
        }
        _ = try queue.finishDelivery(lease, at: now)
    }

    static func plan(_ lease: StudyLease) -> [PlannedDelivery] {
        [ResultKind.secondaryCapture, .structuredReport].map {
            PlannedDelivery(
                destination: "MAINPACS", kind: $0, index: 0, resultID: "\(lease.study)-\(lease.revision)-\($0.rawValue)"
            )
        }
    }

    private func receive(_ number: Int) throws -> String {
        try pool.write { db in
            var study = ""
            for instance in 0..<Self.instancesOfStudy {
                let outcome = try queue.record(Self.receipt(instance, of: number), in: db, at: now)
                if case .committed(let reference) = outcome { study = reference.study }
            }
            return study
        }
    }

    /// What the node makes of a CT slice.
    static func receipt(_ instance: Int, of study: Int) -> InstanceReceipt {
        let number = study * 1_000 + instance
        var generator = Mixer(state: UInt64(number))
        let id = String(generator.next() | 1 << 63, radix: 16)
        return InstanceReceipt(
            instanceID: id, sopInstanceUID: uid(&generator),
            digest: (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) },
            studyUID: studyUID(study), seriesUID: "2.25.8\(study)", patientPseudonym: "OVR-\(study / 2)",
            source: "CT_\(study % 8)", sopClassUID: "1.2.840.10008.5.1.4.1.1.2",
            transferSyntaxUID: "1.2.840.10008.1.2.1", file: "\(id.prefix(2))/\(id).dcm", byteCount: 526_000,
            isAnalysable: true, destinations: ["MAINPACS"], quiet: .seconds(30))
    }

    static func studyUID(_ study: Int) -> String {
        var generator = Mixer(state: UInt64(study) &+ 1 << 40)
        return uid(&generator)
    }

    private static func uid(_ generator: inout Mixer) -> String { "2.25.\(generator.next())\(generator.next())" }
}

/// Numbers that are the same each time and have no order, as keyed UIDs have none (splitmix64).
struct Mixer: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A sentence.
struct QueueBenchmarkError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
