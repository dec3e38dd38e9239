import DCMTKBridge
import DICOMCore
import DICOMNetwork
import DeIdentification
import Foundation
import GRDB
import Logging
import Results
import StudyQueue
import Synchronization

/// Delivers results to one destination, on a thread of its own, so that a dead PACS delays nobody else.
final class DeliveryWorker: Sendable {
    private let destination: ApplicationEntity
    private let peer: RemoteApplicationEntity
    private let queue: StudyQueue
    private let assembly: ResultAssembly
    private let signals: WorkSignals
    private let owner: String
    private let logger: Logger
    private let current = Mutex<AssociationInterrupter?>(nil)
    private let isRetired = Atomic(false)
    private static let lease = Duration.seconds(180)

    /// Nil for an entity that is no destination.
    init?(
        _ destination: ApplicationEntity, calling node: NodeEntity, assembly: ResultAssembly, signals: WorkSignals,
        owner: String, logger: Logger
    ) {
        guard let settings = destination.destination, let called = destination.aeTitle else { return nil }
        self.destination = destination
        self.peer = RemoteApplicationEntity(
            host: settings.host, port: settings.port, calledAETitle: called, callingAETitle: node.aeTitle)
        self.queue = StudyQueue(
            assembly.store.database, policy: QueuePolicy(deliveryMaximumAge: settings.retry))
        self.assembly = assembly
        self.signals = signals
        self.owner = owner
        self.logger = logger
    }

    /// Works until the signal stops, or it is retired.
    @available(*, noasync, message: "blocks: call it from a thread")
    func run() {
        var seen: UInt64 = 0
        while !isEnding {
            do {
                while !isEnding, let lease = try next() { try work(lease) }
            } catch {
                logger.error(
                    "delivery cannot go on", metadata: ["destination": "\(destination.name)", "error": "\(error)"])
            }
            seen = signals.work.wait(after: seen, seconds: 1)
        }
    }

    private var isEnding: Bool { signals.work.isStopped || isRetired.load(ordering: .relaxed) }

    /// Ends it after the delivery that it is at. Raise the signal of work afterwards.
    func retire() { isRetired.store(true, ordering: .relaxed) }

    /// Breaks off what is being sent, from another thread.
    func interrupt() { current.withLock { $0?.interrupt() } }

    private func next() throws -> StudyLease? {
        try queue.lease(.delivery, destination: destination.name, owner: owner, duration: Self.lease, at: Date())
    }

    private func work(_ lease: StudyLease) throws {
        do {
            try deliver(lease)
            _ = try queue.finishDelivery(lease, at: Date())
        } catch let error as StudyQueueError where error.code == .leaseLost {
            logger.info("delivery given up: the study changed", metadata: ["study": "\(lease.study)"])
        } catch let error as DatabaseError {
            // The audit could not be written, or nothing could be read: no fault of the study, and it may pass.
            try? queue.giveBack(lease, at: Date())
            throw error
        }
        signals.raise()
    }

    private func deliver(_ lease: StudyLease) throws {
        let due = try queue.dueDeliveries(lease, at: Date())
        if due.isEmpty { return }
        let revision: ResultAssembly.Revision
        do {
            revision = try assembly.revision(lease.reference, for: destination)
        } catch let error as DatabaseError {
            throw error
        } catch {
            for object in due { try fail(lease, object, error) }
            return
        }
        do {
            var scu = try StorageSCU(peer, proposing: Self.proposals)
            try scu.interrupter().keep(in: current)
            defer { current.withLock { $0 = nil } }
            do {
                for object in due { try send(object, of: revision, lease, over: &scu) }
            } catch {
                scu.abort()
                throw error
            }
            scu.release()
        } catch let error as AssociationError {
            logger.warning(
                "destination not reached", metadata: ["destination": "\(destination.name)", "error": "\(error)"])
            try queue.recordDestinationFailure(lease, reason: Self.reason(error), at: Date())
        }
    }

