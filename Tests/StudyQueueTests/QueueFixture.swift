import DICOMCore
import Foundation
import GRDB
import NodeTestSupport

@testable import StudyQueue

/// A node's database and spool in a folder of their own. Time is what the test says.
struct QueueFixture {
    let folder: TemporaryFolder
    let pool: DatabasePool
    let queue: StudyQueue
    var spool: URL { folder.url.appending(path: "spool") }

    /// The beginning of a test's time.
    static let start = Date(timeIntervalSince1970: 1_800_000_000)

    /// A policy without chance.
    static let policy = QueuePolicy(
        analysisAttempts: 3, analysisBackOff: BackOff(base: .seconds(10), cap: .seconds(100), jitter: 0),
        deliveryBackOff: BackOff(base: .seconds(5), cap: .seconds(60), jitter: 0), deliveryMaximumAge: .seconds(3600))

    init(policy: QueuePolicy = QueueFixture.policy) throws { try self.init(folder: TemporaryFolder(), policy: policy) }

    /// Opens the database of a folder again, as a restarted node does.
    init(folder: TemporaryFolder, policy: QueuePolicy = QueueFixture.policy) throws {
        self.folder = folder
        pool = try StudyDatabase.open(path: folder.path("overread.sqlite"))
        var migrator = DatabaseMigrator()
        StudyQueueSchema.register(in: &migrator)
        StudyQueueSchema.registerHoldOrigins(in: &migrator)
        try migrator.migrate(pool)
        queue = StudyQueue(pool, policy: policy)
        try FileManager.default.createDirectory(at: spool, withIntermediateDirectories: true)
    }

    /// So many seconds after the beginning.
    func time(_ seconds: Double) -> Date { QueueFixture.start.addingTimeInterval(seconds) }

    /// A receipt; the numbers name the instance, its contents and its study.
    func receipt(
        instance: Int, content: Int = 1, study: Int = 1, file: Int? = nil, priority: Int = 0,
        duplicates: DuplicatePolicy = .keepFirst, source: String = "CR_ROOM_1", destinations: [String] = ["MAINPACS"]
    ) -> InstanceReceipt {
        let id = QueueFixture.instanceID(file ?? instance * 100 + content)
        return InstanceReceipt(
            instanceID: id, sopInstanceUID: "2.25.9\(instance)",
            digest: [UInt8](repeating: UInt8(content), count: 32), studyUID: "2.25.7\(study)",
            seriesUID: "2.25.8\(study)", patientPseudonym: "P\(study)", source: source,
            sopClassUID: "1.2.840.10008.5.1.4.1.1.1.1", transferSyntaxUID: "1.2.840.10008.1.2.1", file: "\(id).dcm",
            byteCount: 100 + instance, isAnalysable: true, destinations: destinations, quiet: .seconds(30),
            priority: priority, duplicates: duplicates)
    }

    static func instanceID(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Writes the spool file and records the receipt, as the node does on C-STORE.
    @discardableResult
    func receive(_ receipt: InstanceReceipt, at seconds: Double = 0) throws -> ReceiptOutcome {
        let file = spool.appending(path: receipt.file)
        try Data(count: receipt.byteCount).write(to: file)
        let outcome = try pool.write { db in try queue.record(receipt, in: db, at: time(seconds)) }
        if !outcome.keepsFile { try FileManager.default.removeItem(at: file) }
        if case .replaced(_, let obsolete) = outcome {
            // Retention may have taken it.
            try? FileManager.default.removeItem(at: spool.appending(path: obsolete))
        }
        return outcome
    }

    /// Receives one instance of a study and returns the study.
    func openStudy(_ number: Int = 1, priority: Int = 0, destinations: [String] = ["MAINPACS"], at seconds: Double = 0)
        throws -> String
    {
        let outcome = try receive(
            receipt(instance: number, study: number, priority: priority, destinations: destinations), at: seconds)
        guard case .committed(let reference) = outcome else { throw UnexpectedOutcome() }
        return reference.study
    }

    /// A study that is complete.
    func completeStudy(
        _ number: Int = 1, priority: Int = 0, destinations: [String] = ["MAINPACS"], at seconds: Double = 0
    )
        throws -> String
    {
        let study = try openStudy(number, priority: priority, destinations: destinations, at: seconds)
        try queue.complete(study, evidence: .release, at: time(seconds))
        return study
    }

    /// A study whose results wait for delivery: an SR and an SC to each destination.
    func analysedStudy(_ number: Int = 1, destinations: [String] = ["MAINPACS"], at seconds: Double = 0) throws
        -> String
    {
        let study = try completeStudy(number, destinations: destinations, at: seconds)
        let lease = try leaseAnalysis(at: seconds)
        try finish(lease, destinations: destinations, at: seconds)
        return study
    }

    func leaseAnalysis(owner: String = "me", for duration: Duration = .seconds(60), at seconds: Double) throws
        -> StudyLease
    {
        let lease = try queue.lease(.analysis, owner: owner, duration: duration, at: time(seconds))
        guard let lease else { throw UnexpectedOutcome() }
        return lease
    }

    func leaseDelivery(
        to destination: String? = nil, owner: String = "me", for duration: Duration = .seconds(60), at seconds: Double
    ) throws -> StudyLease {
        let lease = try queue.lease(
            .delivery, destination: destination, owner: owner, duration: duration, at: time(seconds))
        guard let lease else { throw UnexpectedOutcome() }
        return lease
    }

    func finish(
        _ lease: StudyLease, destinations: [String] = ["MAINPACS"], confirm: Bool = false, at seconds: Double
    ) throws {
        let plans = destinations.flatMap { destination in
            [ResultKind.secondaryCapture, .structuredReport].map { kind in
                PlannedDelivery(
                    destination: destination, kind: kind, index: 0,
                    resultID: "\(lease.study)-\(lease.revision)-\(kind.rawValue)", requiresConfirmation: confirm)
            }
        }
        let analyses = try queue.heldInstances(of: lease.study).map {
            InstanceAnalysis(instanceID: $0.instanceID, json: Data("{}".utf8))
        }
        try queue.finishAnalysis(lease, analyses: analyses, conclusion: .deliver(plans), at: time(seconds))
    }

    /// Sends everything that is due under a lease, and ends it.
    @discardableResult
    func deliverAll(_ lease: StudyLease, at seconds: Double) throws -> StudyState {
        for object in try queue.dueDeliveries(lease, at: time(seconds)) {
            try queue.recordDelivery(
                lease, kind: object.kind, index: object.index, outcome: .stored(.success), at: time(seconds))
        }
        return try queue.finishDelivery(lease, at: time(seconds))
    }

    func state(of study: String) throws -> StudyState.Kind { try queue.show(study).summary.state }
    func kinds(of study: String? = nil) throws -> [QueueEventKind] { try queue.events(study: study).map(\.kind) }
    func balance() throws -> Balance { try Balance.check(pool, spool: spool) }
}

/// A step that a test builds on did not do what it must.
struct UnexpectedOutcome: Error {}
