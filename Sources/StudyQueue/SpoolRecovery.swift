import Foundation
import GRDB

/// What a start makes of the spool that the last process left. Call it before anything is received.
package struct SpoolRecovery: Hashable, Sendable {
    /// Files that were removed: they belong to no held instance, so nothing was answered for them. Relative paths.
    package private(set) var removed: [String] = []
    /// Files that begin with zeros and belong to no instance: made ahead by the last process. Left as they are.
    package private(set) var blank: [String] = []
    /// Held instances whose file was longer than its row says, by zeros alone: it was made ahead, and a power failure
    /// came before it was cut. Cut now.
    package private(set) var trimmed = 0

    /// Looks at each file of the spool and does what is to be done. A file whose instance the journal knows and the
    /// store has lost stays. Writes an event when it removed any. Blocks.
    ///
    /// - Throws: `spoolAheadOfDatabase`, with nothing removed, for more than `limit` files: a crash leaves one for each
    ///   association, an old copy of the database put in place of the present one leaves everything since.
    @available(*, noasync, message: "blocks: call it from a thread")
    package init(_ database: any DatabaseWriter, spool: URL, limit: Int = 1000, at now: Date) throws {
        let folder = SpoolFolder(url: spool)
        var (unclaimed, ended): ([String], [String]) = ([], [])
        try database.read { db in
            try folder.forEachFile { path in
                if let bytes = try BalanceQuery.claim(of: path, in: db) {
                    if try folder.size(of: path) ?? 0 > bytes, try folder.trim(path, to: bytes) { trimmed += 1 }
                } else if try BalanceQuery.isMadeAhead(path, in: folder, db) {
                    blank.append(path)
                } else if try BalanceQuery.hasEnded(path, in: db) {
                    ended.append(path)
                } else if try !BalanceQuery.isEvidenceOfLoss(path, in: db) {
                    unclaimed.append(path)
                }
            }
        }
        guard unclaimed.count <= limit else {
            throw StudyQueueError(
                .spoolAheadOfDatabase,
                "\(unclaimed.count) files of the spool belong to no instance in the database; if an old copy of the "
                    + "database was restored, restore the one that belongs to the spool, or move the files away")
        }
        removed = unclaimed + ended
        guard !removed.isEmpty else { return }
        for path in removed { try folder.remove(path) }
        let count = removed.count
        try database.write { db in
            try EventTable.insert(.filesRemoved, study: nil, source: nil, fields: [.files(count)], in: db, at: now)
        }
    }
}
