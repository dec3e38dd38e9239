import DCMTKBridge
import DICOMCore
import DICOMNetwork
import DeIdentification
import Foundation
import GRDB
import Glibc
import Logging
import ServiceLifecycle
import StudyQueue

/// The running node: receives, analyses, delivers, until it is told to stop.
package final class Node: Service {
    private let configuration: NodeConfiguration
    private let logger: Logger
    private let store: NodeStore
    private let table: AETitleDirectory
    /// Wakes the queue's clock.
    private let clock = WorkSignal()
    /// Wakes the workers.
    private let work = WorkSignal()
    private let queueLoad = QueueLoad()
    private let listener: AssociationListener
    private let analysis: AnalysisWorker
    private let deliveries: DeliveryPool
    private let releases: ReleaseWatch
    private let counts: CountWorker
    private let commitment: CommitmentWorker
    private let retention: Retention
    private let spareFiles: SpareFiles
    private let log: QueueLogProjection
    private let balance: BalanceWatch
    private let alerts: AlertWatch
    private let lock: DataFolderLock
    private let commands: CommandServer

    /// The port that peers call: the one of AETitles.conf, or what the system chose for port 0.
    package var port: UInt16 { listener.port }

    /// Opens everything and checks it; nothing is received before ``run()``. Blocks.
    ///
    /// - Throws: an error whose description is a sentence for the administrator.
    @available(*, noasync, message: "blocks: call it from a thread")
    package init(_ configuration: NodeConfiguration, logger: Logger) throws {
        ProcessHardening.apply()
        try DCMTKRuntime.initialize(adding: DictionarySupplement2026d.entries)
        let table = AETitleDirectory(try AETitleTable(contentsOf: configuration.aeTitlesFile))
        let dataExist = NodeStore.exists(configuration)
        let lock = try DataFolderLock(configuration, waiting: 1)
        let folder = try KeyFolder.open(
            configuration.keysFolder, dataFolder: configuration.dataFolder, dataExist: dataExist)
        let (keys, publicKey) = try folder.receiverKeys()
        let ring = try folder.privateKeys()
        let store = try NodeStore(configuration)
        try store.database.write {
            try VaultReader.checkKeys(ring, in: $0)
            try ReceiverCheck.claim(keys, in: $0)
        }
        if folder.hasNewKeys { logger.warning("new keys were made: \(folder.lossIsFinal)") }
        if folder.isRotating {
            logger.warning(
                "a rotation of the vault's keys was interrupted: stop the node and run overread vault rotate")
        }
        let owner = "node-\(UInt64.random(in: .min ... .max))"
        self.configuration = configuration
        self.logger = logger
        self.store = store
        self.table = table
        self.lock = lock
        self.log = try QueueLogProjection(store, configuration, logger: logger)
        let spool = try Node.recover(
            store, owner: owner, destinations: Set(table.current.destinationNames), logger: logger)
        try Node.hold(table.current, store, logger)
        let vault = Vault(keys: keys, publicKey: publicKey)
        self.spareFiles = SpareFiles(
            in: store.spool, reserve: try configuration.spareFiles, adopting: spool.blank,
            keepFree: 2 * UInt64(max(0, table.current.node.diskReserve)))
        let context = IngestContext(
            store: store, files: spareFiles, deIdentifier: DeIdentifier(keys: keys), vault: vault,
            digest: keys.receivedDigest(), commits: GroupCommit(database: store.database), queueLoad: queueLoad,
            diskReserve: DiskReserve(spool: store.spool, table: table, logger: logger), committed: clock,
            refusals: RefusalLog(store: store, committed: clock, logger: logger))
        let requests = CommitmentReceiver(
            store: store, vault: vault, uids: context.deIdentifier.uids, table: table,
            diskReserve: context.diskReserve, clock: clock)
        self.releases = ReleaseWatch(next: AssociationLog(logger: logger), clock: clock)
        self.listener = try Node.listener(context, requests, table, releases)
        self.analysis = AnalysisWorker(
            store: store,
            model: ModelLoader(
                folder: configuration.modelsFolder, threads: configuration.inferenceThreads, logger: logger),
            table: table, signals: WorkSignals(clock: clock, work: work), owner: owner, logger: logger)
        let reader = VaultReader(ring: ring, keys: keys, actor: .current(.node))
        let assembly = ResultAssembly(store: store, reader: reader, deIdentifier: context.deIdentifier)
        self.counts = CountWorker(
            store: store, reader: reader, table: table, signals: WorkSignals(clock: clock, work: work), logger: logger)
        self.commitment = CommitmentWorker(
            store: store, vault: vault, reader: reader, table: table,
            signals: WorkSignals(clock: clock, work: work), logger: logger)
        let signals = WorkSignals(clock: clock, work: work)
        self.retention = try Retention(
            store: store, vault: vault, limits: Retention.Limits(configuration), table: table, log: log,
            signals: signals, logger: logger)
        self.balance = BalanceWatch(
            store: store, period: try configuration.keeping.time(.balancePeriod) ?? .seconds(60), signals: signals,
            logger: logger)
        self.alerts = AlertWatch(
            store: store, configuration: configuration, table: table, balance: balance, log: log,
            retention: retention,
            syslog: try configuration.keeping.isOn(.syslog) ? SystemLog() : nil, signals: signals, logger: logger)
        self.deliveries = DeliveryPool(work: work) { entity, node in
            DeliveryWorker(entity, calling: node, assembly: assembly, signals: signals, owner: owner, logger: logger)
        }
        let reload = TableReload(
            file: configuration.aeTitlesFile, table: table, queue: store.queue, listener: listener,
            deliveries: deliveries, signals: signals, logger: logger, started: StartedNode(table.current.node))
        let queueCommands = QueueCommands(queue: store.queue) { table.current.sourceNames }
        self.commands = try CommandServer(holding: lock, logger: logger) { command, person in
            guard command != .reload, let person else { return reload.run(by: person) }
            defer { signals.raise() }
            // What a command lets go on may be due at a destination that is gone.
            let answer = queueCommands.perform(command, by: person)
            return answer.changed > 0 ? answer.adding(reload.parkOrphans()) : answer
        }
    }

    /// Reads AETitles.conf again, soon: what SIGHUP asks for.
    package func requestReload() { commands.requestReload() }

    /// Starts, waits for the graceful shutdown of its service group, and stops: no new association, those in progress
    /// finish their message, workers give their studies back.
    package func run() async throws {
        try listener.start()
        let (analysis, commands, clock) = (self.analysis, self.commands, self.runClock)
        let (retention, spareFiles, balance, alerts) = (self.retention, self.spareFiles, self.balance, self.alerts)
        let (commitment, counts) = (self.commitment, self.counts)
        let threads = [
            WorkerThread("queue-clock") { clock() },
            WorkerThread("analysis") { analysis.run() },
            WorkerThread("commitment") { commitment.run() },
            WorkerThread("count") { counts.run() },
            WorkerThread("retention") { retention.run() },
            WorkerThread("spare-files") { spareFiles.run() },
            WorkerThread("balance") { balance.run() },
            WorkerThread("alerts") { alerts.run() },
            WorkerThread("commands") { commands.run() },
        ]
        deliveries.adjust(to: table.current)
        let tlsPort = listener.tlsPort.map { " tls-port=\($0)" } ?? ""
        // Straight to the descriptor: who waits for this line must not wait for a buffer.
        FileHandle.standardOutput.write(
            Data("ready port=\(listener.port)\(tlsPort) ae=\(table.current.node.aeTitle.value)\n".utf8))
        try? await gracefulShutdown()
        logger.info("stopping")
        // Before the rest: a command that is answered is one that the node still does.
        commands.stop()
        let broken = await listener.stop(drainingFor: .seconds(configuration.stopDeadline))
        if broken > 0 { logger.warning("associations broken off", metadata: ["count": "\(broken)"]) }
        await stop(threads)
        logger.info("stopped")
    }

    private func stop(_ threads: [WorkerThread]) async {
        work.stop()
        clock.stop()
        spareFiles.stop()
        await withCheckedContinuation { continuation in
            _ = WorkerThread("node-stop") { [configuration, deliveries, log] in
                let deadline = configuration.stopDeadline
                for thread in threads + deliveries.stop() where !thread.join(seconds: deadline) {
                    deliveries.interrupt()
                    _ = thread.join(seconds: deadline)
                }
                log.catchUp()
                continuation.resume()
            }
        }
    }

    // MARK: Start

    /// What a crash left: files that no row claims were never answered for; leases of processes that are gone are ended.
    @available(*, noasync)
    private static func recover(
        _ store: NodeStore, owner: String, destinations: Set<String>, logger: Logger
    ) throws -> SpoolRecovery {
        let spool = try SpoolRecovery(store.database, spool: URL(filePath: store.spool.root), at: Date())
        if !spool.removed.isEmpty {
            logger.info("unfinished files removed", metadata: ["count": "\(spool.removed.count)"])
        }
        let leases = try store.queue.releaseLeases(ofOwnersOtherThan: owner, at: Date())
        if leases > 0 { logger.info("work of a former process taken over", metadata: ["leases": "\(leases)"]) }
        // What waits for a destination that AETitles.conf no longer has would wait for ever.
        let orphans = try store.queue.failDeliveries(toDestinationsOtherThan: destinations, at: Date())
        if orphans > 0 {
            logger.warning("results for destinations that are gone: parked", metadata: ["objects": "\(orphans)"])
        }
        return spool
    }

    /// `hold` of AETitles.conf, into the queue, where workers and `overread queue list` see it.
    @available(*, noasync)
    private static func hold(_ table: AETitleTable, _ store: NodeStore, _ logger: Logger) throws {
        try store.queue.setHold(table.hold, at: Date())
        for hold in try store.queue.holds() { logger.warning("\(QueueCommands.sentence(hold))") }
    }

    private static func listener(
        _ context: IngestContext, _ requests: CommitmentReceiver, _ table: AETitleDirectory,
        _ observer: any AssociationObserver
    ) throws -> AssociationListener {
        let node = table.current.node
        var configuration = ListenerConfiguration()
        configuration.port = node.port
        if let tls = node.tls { configuration.tls = TLSEndpoint(port: tls.port, context: try tls.open()) }
        configuration.limits = table.current.limits
        let receiver = StudyReceiver(context: context, table: table)
        return try AssociationListener(
            configuration: configuration, policy: TablePolicy(table: table),
            providers: [
                VerificationSCP(), try StorageSCP(receiver: receiver), StorageCommitmentSCP(receiver: requests),
            ], observer: observer)
    }

    // MARK: The clock

    /// Closes quiet studies, ends expired leases and writes the queue log, until the signal stops.
    @available(*, noasync)
    private func runClock() {
        var seen: UInt64 = 0
        while true {
            let stopping = clock.isStopped
            do {
                let now = Date()
                if try closeStudies(at: now) { work.raise() }
                try store.queue.endExpiredLeases(at: now)
                queueLoad.set(
                    waiting: try store.queue.waitingStudies(), maximum: table.current.node.maximumWaiting)
            } catch {
                logger.error("queue clock", metadata: ["error": "\(error)"])
            }
            log.catchUp()
            if stopping { return }
            seen = clock.wait(after: seen, seconds: nextTick())
            // A scanner commits hundreds of instances a second: one look for all of them.
            if !clock.isStopped { Thread.sleep(forTimeInterval: 0.03) }
        }
    }

    /// Closes what is complete, by the best evidence that there is: quiet time is the last. Whether there was any.
    @available(*, noasync)
    private func closeStudies(at now: Date) throws -> Bool {
        let table = table.current
        var closed: [StudyReference] = []
        for (name, release) in releases.takeReleased() {
            guard let source = table.entities.first(where: { $0.name == name })?.source,
                source.completeOn == .release
            else { continue }
            closed += try store.queue.closeReleasedStudies(
                of: name, after: release.start, released: release.time, at: now)
        }
        closed += try store.queue.closeListedStudies(at: now)
        closed += try store.queue.closeQuietStudies(at: now)
        return !closed.isEmpty
    }

    @available(*, noasync)
    private func nextTick() -> TimeInterval {
        guard let deadline = try? store.queue.nextDeadline(after: Date()) else { return 1 }
        return min(1, max(deadline.timeIntervalSinceNow, 0.02))
    }
}
