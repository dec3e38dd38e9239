import DCMTKBridge
import DICOMCore
import DICOMNetwork
import DeIdentification
import Foundation
import GRDB
import Logging
import StudyQueue

/// Answers requests for storage commitment, on a thread of its own: asks the archive what it has of what the source listed, and
/// reports that to the source. Both are tried again with back-off. What it knows is in the database, so a restart between
/// request and report changes nothing.
final class CommitmentWorker: Sendable {
    private let store: NodeStore
    private let vault: Vault
    private let reader: VaultReader
    private let table: AETitleDirectory
    private let signals: WorkSignals
    private let logger: Logger
    /// What is settled is known for so long, and with it its Transaction UID.
    private static let memory: TimeInterval = 30 * 86_400

    init(
        store: NodeStore, vault: Vault, reader: VaultReader, table: AETitleDirectory, signals: WorkSignals,
        logger: Logger
    ) {
        self.store = store
        self.vault = vault
        self.reader = reader
        self.table = table
        self.signals = signals
        self.logger = logger
    }

    /// Works until the signal stops.
    @available(*, noasync, message: "blocks: call it from a thread")
    func run() {
        var seen: UInt64 = 0
        var retireNext = Date.distantPast
        while !signals.work.isStopped {
            do {
                if Date() >= retireNext {
                    try store.queue.retireCommitments(settledBefore: Date(timeIntervalSinceNow: -Self.memory))
                    retireNext = Date(timeIntervalSinceNow: 60)
                }
                while !signals.work.isStopped, let due = try store.queue.dueCommitment(at: Date()) {
                    try work(due)
                    signals.clock.raise()
                }
            } catch {
                logger.error("storage commitment cannot go on", metadata: ["error": "\(error)"])
            }
            seen = signals.work.wait(after: seen, seconds: 1)
        }
    }

    /// Who asks, and who is asked.
    private struct Parties {
        let settings: CommitmentSettings
        let source: RemoteApplicationEntity
        let archive: RemoteApplicationEntity
        let archiveName: String

        /// Nil where AETitles.conf has it no longer.
        init?(_ name: String, in table: AETitleTable) {
            guard let entity = table.entities.first(where: { $0.name == name }), let title = entity.aeTitle,
                let settings = entity.source?.commitment, let archiveName = entity.source?.archive,
                let archive = table.destination(named: archiveName)?.remote(calling: table.node)
            else { return nil }
            self.settings = settings
            self.archive = archive
            self.archiveName = archiveName
            source = RemoteApplicationEntity(
                host: settings.host, port: settings.port, calledAETitle: title, callingAETitle: table.node.aeTitle)
        }
    }

    private func work(_ due: DueCommitment) throws {
        guard let parties = Parties(due.source, in: table.current) else { return try fail(due, "not-configured") }
        guard let request = try opened(due, for: parties) else { return try abandon(due, "identity-unreadable") }
        let isLast = Date().timeIntervalSince(due.received) >= parties.settings.wait / .seconds(1)
        var answers: [String: [SOPInstanceUID: FoundInstance]] = [:]
        do {
            answers = try self.answers(to: due, from: parties)
        } catch let error as QueryError {
            logger.warning(
                "archive not asked", metadata: ["archive": "\(parties.archiveName)", "error": "\(error)"])
            if !isLast {
                let wait = parties.settings.wait / .seconds(1)
                return try delay(
                    due, .archiveFailed(receivedAfter: Date(timeIntervalSinceNow: -wait)), Self.reason(error))
            }
        }
        let verdict = ArchiveVerdict(request.references, due.instances, answers: answers)
        if verdict.mayChange, !isLast { return try delay(due, .archiveLacks, "not-in-archive") }
        try report(verdict, of: request, due, to: parties)
    }

    /// What the source asked, in original UIDs; nil when it cannot be opened.
    private func opened(_ due: DueCommitment, for parties: Parties) throws -> StorageCommitmentRequest? {
        let audit = VaultReader.Request.commitment(of: due.id, by: parties.archiveName)
        do {
            let bytes = try reader.open(request: due.id, for: audit, in: store.database, at: Date())
            return StorageCommitmentRequest(sealedForm: bytes)
        } catch is VaultError {
            return nil
        } catch is SealingError {
            return nil
        }
    }

    // MARK: The archive

