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
    /// Between the last instance and the first question, and between two that agree.
    private static let pause: TimeInterval = 2

    init(
        store: NodeStore, reader: VaultReader, table: AETitleDirectory, signals: WorkSignals, logger: Logger
    ) {
        self.store = store
        self.reader = reader
        self.table = table
        self.signals = signals
        self.logger = logger
    }

    /// What is known of a study from the question before.
    private struct Asked {
        let held: Int
        let agreed: Bool
        let wait: TimeInterval
        let next: Date
    }

    /// Works until the signal stops.
    @available(*, noasync, message: "blocks: call it from a thread")
    func run() {
        var asked: [String: Asked] = [:]
        var seen: UInt64 = 0
        while !signals.work.isStopped {
            let archives = Dictionary(
                table.current.entities.filter { $0.source?.completeOn == .count }.compactMap { entity in
                    entity.source?.archive.map { (entity.name, $0) }
                }, uniquingKeysWith: { first, _ in first })
            if archives.isEmpty {
                seen = signals.work.wait(after: seen, until: Date(timeIntervalSinceNow: 5))
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
            seen = signals.work.wait(after: seen, until: Date(timeIntervalSinceNow: 0.5))
        }
    }

    /// Asks if it is time to. Doubles the waiting time while the numbers differ; the quiet time ends it.
    private func ask(_ archive: String, about study: ReceivingStudy, after last: Asked?) throws -> Asked {
        let now = Date()
        guard let last, last.held == study.held else {
            return Asked(held: study.held, agreed: false, wait: Self.pause, next: now + Self.pause)
        }
        if now < last.next { return last }
        let agrees = try count(of: study, at: archive) == study.held
        if agrees, last.agreed {
            do {
                try store.queue.complete(study.study, evidence: .count, holding: study.held, at: now)
                signals.raise()
            } catch let error as StudyQueueError where error.code == .illegalTransition {
                // Its quiet time was over meanwhile, or an instance came.
            }
        }
        let wait = agrees ? Self.pause : last.wait * 2
        return Asked(held: study.held, agreed: agrees, wait: wait, next: now + wait)
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
