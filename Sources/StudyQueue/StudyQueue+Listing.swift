import DICOMCore
import Foundation
import GRDB

/// A study in a list.
package struct StudySummary: Hashable, Sendable, Codable {
    /// Opaque identifier.
    package let study: String
    /// The source's section in AETitles.conf.
    package let source: String
    /// The state.
    package let state: StudyState.Kind
    /// Why it is parked.
    package let reason: ReasonCode?
    /// Whether it is on its way and waits because its source, or all, are held.
    package let isHeld: Bool
    /// The revision, from 1.
    package let revision: Int
    /// Held instances.
    package let instances: Int
    /// Higher is first.
    package let priority: Int
    /// First instance.
    package let created: Date
    /// Last instance.
    package let lastInstance: Date
    /// The time of analysis of this revision.
    package let analysed: Date?
    /// Attempts at the analysis of this revision that began.
    package let attempts: Int
    /// When the next attempt at the analysis is due, where one waits for that.
    package let nextAttempt: Date?
    /// Where its results go.
    package let destinations: [String]
    /// The place in the list, for ``StudyQueue/list(states:source:after:limit:)``.
    package let cursor: Int64
}

/// Everything that the queue knows of a study.
package struct StudyDetail: Hashable, Sendable, Codable {
    /// One revision.
    package struct Revision: Hashable, Sendable, Codable {
        /// From 1.
        package let number: Int
        /// When it began.
        package let opened: Date
        /// When it was complete.
        package let completed: Date?
        /// What showed it.
        package let evidence: CompletionEvidence?
        /// The time of analysis.
        package let analysed: Date?
        /// The policy by which it has no result.
        package let noResultPolicy: DiscardPolicy?
        /// Why it has none.
        package let noResultReason: ReasonCode?
        /// When a later one took its place.
        package let superseded: Date?
    }

    /// One instance.
    package struct Instance: Hashable, Sendable, Codable {
        /// Opaque identifier.
        package let instance: String
        /// SOP Class UID; nothing for a private class, which may name an institution.
        package let sopClassUID: String?
        /// The spool file's size.
        package let bytes: Int64
        /// When it was committed.
        package let received: Date
        /// The policy that discarded it; nil while it is held.
        package let discarded: DiscardPolicy?
        /// The revision that it came in.
        package let revision: Int?
    }

    /// One delivery.
    package struct Delivery: Hashable, Sendable, Codable {
        /// The revision.
        package let revision: Int
        /// A section of AETitles.conf.
        package let destination: String
        /// What kind of object.
        package let kind: ResultKind
        /// Which of its kind.
        package let index: Int
        /// waiting, sent, confirmed, failed or superseded.
        package let state: String
        /// How often it was tried.
        package let attempts: Int
        /// When it is tried again.
        package let nextAttempt: Date?
        /// The last DIMSE status, four hexadecimal digits.
        package let lastStatus: String?
        /// Why it failed last.
        package let lastReason: ReasonCode?
    }

    /// The study.
    package let summary: StudySummary
    /// Its revisions, oldest first.
    package let revisions: [Revision]
    /// Its instances, in the order of receipt.
    package let instances: [Instance]
    /// Its deliveries.
    package let deliveries: [Delivery]
}

extension StudyQueue {
    /// A page of studies, newest first. Pass the last one's `cursor` to get the next page; an empty set of states means
    /// all of them.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func list(
        states: Set<StudyState.Kind> = [], source: String? = nil, after cursor: Int64? = nil, limit: Int = 100
    ) throws -> [StudySummary] {
        try StudyListing.list(database, states: states, source: source, after: cursor, limit: limit)
    }

    /// One study with all that belongs to it. Throws `unknownStudy`.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func show(_ study: String) throws -> StudyDetail { try StudyListing.show(database, study) }

    /// Events in their order, after a sequence number.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func events(
        after sequence: Int64 = 0, study: String? = nil, source: String? = nil, limit: Int = 1000
    ) throws -> [QueueEvent] {
        try StudyListing.events(database, after: sequence, study: study, source: source, limit: limit)
    }
}