    /// What the archive has of each series of which an instance was listed; series whose identity cannot be opened are left
    /// out. One instance of a series is opened: it knows what the series and the study are called there.
    private func answers(
        to due: DueCommitment, from parties: Parties
    ) throws -> [String: [SOPInstanceUID: FoundInstance]] {
        var names: [String: (study: String, series: String)] = [:]
        var tried: Set<String> = []
        let audit = VaultReader.Request.commitment(of: due.id, by: parties.archiveName)
        for instance in due.instances.compactMap({ $0 }) where tried.insert(instance.seriesUID).inserted {
            do {
                let opened = try reader.open([instance.instanceID], for: audit, in: store.database, at: Date())
                guard let identity = opened.first, let series = try identity.dataSet().string(.seriesInstanceUID)
                else { continue }
                names[instance.seriesUID] = (identity.studyInstanceUID, series)
            } catch is VaultError {
                continue
            } catch is SealingError {
                continue
            }
        }
        if names.isEmpty { return [:] }
        var scu = try FindSCU(parties.archive, options: Self.options)
        var answers: [String: [SOPInstanceUID: FoundInstance]] = [:]
        do {
            for (mapped, name) in names {
                answers[mapped] = try scu.instances(ofSeries: name.series, inStudy: name.study)
            }
        } catch {
            scu.abort()
            throw error
        }
        scu.release()
        return answers
    }

    /// Shorter than for images: a node that stops waits for it.
    private static var options: AssociationOptions {
        var options = AssociationOptions()
        options.acseTimeout = .seconds(10)
        options.dimseTimeout = .seconds(20)
        return options
    }

    private static func reason(_ error: QueryError) -> ReasonCode {
        switch error {
        case .association: "archive-unreachable"
        case .refused, .unreadable: "archive-refused"
        case .tooLong: "archive-timeout"
        }
    }

    // MARK: The source

    private func report(
        _ verdict: ArchiveVerdict, of request: StorageCommitmentRequest, _ due: DueCommitment, to parties: Parties
    ) throws {
        let report = StorageCommitmentReport(
            transactionUID: request.transactionUID, keeper: parties.archive.calledAETitle,
            committed: verdict.committed, failed: verdict.failed)
        let status: DIMSEStatus
        do {
            status = try report.send(to: parties.source, options: Self.options)
        } catch {
            logger.warning(
                "report of storage commitment not delivered",
                metadata: ["source": "\(due.source)", "error": "\(error)"])
            return try fail(due, Self.reason(error))
        }
        // A source that is busy is asked again; one that does not know its own request any more never will.
        if [.processingFailure, .resourceLimitation].contains(status) || status.isOutOfResources {
            return try fail(due, "source-refused")
        }
        try store.database.write { db in
            try store.queue.finishCommitment(
                due, archive: parties.archiveName, confirmed: verdict.committed.count,
                unconfirmed: verdict.failed.count, status: status, in: db, at: Date())
            try vault.eraseRequest(due.id, in: db)
        }
    }

    private static func reason(_ error: AssociationError) -> ReasonCode {
        switch error {
        case .rejected, .contextNotAccepted: "source-refused"
        case .timeout: "source-timeout"
        default: "source-unreachable"
        }
    }

    private func delay(_ due: DueCommitment, _ delay: CommitmentDelay, _ reason: ReasonCode) throws {
        try store.queue.delayCommitment(due, delay, reason: reason, at: Date())
    }

    /// The source cannot be told: later, or never.
    private func fail(_ due: DueCommitment, _ reason: ReasonCode) throws {
        if due.isLastFailure(at: Date()) { return try abandon(due, reason) }
        try delay(due, .sourceFailed, reason)
    }

    private func abandon(_ due: DueCommitment, _ reason: ReasonCode) throws {
        logger.warning(
            "request for storage commitment given up", metadata: ["request": "\(due.id)", "reason": "\(reason)"])
        try store.database.write { db in
            try store.queue.abandonCommitment(due, reason: reason, in: db, at: Date())
            try vault.eraseRequest(due.id, in: db)
        }
    }
}

extension ApplicationEntity {
    /// How it is called as a destination; nil where it is none.
    func remote(calling node: NodeEntity) -> RemoteApplicationEntity? {
        guard let destination, let aeTitle else { return nil }
        return RemoteApplicationEntity(
            host: destination.host, port: destination.port, calledAETitle: aeTitle, callingAETitle: node.aeTitle)
    }
}

extension Tag {
    fileprivate static let seriesInstanceUID = Tag(0x0020, 0x000E)
}
