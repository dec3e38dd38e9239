import Foundation
import GRDB

/// The right to do one piece of work, until it expires. It is a row, so it outlives the process; the token tells the
/// holder from one who took over.
package struct StudyLease: Hashable, Sendable {
    /// The study, and the revision that the work is for.
    package let reference: StudyReference
    /// What is to be done.
    package let work: LeaseWork
    /// Where a delivery goes; nil for analysis.
    package let destination: String?
    /// Which attempt at the analysis this is, from 1; 1 for a delivery, whose objects count for themselves.
    package let attempt: Int
    /// Whether a failure of this attempt at the analysis parks the study.
    package let isLastAttempt: Bool
    /// When another may take it. Renew it before.
    package let expires: Date
    /// Opaque; names this grant.
    let token: String

    /// The study's opaque identifier.
    package var study: String { reference.study }
    /// The revision.
    package var revision: Int { reference.revision }
}

/// A row of `lease`.
struct LeaseRow {
    let study: String
    let work: LeaseWork
    let destination: String
    let revision: Int

    init(_ row: Row) throws {
        guard let work = LeaseWork(rawValue: row["work"]) else {
            throw StudyQueueError(.databaseDamaged, "unknown kind of lease")
        }
        self.work = work
        study = row["study"]
        destination = row["destination"]
        revision = row["revision"]
    }

    /// The lease's row if it is still this grant.
    static func current(_ lease: StudyLease, in db: Database) throws -> LeaseRow? {
        try Row.fetchOne(db, sql: "SELECT * FROM lease WHERE token = ?", arguments: [lease.token]).map(LeaseRow.init)
    }

    func delete(in db: Database) throws {
        try db.execute(
            sql: "DELETE FROM lease WHERE study = ? AND work = ? AND destination = ?",
            arguments: [study, work.rawValue, destination])
    }
}
