import Foundation
import GRDB

/// Whose studies are only received: nothing of them is analysed or delivered until the hold is lifted.
package enum Hold: Hashable, Sendable {
    /// Every source's, whether it is configured or was once.
    case everything
    /// Those of these sections of AETitles.conf.
    case sources(Set<String>)

    /// The empty name stands for all.
    fileprivate var names: Set<String> {
        switch self {
        case .everything: [""]
        case .sources(let names): names
        }
    }
}

extension StudyQueue {
    /// Puts a hold in the place of the one before, with an event for each source that it begins or ends for. Work that is
    /// leased goes on: call it at start, before any worker.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func setHold(_ hold: Hold, at now: Date) throws {
        try database.write { db in
            let before = try Set(String.fetchAll(db, sql: "SELECT source FROM hold"))
            for name in before.subtracting(hold.names).sorted() {
                try db.execute(sql: "DELETE FROM hold WHERE source = ?", arguments: [name])
                try forgetWaiting(ofSource: name, in: db, at: now)
                try log(.holdLifted, name, in: db, at: now)
            }
            for name in hold.names.subtracting(before).sorted() {
                try db.execute(sql: "INSERT INTO hold (source) VALUES (?)", arguments: [name])
                try log(.holdBegun, name, in: db, at: now)
            }
        }
    }

    /// What the hold kept back has the whole time for its delivery again.
    private func forgetWaiting(ofSource name: String, in db: Database, at now: Date) throws {
        try db.execute(
            sql: """
                UPDATE delivery SET waiting_since = MAX(waiting_since, ?1)
                WHERE state = 'waiting' AND study IN (SELECT id FROM study WHERE ?2 IN (source, ''))
                """,
            arguments: [now.milliseconds, name])
    }

    private func log(_ kind: QueueEventKind, _ name: String, in db: Database, at now: Date) throws {
        let source = name.isEmpty ? nil : name
        try EventTable.insert(kind, study: nil, source: source, fields: [], in: db, at: now)
    }
}
