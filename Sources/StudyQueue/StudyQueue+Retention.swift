import Foundation
import GRDB

/// Files that may be removed now that the transaction is committed.
package struct RetiredFiles: Hashable, Sendable {
    /// Relative to the spool folder.
    package let files: [String]
    /// Their size.
    package let bytes: Int64
}

// What retention may take. Nothing of a study that is not delivered, whatever its age and whatever the disk; the time is
// that of `RetentionClock`, which began for a study when it was delivered.
extension StudyQueue {
    /// Marks the files of the study that was delivered longest ago as gone, at most `limit` of them. Remove them after
    /// that: what a crash leaves goes at the next start. Nil when no delivered study from before `time` has a file.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func retireFiles(
        ofStudyKeptSince time: Date, limit: Int = 500, at now: Date
    ) throws -> RetiredFiles? {
        try database.write { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT * FROM study INDEXED BY study_files_due
                    WHERE state = 'delivered' AND files_retired = 0 AND kept_from <= ? ORDER BY kept_from LIMIT 1
                    """, arguments: [time.milliseconds])
            guard let row else { return nil }
            let study = try StudyRow(row)
            let held = try Row.fetchAll(
                db,
                sql: """
                    SELECT id, file, bytes FROM instance WHERE study = ? AND state = 'held' AND disposal IS NULL
                    ORDER BY journal_seq LIMIT ?
                    """, arguments: [study.id, limit])
            if held.count < limit {
                try db.execute(sql: "UPDATE study SET files_retired = 1 WHERE id = ?", arguments: [study.id])
            }
            guard !held.isEmpty else { return RetiredFiles(files: [], bytes: 0) }
            let bytes = held.reduce(0) { $0 + ($1["bytes"] as Int64) }
            let number = try Disposal.append(
                .pixels, study: study.id, count: held.count, bytes: bytes, in: db, at: now)
            let update = try db.cachedStatement(sql: "UPDATE instance SET disposal = ? WHERE id = ?")
            for instance in held { try update.execute(arguments: [number, instance["id"] as String]) }
            try study.log(.pixelsRetired, fields: [.instances(held.count), .bytes(bytes)], in: db, at: now)
            return RetiredFiles(files: held.map { $0["file"] }, bytes: bytes)
        }
    }

    /// Bytes of all files that are held, of delivered studies and others.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func heldBytes() throws -> Int64 {
        try database.read { db in
            try Int64.fetchOne(
                db, sql: "SELECT SUM(bytes) FROM instance WHERE state = 'held' AND disposal IS NULL") ?? 0
        }
    }

    /// Retires lines from the journal's beginning, at most `limit`: those whose instances have ended and whose studies
    /// were delivered before `time`, and of such ones also later ones while there are more than `maximum`. The first line
    /// that is not so, or that is not as it was written, ends it. Returns how many went.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func retireJournal(
        keptSince time: Date, maximum: Int?, limit: Int = 1000, at now: Date
    ) throws -> Int {
        try database.write { db in
            var walk = try JournalWalk.atBase(in: db)
            let last = try Int64.fetchOne(db, sql: "SELECT MAX(seq) FROM journal") ?? walk.sequence
            var excess = maximum.map { max(0, last - walk.sequence - Int64($0)) } ?? 0
            var (count, link) = (0, Data())
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT j.*, i.study IS NULL AS alone, i.state, i.disposal, s.state AS study_state, s.kept_from
                    FROM journal j JOIN instance i ON i.id = j.instance LEFT JOIN study s ON s.id = i.study
                    WHERE j.seq > ? ORDER BY j.seq LIMIT ?
                    """, arguments: [walk.sequence, limit])
            while let row = try rows.next() {
                guard let since = Self.ended(row), since <= time.milliseconds || excess > 0 else { break }
                let line = JournalLine(
                    sequence: row["seq"], instance: row["instance"], digest: [UInt8](row["digest"] as Data),
                    bytes: row["bytes"], at: row["at"])
                var next = walk
                guard line.sequence == walk.sequence + 1, next.step(to: line, chain: [UInt8](row["chain"] as Data))
                else { break }
                walk = next
                (count, link, excess) = (count + 1, row["chain"], excess - 1)
            }
            guard count > 0 else { return 0 }
            _ = try Disposal.append(.journal, count: count, through: walk.sequence, link: link, in: db, at: now)
            try db.execute(
                sql: "UPDATE journal_base SET seq = ?, chain = ?", arguments: [walk.sequence, link])
            try db.execute(sql: "DELETE FROM journal WHERE seq <= ?", arguments: [walk.sequence])
            try EventTable.insert(
                .journalRetired, study: nil, source: nil, fields: [.lines(count)], in: db, at: now)
            return count
        }
    }

    /// Since when retention counts for a line; nil for one whose instance has not ended or still has its file.
    private static func ended(_ row: Row) -> Int64? {
        if row["alone"] as Bool { return row["at"] }
        guard row["study_state"] as String? == "delivered",
            row["state"] == "discarded" || row["disposal"] as Int64? != nil
        else {
            return nil
        }
        return row["kept_from"]
    }

    /// Retires events from the beginning, at most `limit`: those before `time`, and later ones while there are a thousand
    /// more than `maximum`; never the last thousand, and none after `position`, which the log's files do not have yet. It is
    /// entered by ``recordRetiredEvents(_:at:)`` once for all: an entry for each call would be one more to retire.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func retireEvents(
        before time: Date, maximum: Int?, writtenThrough position: Int64, limit: Int = 5000
    ) throws -> Int {
        try database.write { db in
            guard let last = try Int64.fetchOne(db, sql: "SELECT MAX(seq) FROM event"),
                let first = try Int64.fetchOne(db, sql: "SELECT MIN(seq) FROM event")
            else { return 0 }
            let excess = maximum.map { last - Int64($0) } ?? 0
            let forced = excess - first < 1000 ? 0 : excess
            let end = min(last - 1000, position, first + Int64(limit) - 1)
            // Whatever times the rows have, they go in the order of their numbers.
            let stop = try Int64.fetchOne(
                db, sql: "SELECT MIN(seq) FROM event WHERE seq <= ? AND seq > ? AND at > ?",
                arguments: [end, max(forced, 0), time.milliseconds])
            let through = min(end, (stop ?? end + 1) - 1)
            guard through >= first else { return 0 }
            try db.execute(sql: "DELETE FROM event WHERE seq <= ?", arguments: [through])
            return db.changesCount
        }
    }

    /// Enters how many events were retired.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func recordRetiredEvents(_ count: Int, at now: Date) throws {
        try database.write { db in
            try EventTable.insert(.eventsRetired, study: nil, source: nil, fields: [.lines(count)], in: db, at: now)
        }
    }

    /// How many instances are remembered, with a file or without.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func rememberedInstances() throws -> Int {
        try database.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM instance") ?? 0 }
    }

    /// Forgets the instances of the study that was delivered longest ago, when that was before `time`: what comes again
    /// after that is not known to have been there. The study stays known, so that a late image does not pass for all of it.
    /// Returns how many were forgotten; 0 when there is none.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func forgetStudy(keptSince time: Date, at now: Date) throws -> Int {
        try database.write { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT * FROM study s INDEXED BY study_memory_due
                    WHERE state = 'delivered' AND files_retired = 1 AND forgotten = 0 AND kept_from <= ?
                      AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.study = s.id
                        AND i.journal_seq > (SELECT seq FROM journal_base))
                    ORDER BY kept_from LIMIT 1
                    """, arguments: [time.milliseconds])
            guard let study = try row.map(StudyRow.init) else { return 0 }
            let held = max(1, try heldInstances(of: study.id, in: db))
            for table in ["analysis", "delivery", "own_result", "identity_correction", "instance"] {
                try db.execute(sql: "DELETE FROM \(table) WHERE study = ?", arguments: [study.id])
            }
            try db.execute(
                sql: "DELETE FROM revision WHERE study = ? AND number < ?", arguments: [study.id, study.revision])
            try db.execute(
                sql: "UPDATE revision SET objects = NULL WHERE study = ?", arguments: [study.id])
            try db.execute(sql: "UPDATE study SET forgotten = ? WHERE id = ?", arguments: [held, study.id])
            _ = try Disposal.append(.memory, study: study.id, count: held, in: db, at: now)
            try study.log(.studyForgotten, fields: [.instances(held)], in: db, at: now)
            return held
        }
    }

    /// Whether some of the study's images are gone by retention: nothing may be said of it as a whole then.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func lacksPixels(_ study: String) throws -> Bool {
        try database.read { db in try Self.lacksPixels(study, in: db) }
    }

    static func lacksPixels(_ study: String, in db: Database) throws -> Bool {
        try Bool.fetchOne(
            db,
            sql: """
                SELECT EXISTS (SELECT 1 FROM instance WHERE study = ?1 AND state = 'held' AND disposal IS NOT NULL)
                  OR EXISTS (SELECT 1 FROM study WHERE id = ?1 AND forgotten > 0)
                """, arguments: [study]) ?? false
    }
}
