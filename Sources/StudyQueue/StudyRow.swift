import Foundation
import GRDB

/// The columns of a study that its transitions need, and the one place where a study's state changes.
struct StudyRow {
    let id: String
    let source: String
    /// The pseudonym of the patient whose study it is.
    var patient: String
    /// Whether retention has erased the identity of its instances.
    let isIdentityErased: Bool
    var state: StudyState
    var revision: Int
    var attempts: Int
    var destinations: [String]
    var priority: Int

    init(_ row: Row) throws {
        id = row["id"]
        source = row["source"]
        patient = row["patient"]
        isIdentityErased = (row["identity_erased_at"] as Int64?) != nil
        revision = row["revision"]
        attempts = row["attempts"]
        priority = row["priority"]
        destinations = try StudyRow.decodeDestinations(row["destinations"])
        state = try StudyRow.state(row)
    }

    /// Whether it is parked because it came with two patients.
    var isDoubted: Bool {
        guard case .parked(let parking) = state else { return false }
        return parking.cause == .identity
    }

    static func fetch(id: String, in db: Database) throws -> StudyRow? {
        try Row.fetchOne(db.cachedStatement(sql: "SELECT * FROM study WHERE id = ?"), arguments: [id]).map(
            StudyRow.init)
    }

    static func fetch(uid: String, in db: Database) throws -> StudyRow? {
        try Row.fetchOne(db.cachedStatement(sql: "SELECT * FROM study WHERE uid = ?"), arguments: [uid]).map(
            StudyRow.init)
    }

    /// A study that must be there.
    static func require(id: String, in db: Database) throws -> StudyRow {
        guard let study = try fetch(id: id, in: db) else { throw StudyQueueError(.unknownStudy) }
        return study
    }

    static func state(_ row: Row) throws -> StudyState {
        guard let kind = StudyState.Kind(rawValue: row["state"]) else {
            throw StudyQueueError(.databaseDamaged, "unknown study state")
        }
        switch kind {
        case .receiving: return .receiving
        case .complete: return .complete
        case .analysing: return .analysing
        case .analysed: return .analysed
        case .delivering: return .delivering
        case .delivered: return .delivered
        case .parked:
            guard let reason = (row["park_reason"] as String?).flatMap(ReasonCode.init(stored:)),
                let cause = (row["park_cause"] as String?).flatMap(Parking.Cause.init(rawValue:)),
                let resume = (row["park_resume"] as String?).flatMap(Parking.ResumePoint.init(rawValue:))
            else { throw StudyQueueError(.databaseDamaged, "a parked study without a reason") }
            return .parked(Parking(reason: reason, cause: cause, resume: resume))
        }
    }

    static func decodeDestinations(_ json: String) throws -> [String] {
        do {
            return try JSONDecoder().decode([String].self, from: Data(json.utf8))
        } catch {
            throw StudyQueueError(.databaseDamaged, "a study's destinations are malformed")
        }
    }

    static func encodeDestinations(_ names: [String]) throws -> String {
        String(decoding: try JSONEncoder().encode(names), as: UTF8.self)
    }

    // MARK: - Transitions

    /// Gives the event to the state machine, writes the new state, and does its actions, all in the caller's
    /// transaction. `fields` go into the event row after state and revision. False when there was nothing to do.
    @discardableResult
    mutating func apply(
        _ event: StudyEvent, fields: [QueueEventField] = [], in db: Database, at now: Date
    ) throws -> Bool {
        var machine = StudyStateMachine(state: state, revision: revision)
        let actions = try machine.handle(event)
        if machine.state != state || machine.revision != revision {
            state = machine.state
            revision = machine.revision
            try writeState(in: db, at: now)
        }
        for action in actions { try perform(action, fields: fields, in: db, at: now) }
        return !actions.isEmpty
    }

    private func writeState(in db: Database, at now: Date) throws {
        var parking: Parking?
        if case .parked(let parked) = state { parking = parked }
        try db.cachedStatement(
            sql: """
                UPDATE study SET state = ?, revision = ?, park_reason = ?, park_cause = ?, park_resume = ?, ready_at = ?,
                  kept_from = NULL, files_retired = 0
                WHERE id = ?
                """
        ).execute(arguments: [
            state.kind.rawValue, revision, parking?.reason.rawValue, parking?.cause.rawValue, parking?.resume.rawValue,
            now.milliseconds, id,
        ])
    }

    private mutating func perform(
        _ action: StudyAction, fields: [QueueEventField], in db: Database, at now: Date
    ) throws {
        switch action {
        case .revokeLeases:
            try db.execute(sql: "DELETE FROM lease WHERE study = ?", arguments: [id])
        case .supersede(let old):
            try db.execute(
                sql: """
                    UPDATE delivery SET state = 'superseded', updated_at = ?
                    WHERE study = ? AND revision = ? AND state = 'waiting'
                    """,
                arguments: [now.milliseconds, id, old])
            try db.execute(
                sql: "UPDATE revision SET superseded_at = ? WHERE study = ? AND number = ?",
                arguments: [now.milliseconds, id, old])
        case .open(let number):
            try db.execute(
                sql: "INSERT INTO revision (study, number, opened_at) VALUES (?, ?, ?)",
                arguments: [id, number, now.milliseconds])
        case .resetAttempts:
            attempts = 0
            try db.execute(
                sql: "UPDATE study SET attempts = 0, next_attempt_at = 0, last_reason = NULL WHERE id = ?",
                arguments: [id])
        case .countAttempt:
            attempts += 1
            try db.execute(sql: "UPDATE study SET attempts = ? WHERE id = ?", arguments: [attempts, id])
        case .requeueDeliveries:
            try db.execute(
                sql: """
                    UPDATE delivery SET state = 'waiting', attempts = 0, next_attempt_at = 0, waiting_since = ?,
                      updated_at = ?
                    WHERE study = ? AND revision = ? AND state IN ('waiting', 'failed')
                    """,
                arguments: [now.milliseconds, now.milliseconds, id, revision])
        case .log(let kind):
            try log(kind, fields: fields, in: db, at: now)
        }
    }

    /// Writes an event of this study, with its state and revision in front of the given fields.
    func log(_ kind: QueueEventKind, fields: [QueueEventField] = [], in db: Database, at now: Date) throws {
        var all: [QueueEventField] = [.state(state.kind), .revision(revision)]
        if case .parked(let parking) = state, !fields.contains(where: { $0.key == "reason" }) {
            all.append(.reason(parking.reason))
        }
        try EventTable.insert(kind, study: id, source: source, fields: all + fields, in: db, at: now)
    }
}
