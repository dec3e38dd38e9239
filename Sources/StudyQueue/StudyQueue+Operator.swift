import Foundation
import GRDB

/// What a command did to a study.
package enum OperatorOutcome: Hashable, Sendable {
    /// Its state is now this one.
    case changed(StudyState.Kind)
    /// There was nothing to do; its state is this one.
    case unchanged(StudyState.Kind)

    /// The state of the study after the command.
    package var state: StudyState.Kind {
        switch self {
        case .changed(let state), .unchanged(let state): state
        }
    }
}

/// What one transaction of a command over many studies did.
package struct OperatorPage: Hashable, Sendable {
    /// So many studies go on.
    package let studies: Int
    /// Where the next transaction begins; nil when it was the last.
    package let next: Int64?
}

// Commands of a person, who is named in the event of each change. A command that is given again changes nothing.
extension StudyQueue {
    /// Studies in one transaction of a command over many: receivers wait for it.
    package static let operatorBatch = 100

    /// Parks a study. Work on it is dropped, and late images do not start it again; `retry` or `release` go on with it.
    /// Throws `unknownStudy`, and `illegalTransition` when its patient is in doubt.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func park(
        _ study: String, note: OperatorNote? = nil, by person: OperatorID? = nil, at now: Date
    ) throws -> OperatorOutcome {
        try database.write { db in
            var row = try StudyRow.require(id: study, in: db)
            let fields = person.fields + (note.map { [.note($0)] } ?? [])
            let isChanged = try row.apply(.park(.byOperator), fields: fields, in: db, at: now)
            return isChanged ? .changed(row.state.kind) : .unchanged(row.state.kind)
        }
    }

    /// Goes on with a parked study where it stopped, or ends the waiting time of one that waits for its next attempt.
    /// Throws `unknownStudy`, and `illegalTransition` for one that still receives or whose patient is in doubt.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func retry(_ study: String, by person: OperatorID? = nil, at now: Date) throws -> OperatorOutcome {
        try database.write { db in try retry(study, by: person, in: db, at: now) }
    }

    /// Closes a receiving study without waiting for more evidence, or goes on with one that an operator parked. Throws
    /// `unknownStudy`, and `illegalTransition` for one that was parked for another reason.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func release(_ study: String, by person: OperatorID? = nil, at now: Date) throws -> OperatorOutcome {
        try database.write { db in
            var row = try StudyRow.require(id: study, in: db)
            if row.state == .receiving {
                _ = try close(study, evidence: .byOperator, event: .release, by: person, in: db, at: now)
                return .changed(.complete)
            }
            let isChanged = try row.apply(.release, fields: person.fields, in: db, at: now)
            if isChanged { try settle(&row, in: db, at: now) }
            return isChanged ? .changed(row.state.kind) : .unchanged(row.state.kind)
        }
    }

    /// Goes on with parked studies, at most ``operatorBatch`` of them, oldest first, after a place in their order.
    ///
    /// Without a reason: those that failed, since what a person parked was not meant to be tried. With one: those that are
    /// parked for it. Studies whose patient is in doubt are left out in any case. One that fails again meanwhile is behind
    /// the place, so that a caller who goes from page to page comes to an end.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func retryParked(
        for reason: String? = nil, after place: Int64 = 0, by person: OperatorID? = nil, at now: Date
    ) throws -> OperatorPage {
        try database.write { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT number, id FROM study WHERE state = 'parked' AND number > ?1
                      AND iif(?2 IS NULL, park_cause IN ('analysis', 'delivery'),
                              park_reason = ?2 AND park_cause <> 'identity')
                    ORDER BY number LIMIT ?3
                    """, arguments: [place, reason, Self.operatorBatch])
            for row in rows { try retry(row["id"], by: person, in: db, at: now) }
            let isLast = rows.count < Self.operatorBatch
            return OperatorPage(studies: rows.count, next: isLast ? nil : rows.last?["number"])
        }
    }

    /// How many studies are parked for each reason.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func parkedReasons() throws -> [String: Int] {
        try database.read { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT park_reason, COUNT(*) AS count FROM study WHERE state = 'parked' GROUP BY park_reason")
            return Dictionary(uniqueKeysWithValues: rows.map { ($0["park_reason"], $0["count"]) })
        }
    }

    @discardableResult
    private func retry(
        _ study: String, by person: OperatorID?, in db: Database, at now: Date
    ) throws -> OperatorOutcome {
        var row = try StudyRow.require(id: study, in: db)
        let isChanged = try row.apply(.retry, fields: person.fields, in: db, at: now)
        if isChanged { try settle(&row, in: db, at: now) }
        return isChanged ? .changed(row.state.kind) : .unchanged(row.state.kind)
    }
}
