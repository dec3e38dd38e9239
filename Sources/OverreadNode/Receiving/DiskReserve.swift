import DICOMNetwork
import Logging
import Synchronization

/// The free space of the data folder's disk that `disk-reserve` keeps from senders, so that the database, the analysis and
/// the results of what was taken go on.
///
/// Asked at each C-STORE and, since one object may be larger than the reserve, while pixels come in. It opens again by
/// itself as soon as there is room.
final class DiskReserve: Sendable {
    /// How much of an object may come in between two looks at the disk.
    static let step = 16 << 20

    private let spool: SpoolFolder
    private let table: AETitleDirectory
    private let logger: Logger
    private let wasReached = Atomic(false)

    init(spool: SpoolFolder, table: AETitleDirectory, logger: Logger) {
        self.spool = spool
        self.table = table
        self.logger = logger
    }

    /// Whether nothing more is taken. Says in the log when that changes.
    func isReached() -> Bool {
        let free = spool.freeBytes() ?? 0
        let isReached = free < UInt64(max(0, table.current.node.diskReserve))
        if wasReached.exchange(isReached, ordering: .relaxed) != isReached {
            let metadata: Logger.Metadata = ["free": "\(free)"]
            if isReached {
                logger.error("disk reserve reached: C-STORE is answered A700, results go on", metadata: metadata)
            } else {
                logger.notice("the disk has room again", metadata: metadata)
            }
        }
        return isReached
    }
}
