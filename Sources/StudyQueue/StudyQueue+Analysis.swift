import Foundation
import GRDB

/// A held instance, as a worker of analysis or a builder of results needs it.
package struct HeldInstance: Hashable, Sendable, Codable {
    /// Opaque identifier; the spool file's base name.
    package let instanceID: String
    /// Mapped SOP Instance UID.
    package let sopInstanceUID: String
    /// Mapped Series Instance UID.
    package let seriesUID: String
    /// SOP Class UID.
    package let sopClassUID: String
    /// Transfer syntax UID of the file.
    package let transferSyntaxUID: String
    /// The file, relative to the spool folder.
    package let file: String
    /// Whether a model could take it.
    package let isAnalysable: Bool
    /// The revision that it came in.
    package let revision: Int
}

/// The analysis of one instance: JSON that the queue stores and does not read.
package struct InstanceAnalysis: Hashable, Sendable {
    /// The instance.
    package let instanceID: String
    /// The bytes.
    package let json: Data

    /// An analysis.
    package init(instanceID: String, json: Data) {
        self.instanceID = instanceID
        self.json = json
    }
}

/// An object that is due at a destination.
package struct PlannedDelivery: Hashable, Sendable {
    /// A section of AETitles.conf.
    package let destination: String
    /// What kind of object.
    package let kind: ResultKind
    /// Which of its kind in the revision, from 0.
    package let index: Int
    /// Opaque identifier of the object, printable ASCII; the same object at another destination has the same or another
    /// one, as its builder decides.
    package let resultID: String
    /// Whether it is delivered only once the destination has confirmed it.
    package let requiresConfirmation: Bool

    /// A planned delivery.
    package init(
        destination: String, kind: ResultKind, index: Int, resultID: String, requiresConfirmation: Bool = false
    ) {
        self.destination = destination
        self.kind = kind
        self.index = index
        self.resultID = resultID
        self.requiresConfirmation = requiresConfirmation
    }
}

/// How an analysis ends.
package enum AnalysisConclusion: Hashable, Sendable {
    /// These objects are due, sent in this order to each destination. At least one.
    case deliver([PlannedDelivery])
    /// None is due: `policy` says so, for this reason. The ledger tells it.
    case noResult(DiscardPolicy, reason: ReasonCode)
}

/// What follows from a failed attempt.
package enum FailureDisposition: Hashable, Sendable {
    /// It is tried again at this time.
    case retry(Date)
    /// It is not tried again: the study is parked (analysis), or will be once its other deliveries are settled.
    case abandoned
}

