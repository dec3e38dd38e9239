import DICOMNetwork
import Synchronization

/// The peers' table in force. A reload puts another in its place; who holds the old one goes on with it.
package final class AETitleDirectory: Sendable {
    private let table: Mutex<AETitleTable>

    /// Begins with a table.
    package init(_ table: AETitleTable) { self.table = Mutex(table) }

    /// The table in force.
    package var current: AETitleTable { table.withLock { $0 } }

    /// Puts another in force.
    package func replace(with other: AETitleTable) { table.withLock { $0 = other } }
}
