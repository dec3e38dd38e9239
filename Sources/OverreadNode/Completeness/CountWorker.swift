import DCMTKBridge
import DICOMCore
import DICOMNetwork
import DeIdentification
import Foundation
import GRDB
import Logging
import StudyQueue

/// Asks archives how many instances they have of studies that come in, on a thread of its own, for sources with
/// `complete-on = count`. A study is complete when the archive has twice said the number that is here, with nothing new in
/// between: once may be the moment at which both have the first half.
final class CountWorker: Sendable {
    private let store: NodeStore
    private let reader: VaultReader
    private let table: AETitleDirectory
    private let signals: WorkSignals
    private let logger: Logger
    init(
        store: NodeStore, reader: VaultReader, table: AETitleDirectory, signals: WorkSignals, logger: Logger
    ) {
        self.store = store
        self.reader = reader
        self.table = table
        self.signals = signals
        self.logger = logger
    }

    /// Works until the signal stops.
    @available(*, noasync, message: "blocks: call it from a thread")
    func run() {
        var asked: [String: CountAgreement] = [:]
        var seen: UInt64 = 0
        while !signals.work.isStopped {
            let archives = Dictionary(
                table.current.entities.filter { $0.source?.completeOn == .count }.compactMap { entity in
                    entity.source?.archive.map { (entity.name, $0) }
                }, uniquingKeysWith: { first, _ in first })
            if archives.isEmpty {
                seen = signals.work.wait(after: seen, seconds: 5)
                continue
            }
            do {
                let studies = try store.queue.receivingStudies(ofSources: Array(archives.keys))
                asked = asked.filter { entry in studies.contains { $0.study == entry.key } }
                for study in studies where !signals.work.isStopped {
                    guard let archive = archives[study.source] else { continue }
                    asked[study.study] = try ask(archive, about: study, after: asked[study.study])
                }
            } catch {
                logger.error("counts cannot be asked for", metadata: ["error": "\(error)"])
            }
            seen = signals.work.wait(after: seen, seconds: 0.5)
        }
    }

    /// Asks if it is time to, and closes the study when the numbers agree.
    private func ask(
        _ archive: String, about study: ReceivingStudy, after last: CountAgreement?
    ) throws -> CountAgreement {
        let now = Date()
        guard var agreement = last, agreement.held == study.held else {
            return CountAgreement(held: study.held, at: now)
        }
        if now < agreement.next { return agreement }
        if agreement.answered(try count(of: study, at: archive), at: now) {
            do {
                try store.queue.complete(study.study, evidence: .count, holding: study.held, at: now)
                signals.raise()
            } catch let error as StudyQueueError where error.code == .illegalTransition {
                // Its quiet time was over meanwhile, or an instance came.
            }
        }
        return agreement
    }

    /// What the archive has of the study, without what it has from us; nil when it does not tell.
    private func count(of study: ReceivingStudy, at name: String) throws -> Int? {
        guard let archive = table.current.destination(named: name)?.remote(calling: table.current.node) else {
            return nil
        }
        let audit = VaultReader.Request.count(of: study.study, by: name)
        do {
            let opened = try reader.open([study.instanceID], for: audit, in: store.database, at: Date())
            guard let identity = opened.first else { return nil }
            var options = AssociationOptions()
            options.acseTimeout = .seconds(5)
            options.dimseTimeout = .seconds(10)
            var scu = try FindSCU(archive, options: options)
            let count: Int?
            do {
                count = try scu.instanceCount(ofStudy: identity.studyInstanceUID)
            } catch {
                scu.abort()
                throw error
            }
            scu.release()
            return try count.map { try $0 - store.queue.resultsStored(of: study.study, at: name) }
        } catch let error as QueryError {
            logger.warning("archive not asked", metadata: ["archive": "\(name)", "error": "\(error)"])
            return nil
        } catch is VaultError {
            return nil
        } catch is SealingError {
            return nil
        }
    }
}

/// Whether an archive and the node have the same number of a study's instances: told twice, with nothing new in between.
struct CountAgreement {
    /// How many are here. Another number begins anew.
    let held: Int
    /// When to ask next.
    private(set) var next: Date
    private var agreed = false
    private var wait = pause
    /// Between the last instance and the first question, and between two that agree.
    static let pause: TimeInterval = 2

    init(held: Int, at now: Date) {
        self.held = held
        next = now + Self.pause
    }

    /// Takes the archive's answer; nil where it has none. While the numbers differ, the waiting time doubles: the quiet time
    /// ends it.
    ///
    /// - Returns: whether the study is complete.
    mutating func answered(_ count: Int?, at now: Date) -> Bool {
        let agrees = count == held
        defer { agreed = agrees }
        wait = agrees ? Self.pause : wait * 2
        next = now + wait
        return agrees && agreed
    }
}