/// The queries of the command line, over any reader: `overread queue` opens the database for reading only.
package enum StudyListing {
    /// See ``StudyQueue/list(states:source:after:limit:)``; `uids` are mapped Study Instance UIDs.
    @available(*, noasync, message: "blocks: call it from a thread")
    package static func list(
        _ database: any DatabaseReader, states: Set<StudyState.Kind> = [], source: String? = nil,
        uids: [String]? = nil, after cursor: Int64? = nil, limit: Int = 100
    ) throws -> [StudySummary] {
        var conditions: [String] = []
        var arguments: StatementArguments = []
        if let uids {
            // One argument whatever their number.
            conditions.append("s.uid IN (SELECT value FROM json_each(?))")
            arguments += [String(decoding: try JSONEncoder().encode(uids), as: UTF8.self)]
        }
        if !states.isEmpty {
            conditions.append("s.state IN (\(states.map { _ in "?" }.joined(separator: ", ")))")
            arguments += StatementArguments(states.map(\.rawValue))
        }
        if let source {
            conditions.append("s.source = ?")
            arguments += [source]
        }
        if let cursor {
            conditions.append("s.number < ?")
            arguments += [cursor]
        }
        let filter = conditions.isEmpty ? "" : "WHERE \(conditions.joined(separator: " AND "))"
        let (sql, all) = ("\(summaryQuery) \(filter) ORDER BY s.number DESC LIMIT ?", arguments + [max(limit, 0)])
        return try database.read { db in try Row.fetchAll(db, sql: sql, arguments: all).map(summary) }
    }

    /// See ``StudyQueue/show(_:)``.
    @available(*, noasync, message: "blocks: call it from a thread")
    package static func show(_ database: any DatabaseReader, _ study: String) throws -> StudyDetail {
        try database.read { db in
            guard let row = try Row.fetchOne(db, sql: "\(summaryQuery) WHERE s.id = ?", arguments: [study]) else {
                throw StudyQueueError(.unknownStudy)
            }
            func rows(_ table: String, _ order: String) throws -> [Row] {
                try Row.fetchAll(
                    db, sql: "SELECT * FROM \(table) WHERE study = ? ORDER BY \(order)", arguments: [study])
            }
            return StudyDetail(
                summary: try summary(row), revisions: try rows("revision", "number").map(revision),
                instances: try rows("instance", "journal_seq").map(instance),
                deliveries: try rows("delivery", "revision, destination, position").map(delivery))
        }
    }

    /// See ``StudyQueue/events(after:study:source:limit:)``.
    @available(*, noasync, message: "blocks: call it from a thread")
    package static func events(
        _ database: any DatabaseReader, after sequence: Int64 = 0, study: String? = nil, source: String? = nil,
        limit: Int = 1000
    ) throws -> [QueueEvent] {
        let (filter, arguments) = eventFilter(study: study, source: source)
        let sql = "SELECT * FROM event WHERE \(filter) AND seq > ? ORDER BY seq LIMIT ?"
        let all = arguments + [sequence, max(limit, 0)]
        return try database.read { db in try Row.fetchAll(db, sql: sql, arguments: all).map(EventTable.event) }
    }

    /// Only the conditions that there are: an index is used for each.
    private static func eventFilter(study: String?, source: String?) -> (sql: String, arguments: StatementArguments) {
        var (conditions, arguments): ([String], StatementArguments) = ([], [])
        for (column, value) in [("study", study), ("source", source)] {
            guard let value else { continue }
            conditions.append("\(column) = ?")
            arguments += [value]
        }
        return (conditions.isEmpty ? "TRUE" : conditions.joined(separator: " AND "), arguments)
    }

    /// The number after which the last `count` events of a study or a source begin.
    @available(*, noasync, message: "blocks: call it from a thread")
    package static func start(
        _ database: any DatabaseReader, ofLast count: Int, study: String? = nil, source: String? = nil
    ) throws -> Int64 {
        let (filter, arguments) = eventFilter(study: study, source: source)
        let sql = "SELECT seq FROM event WHERE \(filter) ORDER BY seq DESC LIMIT 1 OFFSET ?"
        return try database.read { db in try Int64.fetchOne(db, sql: sql, arguments: arguments + [max(count, 0)]) ?? 0 }
    }

    /// The sequence number of the last event, 0 when there is none.
    @available(*, noasync, message: "blocks: call it from a thread")
    package static func lastEventSequence(_ database: any DatabaseReader) throws -> Int64 {
        try database.read { db in try Int64.fetchOne(db, sql: "SELECT MAX(seq) FROM event") ?? 0 }
    }

    // MARK: -

    private static let summaryQuery = """
        SELECT s.*, r.analysed_at,
          s.state NOT IN ('delivered', 'parked')
            AND EXISTS (SELECT 1 FROM hold h WHERE h.source IN (s.source, '')) AS on_hold,
          (SELECT COUNT(*) FROM instance i WHERE i.study = s.id AND i.state = 'held') AS held
        FROM study s LEFT JOIN revision r ON r.study = s.id AND r.number = s.revision
        """

    private static func summary(_ row: Row) throws -> StudySummary {
        let state = try StudyRow.state(row)
        var reason: ReasonCode?
        if case .parked(let parking) = state { reason = parking.reason }
        let next: Int64 = row["next_attempt_at"]
        return StudySummary(
            study: row["id"], source: row["source"], state: state.kind, reason: reason, isHeld: row["on_hold"],
            revision: row["revision"],
            instances: row["held"], priority: row["priority"], created: Date(milliseconds: row["created_at"]),
            lastInstance: Date(milliseconds: row["last_instance_at"]), analysed: date(row["analysed_at"]),
            attempts: row["attempts"], nextAttempt: state == .complete && next > 0 ? Date(milliseconds: next) : nil,
            destinations: try StudyRow.decodeDestinations(row["destinations"]), cursor: row["number"])
    }

    private static func revision(_ row: Row) -> StudyDetail.Revision {
        StudyDetail.Revision(
            number: row["number"], opened: Date(milliseconds: row["opened_at"]), completed: date(row["completed_at"]),
            evidence: (row["evidence"] as String?).flatMap(CompletionEvidence.init(rawValue:)),
            analysed: date(row["analysed_at"]),
            noResultPolicy: (row["no_result_policy"] as String?).flatMap(DiscardPolicy.init(rawValue:)),
            noResultReason: (row["no_result_reason"] as String?).flatMap(ReasonCode.init(stored:)),
            superseded: date(row["superseded_at"]))
    }

    private static func instance(_ row: Row) -> StudyDetail.Instance {
        let sopClass: String = row["sop_class_uid"]
        return StudyDetail.Instance(
            instance: row["id"], sopClassUID: sopClass.hasPrefix("1.2.840.10008.") ? sopClass : nil,
            bytes: row["bytes"],
            received: Date(milliseconds: row["received_at"]),
            discarded: (row["policy"] as String?).flatMap(DiscardPolicy.init(rawValue:)), revision: row["revision"])
    }

    private static func delivery(_ row: Row) throws -> StudyDetail.Delivery {
        guard let kind = ResultKind(rawValue: row["kind"]) else {
            throw StudyQueueError(.databaseDamaged, "unknown kind of result")
        }
        let state: String = row["state"]
        let next: Int64 = row["next_attempt_at"]
        return StudyDetail.Delivery(
            revision: row["revision"], destination: row["destination"], kind: kind, index: row["object_index"],
            state: state, attempts: row["attempts"],
            nextAttempt: state == "waiting" && next > 0 ? Date(milliseconds: next) : nil,
            lastStatus: (row["last_status"] as Int?).map {
                DIMSEStatus(rawValue: UInt16(truncatingIfNeeded: $0)).description
            },
            lastReason: (row["last_reason"] as String?).flatMap(ReasonCode.init(stored:)))
    }

    private static func date(_ milliseconds: Int64?) -> Date? { milliseconds.map(Date.init(milliseconds:)) }
}