    private func send(
        _ due: DueDelivery, of revision: borrowing ResultAssembly.Revision, _ lease: StudyLease,
        over scu: inout StorageSCU
    ) throws {
        if signals.work.isStopped { throw AssociationError.connectionLost }
        _ = try queue.renew(lease, duration: Self.lease, at: Date())
        let object: ResultAssembly.Object
        do {
            object = try build(due, of: revision)
        } catch {
            return try fail(lease, due, error)
        }
        guard
            let transferSyntax = scu.acceptedTransferSyntax(
                for: object.sopClassUID, among: [.explicitVRLittleEndian, .implicitVRLittleEndian])
        else {
            return try record(lease, due, .failed(nil, reason: "sop-class-not-accepted", isPermanent: true))
        }
        // Before it is sent: it may come back by auto-routing before the response does.
        let key = Array(assembly.deIdentifier.uids.mapped(object.sopInstanceUID.uid).value.utf8)
        try queue.registerOwnResults([key], of: lease.reference, at: Date())
        let status = try scu.store(
            StorageProposal(sopClass: object.sopClassUID, transferSyntax: transferSyntax),
            sopInstance: object.sopInstanceUID, dataSet: try object.encoded(as: transferSyntax))
        try record(lease, due, Self.outcome(status))
    }

    private func build(_ due: DueDelivery, of revision: borrowing ResultAssembly.Revision) throws
        -> ResultAssembly.Object
    {
        switch due.kind {
        case .structuredReport: try assembly.report(revision)
        case .secondaryCapture: try assembly.heatmap(due.index, of: revision, for: destination)
        }
    }

    // MARK: Outcomes

    private func record(_ lease: StudyLease, _ due: DueDelivery, _ outcome: DeliveryOutcome) throws {
        try queue.recordDelivery(lease, kind: due.kind, index: due.index, outcome: outcome, at: Date())
        signals.raise()
    }

    /// A result that cannot be built is not sent at all: the study is parked with the reason.
    private func fail(_ lease: StudyLease, _ due: DueDelivery, _ error: any Error) throws {
        if error is StudyQueueError { throw error }
        logger.error("result not built", metadata: ["study": "\(lease.study)", "error": "\(error)"])
        try record(lease, due, .failed(nil, reason: Self.reason(error), isPermanent: true))
    }

    private static func outcome(_ status: DIMSEStatus) -> DeliveryOutcome {
        if status.isStored { return .stored(status) }
        if status.isOutOfResources { return .failed(status, reason: "destination-out-of-resources") }
        // A9xx, Cxxx and 01xx about the object itself do not change by waiting; 0110 (processing failure) may.
        let isPermanent = status != .processingFailure
        return .failed(status, reason: .destinationRefused, isPermanent: isPermanent)
    }

    private static func reason(_ error: any Error) -> ReasonCode {
        switch error {
        case let error as ResultAssemblyError: ReasonCode(error)
        case let error as AssociationError:
            switch error {
            case .rejected: "association-rejected"
            case .timeout: "destination-timeout"
            default: .destinationUnreachable
            }
        case ResultError.defect: "result-defect"
        case is ResultError: "result-not-built"
        default: "result-not-built"
        }
    }

    private static let proposals: [StorageProposal] =
        [
            StructuredReport.sopClassUID(.comprehensive3D), StructuredReport.sopClassUID(.comprehensive),
            SecondaryCapture.sopClassUID,
        ].flatMap { sopClass in
            [TransferSyntax.explicitVRLittleEndian, .implicitVRLittleEndian].map {
                StorageProposal(sopClass: sopClass, transferSyntax: $0)
            }
        }
}

extension AssociationInterrupter {
    fileprivate func keep(in box: borrowing Mutex<AssociationInterrupter?>) { box.withLock { $0 = self } }
}

extension ResultAssembly.Object {
    /// The bytes in a transfer syntax that the peer takes; results are native, so only VR changes.
    func encoded(as transferSyntax: TransferSyntax) throws -> [UInt8] {
        if transferSyntax == .explicitVRLittleEndian { return bytes }
        return try DataSet(parsing: bytes, transferSyntax: .explicitVRLittleEndian).encoded(as: transferSyntax)
    }
}