extension StudyQueue {
    /// The held instances of a study, in the order of receipt.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func heldInstances(of study: String) throws -> [HeldInstance] {
        try database.read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM instance WHERE study = ? AND state = 'held' ORDER BY journal_seq",
                arguments: [study]
            ).map { row in
                HeldInstance(
                    instanceID: row["id"], sopInstanceUID: row["sop_instance_uid"], seriesUID: row["series_uid"],
                    sopClassUID: row["sop_class_uid"], transferSyntaxUID: row["transfer_syntax_uid"], file: row["file"],
                    isAnalysable: row["analysable"], revision: row["revision"])
            }
        }
    }

    /// Stores an analysis and plans its deliveries. The time of analysis is recorded once per revision; every object of
    /// it uses that time, which is returned. Throws `leaseLost`, with nothing stored, when a late image, an operator or
    /// another worker has the study now.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func finishAnalysis(
        _ lease: StudyLease, analyses: [InstanceAnalysis], conclusion: AnalysisConclusion, at now: Date
    ) throws -> Date {
        try database.write { db in
            var study = try requireCurrent(lease, .analysis, in: db)
            for analysis in analyses {
                try db.execute(
                    sql: "INSERT INTO analysis (study, revision, instance, json) VALUES (?, ?, ?, ?)",
                    arguments: [study.id, study.revision, analysis.instanceID, analysis.json])
            }
            try db.execute(
                sql: "UPDATE revision SET analysed_at = ? WHERE study = ? AND number = ?",
                arguments: [now.milliseconds, study.id, study.revision])
            try db.execute(sql: "DELETE FROM lease WHERE token = ?", arguments: [lease.token])
            try conclude(conclusion, of: &study, in: db, at: now)
            return Date(milliseconds: now.milliseconds)
        }
    }

    /// Records that an attempt at the analysis failed. By the policy's count it is tried again or the study is parked;
    /// `isPermanent` parks it at once. Throws `leaseLost` as ``finishAnalysis(_:analyses:conclusion:at:)`` does.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func failAnalysis(
        _ lease: StudyLease, reason: ReasonCode, isPermanent: Bool = false, at now: Date
    ) throws -> FailureDisposition {
        try database.write { db in
            var study = try requireCurrent(lease, .analysis, in: db)
            try db.execute(sql: "DELETE FROM lease WHERE token = ?", arguments: [lease.token])
            guard !isPermanent, study.attempts < policy.analysisAttempts else {
                try study.apply(.analysisAbandoned(reason), fields: [.attempt(study.attempts)], in: db, at: now)
                return .abandoned
            }
            let wait = try scheduleNextAnalysis(of: study, reason: reason, in: db, at: now)
            try study.apply(
                .analysisFailed, fields: [.reason(reason), .attempt(study.attempts), .retryIn(seconds: wait)], in: db,
                at: now)
            let next = try Int64.fetchOne(
                db, sql: "SELECT next_attempt_at FROM study WHERE id = ?", arguments: [study.id])
            return .retry(Date(milliseconds: next ?? now.milliseconds))
        }
    }

    /// The analyses of a revision and the time that is recorded for it; nil before it is analysed.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func analysis(of reference: StudyReference) throws -> (time: Date, analyses: [InstanceAnalysis])? {
        try database.read { db in
            let time = try Int64.fetchOne(
                db, sql: "SELECT analysed_at FROM revision WHERE study = ? AND number = ? AND analysed_at IS NOT NULL",
                arguments: [reference.study, reference.revision])
            guard let time else { return nil }
            let analyses = try Row.fetchAll(
                db,
                sql: """
                    SELECT a.instance, a.json FROM analysis a JOIN instance i ON i.id = a.instance
                    WHERE a.study = ? AND a.revision = ? ORDER BY i.journal_seq
                    """, arguments: [reference.study, reference.revision]
            ).map { InstanceAnalysis(instanceID: $0["instance"], json: $0["json"]) }
            return (Date(milliseconds: time), analyses)
        }
    }

    // MARK: -

    /// The study of a lease that still stands. Throws `leaseLost`.
    func requireCurrent(_ lease: StudyLease, _ work: LeaseWork, in db: Database) throws -> StudyRow {
        guard let row = try LeaseRow.current(lease, in: db), row.work == work else { throw StudyQueueError(.leaseLost) }
        let study = try StudyRow.require(id: row.study, in: db)
        guard study.revision == row.revision else { throw StudyQueueError(.leaseLost) }
        return study
    }

    private func conclude(
        _ conclusion: AnalysisConclusion, of study: inout StudyRow, in db: Database, at now: Date
    ) throws {
        switch conclusion {
        case .noResult(let policy, let reason):
            try db.execute(
                sql: "UPDATE revision SET no_result_policy = ?, no_result_reason = ? WHERE study = ? AND number = ?",
                arguments: [policy.rawValue, reason.rawValue, study.id, study.revision])
            try study.apply(
                .analysisFinished(hasDeliveries: false), fields: [.policy(policy), .reason(reason)], in: db, at: now)
        case .deliver(let deliveries):
            guard !deliveries.isEmpty else { throw StudyQueueError(.invalidArgument, "no delivery is planned") }
            try study.apply(
                .analysisFinished(hasDeliveries: true), fields: [.objects(deliveries.count)], in: db, at: now)
            try db.execute(
                sql: "UPDATE revision SET objects = ? WHERE study = ? AND number = ?",
                arguments: [deliveries.count, study.id, study.revision])
            for (position, delivery) in deliveries.enumerated() {
                try insert(delivery, position: position, of: study, in: db, at: now)
            }
        }
    }

    private func insert(
        _ delivery: PlannedDelivery, position: Int, of study: StudyRow, in db: Database, at now: Date
    ) throws {
        guard InstanceReceipt.isSection(delivery.destination), (1...64).contains(delivery.resultID.utf8.count),
            delivery.resultID.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw StudyQueueError(.invalidArgument, "a planned delivery is malformed") }
        try db.execute(
            sql: """
                INSERT INTO delivery (study, revision, destination, position, kind, object_index, result, confirm,
                  state, waiting_since, updated_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?)
                """,
            arguments: [
                study.id, study.revision, delivery.destination, position, delivery.kind.rawValue, delivery.index,
                delivery.resultID, delivery.requiresConfirmation, now.milliseconds, now.milliseconds,
            ])
    }
}
