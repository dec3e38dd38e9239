import Foundation
import GRDB

/// What a builder of results needs of an instance that was analysed, whether it is still held or not.
package struct StoredInstance: Hashable, Sendable {
    /// Opaque identifier.
    package let instanceID: String
    /// Mapped SOP Instance UID.
    package let sopInstanceUID: String
    /// Mapped Series Instance UID.
    package let seriesUID: String
    /// The file, relative to the spool folder; gone when the instance is not held any more.
    package let file: String
    /// Keyed digest of what was received.
    package let digest: [UInt8]
}

extension StudyQueue {
    /// Instances by their identifiers, in the same order. Throws `databaseDamaged` when one is not stored.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func instances(_ identifiers: [String]) throws -> [StoredInstance] {
        try database.read { db in
            let statement = try db.cachedStatement(
                sql: "SELECT id, sop_instance_uid, series_uid, file, digest FROM instance WHERE id = ?")
            return try identifiers.map { id in
                guard let row = try Row.fetchOne(statement, arguments: [id]) else {
                    throw StudyQueueError(.databaseDamaged, "an analysed instance is not stored")
                }
                return StoredInstance(
                    instanceID: row["id"], sopInstanceUID: row["sop_instance_uid"], seriesUID: row["series_uid"],
                    file: row["file"], digest: Array(row["digest"] as Data))
            }
        }
    }

    /// Studies that wait for evidence or analysis and are not on hold: what `max-waiting` counts.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func waitingStudies() throws -> Int {
        try database.read { db in
            // Without a hold, which is the rule, an index has all of it.
            let isHeld = try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM hold)") ?? false
            let filter = isHeld ? "AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.source IN (study.source, ''))" : ""
            return try Int.fetchOne(
                db,
                sql: "SELECT COUNT(*) FROM study WHERE state IN ('receiving', 'complete', 'analysing') \(filter)") ?? 0
        }
    }
}
