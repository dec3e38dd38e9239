import DICOMNetwork
import Foundation
import GRDB
import Glibc
import StudyQueue

/// What `overread queue check` looks at: the queue, the disk, the keys, and what the running node has noted. It works beside a
/// node and without one, and writes nothing.
package struct NodeCheck: Sendable {
    private let configuration: NodeConfiguration

    /// A check of an installation.
    package init(_ configuration: NodeConfiguration) { self.configuration = configuration }

    /// Every alert, worst first.
    ///
    /// - Throws: what keeps it from being told.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func alerts() throws -> [Alert] {
        guard NodeStore.exists(configuration) else { throw NodeError.noDataFolder(configuration.dataFolder) }
        let table = try AETitleTable(contentsOf: configuration.aeTitlesFile)
        let database = try StudyDatabase.openForReading(path: configuration.databasePath)
        var (alerts, noted) = try database.read { db in (try AlertTable.ofQueue(in: db), try AlertTable.all(in: db)) }
        alerts += NodeCondition.alerts(
            configuration, spool: SpoolFolder(existing: configuration.spoolPath), diskReserve: table.node.diskReserve)
        let isRunning = DataFolderLock.isHeld(configuration)
        if !isRunning { alerts.append(Alert(.nodeStopped)) }
        // What only the node can see, as it saw it last; since when, of the others.
        for alert in noted {
            if let index = alerts.firstIndex(where: { $0.kind == alert.kind && $0.subject == alert.subject }) {
                alerts[index].since = alert.since
            } else if [.balanceBroken, .logUnwritable, .clockAhead].contains(alert.kind) {
                alerts.append(alert)
            }
        }
        return alerts.sorted { $0.kind.severity.rawValue > $1.kind.severity.rawValue }
    }
}
