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

/// Who holds. A source goes on when neither does.
package enum HoldOrigin: String, CaseIterable, Codable, Sendable {
    /// AETitles.conf: it begins and ends with the file.
    case conf
    /// A command: it ends with a command, whatever is restarted or reloaded meanwhile.
    case byOperator = "operator"
}

/// A hold that is in force.
package struct ActiveHold: Hashable, Sendable, Codable {
    /// A section of AETitles.conf; nil: every source.
    package let source: String?
    /// Who holds.
    package let origin: HoldOrigin
    /// Since when.
    package let since: Date
    /// The user who gave the command.
    package let uid: UInt32?
}

extension StudyQueue {
    /// Puts the hold of AETitles.conf in the place of the one before, with an event for each source that it begins or ends
    /// for. Work on what it begins for is taken back.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func setHold(_ hold: Hold, at now: Date) throws {
        try database.write { db in try setHold(hold, in: db, at: now) }
    }

    /// Records that AETitles.conf was read again, and puts its hold in the place of the one before.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func recordReload(
        hold: Hold, sources: Int, destinations: Int, by person: OperatorID?, at now: Date
    ) throws {
        try database.write { db in
            try EventTable.insert(
                .reloaded, study: nil, source: nil,
                fields: [.sources(sources), .destinations(destinations)] + person.fields, in: db, at: now)
            try setHold(hold, in: db, at: now)
        }
    }

    /// Records that AETitles.conf was read again and has so many errors.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func recordRefusedReload(errors: Int, by person: OperatorID?, at now: Date) throws {
        try database.write { db in
            try EventTable.insert(
                .reloadRefused, study: nil, source: nil, fields: [.errors(errors)] + person.fields, in: db, at: now)
        }
    }

    /// Holds a source, or every one, by command. Work on its studies is taken back, so that nothing of them is analysed or
    /// sent from now on but the one object that is on its way. False when a command holds it already.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func hold(source: String?, by person: OperatorID?, at now: Date) throws -> Bool {
        try database.write { db in
            let name = source ?? ""
            let isHeld = try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM hold WHERE source = ? AND origin = 'operator')",
                arguments: [name])
            if isHeld == true { return false }
            try begin(name, .byOperator, by: person, in: db, at: now)
            return true
        }
    }

    /// Lifts what commands hold: of a source, or all of it. Returns the names, "" for the hold of every source.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func liftHold(source: String?, by person: OperatorID?, at now: Date) throws -> [String] {
        try database.write { db in
            let names = try String.fetchAll(
                db, sql: "SELECT source FROM hold WHERE origin = 'operator' AND (?1 IS NULL OR source = ?1)",
                arguments: [source])
            for name in names { try end(name, .byOperator, by: person, in: db, at: now) }
            return names
        }
    }

    /// The holds in force.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func holds() throws -> [ActiveHold] { try StudyListing.holds(database) }

    /// Whether a study ever came from a section of that name.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func knowsSource(_ name: String) throws -> Bool {
        try database.read { db in
            try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM study WHERE source = ?)", arguments: [name])
                ?? false
        }
    }

    // MARK: -

    private func setHold(_ hold: Hold, in db: Database, at now: Date) throws {
        let before = try Set(String.fetchAll(db, sql: "SELECT source FROM hold WHERE origin = 'conf'"))
        for name in before.subtracting(hold.names).sorted() { try end(name, .conf, by: nil, in: db, at: now) }
        for name in hold.names.subtracting(before).sorted() { try begin(name, .conf, by: nil, in: db, at: now) }
    }

    private func begin(
        _ name: String, _ origin: HoldOrigin, by person: OperatorID?, in db: Database, at now: Date
    ) throws {
        try db.execute(
            sql: "INSERT INTO hold (source, origin, since, uid) VALUES (?, ?, ?, ?)",
            arguments: [name, origin.rawValue, now.milliseconds, person?.uid])
        try log(.holdBegun, name, origin, by: person, in: db, at: now)
        let leases = try Row.fetchAll(
            db, sql: "SELECT l.* FROM lease l JOIN study s ON s.id = l.study WHERE ?1 IN (s.source, '')",
            arguments: [name])
        for lease in leases { try withdraw(LeaseRow(lease), in: db, at: now) }
    }

    private func end(
        _ name: String, _ origin: HoldOrigin, by person: OperatorID?, in db: Database, at now: Date
    ) throws {
        try db.execute(
            sql: "DELETE FROM hold WHERE source = ? AND origin = ?", arguments: [name, origin.rawValue])
        try forgetWaiting(ofSource: name, in: db, at: now)
        try log(.holdLifted, name, origin, by: person, in: db, at: now)
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

    private func log(
        _ kind: QueueEventKind, _ name: String, _ origin: HoldOrigin, by person: OperatorID?, in db: Database,
        at now: Date
    ) throws {
        let source = name.isEmpty ? nil : name
        try EventTable.insert(
            kind, study: nil, source: source, fields: [.hold(origin)] + person.fields, in: db, at: now)
    }
}

extension StudyListing {
    /// See ``StudyQueue/holds()``. None in a database that a former version made and no node has opened since.
    @available(*, noasync, message: "blocks: call it from a thread")
    package static func holds(_ database: any DatabaseReader) throws -> [ActiveHold] {
        try database.read { db in
            guard try db.columns(in: "hold").contains(where: { $0.name == "origin" }) else { return [] }
            return try Row.fetchAll(db, sql: "SELECT * FROM hold ORDER BY source, origin").map { row in
                guard let origin = HoldOrigin(rawValue: row["origin"]) else {
                    throw StudyQueueError(.databaseDamaged, "unknown origin of a hold")
                }
                let source: String = row["source"]
                return ActiveHold(
                    source: source.isEmpty ? nil : source, origin: origin, since: Date(milliseconds: row["since"]),
                    uid: row["uid"])
            }
        }
    }
}

extension StudyQueueSchema {
    /// Adds the migration by which holds have an origin, after those of ``register(in:)``.
    package static func registerHoldOrigins(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("study-queue-hold-origin") { db in try db.execute(sql: holdOrigins) }
    }

    /// A source is held as long as one of AETitles.conf and an operator holds it. `uid` is the operator's.
    private static let holdOrigins = """
        ALTER TABLE hold RENAME TO hold_of_conf;
        CREATE TABLE hold (
          source TEXT NOT NULL,
          origin TEXT NOT NULL CHECK (origin IN ('conf', 'operator')),
          since INTEGER NOT NULL,
          uid INTEGER,
          PRIMARY KEY (source, origin)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO hold SELECT source, 'conf', CAST(strftime('%s', 'now') AS INTEGER) * 1000, NULL FROM hold_of_conf;
        DROP TABLE hold_of_conf;
        """
}
