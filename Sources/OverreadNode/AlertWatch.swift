import DICOMNetwork
import DeIdentification
import Foundation
import GRDB
import Logging
import StudyQueue

/// Looks for what an administrator should know of, every few seconds: writes an event and a message to syslog when it begins
/// and when it is over.
final class AlertWatch: Sendable {
    private static let period = 5.0
    private let store: NodeStore
    private let configuration: NodeConfiguration
    private let table: AETitleDirectory
    private let balance: BalanceWatch
    private let log: QueueLogProjection
    private let retention: Retention
    private let syslog: SystemLog?
    private let signals: WorkSignals
    private let logger: Logger

    init(
        store: NodeStore, configuration: NodeConfiguration, table: AETitleDirectory, balance: BalanceWatch,
        log: QueueLogProjection, retention: Retention, syslog: SystemLog?, signals: WorkSignals, logger: Logger
    ) {
        self.store = store
        self.configuration = configuration
        self.table = table
        self.balance = balance
        self.log = log
        self.retention = retention
        self.syslog = syslog
        self.signals = signals
        self.logger = logger
    }

    /// Works until the signal stops.
    @available(*, noasync, message: "blocks: call it from a thread")
    func run() {
        var seen: UInt64 = 0
        var next = ContinuousClock.now
        while !signals.work.isStopped {
            if .now >= next {
                do {
                    let (alerts, kinds) = try current()
                    let change = try store.queue.setAlerts(alerts, of: kinds, at: Date())
                    for alert in change.begun { syslog?.write(alert, isOver: false) }
                    for alert in change.ended { syslog?.write(alert, isOver: true) }
                    if !change.begun.isEmpty || !change.ended.isEmpty { signals.clock.raise() }
                } catch {
                    logger.error("alerts", metadata: ["error": "\(error)"])
                }
                next = .now + .seconds(Self.period)
            }
            seen = signals.work.wait(after: seen, seconds: next.secondsLeft)
        }
    }

    /// What is wrong now, and the kinds that this is all of: what was wrong when the last process ended is not over because
    /// this one has not looked yet. That no node runs is for `overread queue check` to see.
    @available(*, noasync)
    private func current() throws -> ([Alert], Set<AlertKind>) {
        var kinds = Set(AlertKind.allCases).subtracting([.nodeStopped])
        var alerts = try store.database.read(AlertTable.ofQueue)
        alerts += NodeCondition.alerts(configuration, spool: store.spool, diskReserve: table.current.node.diskReserve)
        if let broken = balance.alerts { alerts += broken } else { kinds.remove(.balanceBroken) }
        if retention.isClockSuspicious { alerts.append(Alert(.clockAhead)) }
        switch log.isBehind {
        case true?: alerts.append(Alert(.logUnwritable))
        case false?: break
        case nil: kinds.remove(.logUnwritable)
        }
        return (alerts, kinds)
    }
}

/// What can be seen from outside a node as well as from inside.
enum NodeCondition {
    @available(*, noasync, message: "blocks: call it from a thread")
    static func alerts(_ configuration: NodeConfiguration, spool: SpoolFolder, diskReserve: Int64) -> [Alert] {
        var alerts: [Alert] = []
        let free = spool.freeBytes() ?? 0
        if free < UInt64(max(0, diskReserve)) { alerts.append(Alert(.diskLow, count: Int(clamping: free))) }
        if !areKeysWhole(configuration) { alerts.append(Alert(.keyMissing)) }
        return alerts
    }

    @available(*, noasync)
    private static func areKeysWhole(_ configuration: NodeConfiguration) -> Bool {
        guard FileManager.default.fileExists(atPath: configuration.keysFolder),
            let folder = try? KeyFolder.open(
                configuration.keysFolder, dataFolder: configuration.dataFolder, dataExist: true)
        else { return false }
        return (try? folder.receiverKeys()) != nil && (try? folder.privateKeys()) != nil
    }
}
