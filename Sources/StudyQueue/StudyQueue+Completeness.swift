import Foundation
import GRDB

/// A study of which images come in.
package struct ReceivingStudy: Hashable, Sendable {
    /// Opaque identifier.
    package let study: String
    /// Its source's section.
    package let source: String
    /// How many instances are held.
    package let held: Int
    /// One of them.
    package let instanceID: String
}

// Evidence, beside quiet time, that a study is complete. What it comes too late for is closed by quiet time already.
extension StudyQueue {
    /// Closes the receiving studies of a source that has released its last association at that time, and of which something
    /// came after `start`: what came before then may have been cut off, and come again.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func closeReleasedStudies(
        of source: String, after start: Date, released: Date, at now: Date
    ) throws -> [StudyReference] {
        try database.write { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT id FROM study INDEXED BY study_state
                    WHERE state = 'receiving' AND source = ? AND last_instance_at > ? AND last_instance_at <= ?
                    ORDER BY number
                    """, arguments: [source, start.milliseconds, released.milliseconds]
            ).map { try close($0, evidence: .release, event: .completed(.release), in: db, at: now) }
        }
    }

    /// The studies of these sources that receive.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func receivingStudies(ofSources sources: [String]) throws -> [ReceivingStudy] {
        try database.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT s.id, s.source, COUNT(*) AS held, MAX(i.id) AS instance
                    FROM study s INDEXED BY study_state JOIN instance i ON i.study = s.id AND i.state = 'held'
                    WHERE s.state = 'receiving' GROUP BY s.id
                    """
            ).map {
                ReceivingStudy(study: $0["id"], source: $0["source"], held: $0["held"], instanceID: $0["instance"])
            }.filter { sources.contains($0.source) }
        }
    }

    /// Closes a receiving study that holds so many instances and no more. Throws `illegalTransition` when it does not, or is
    /// closed.
    @available(*, noasync, message: "blocks: call it from a thread")
    @discardableResult
    package func complete(
        _ study: String, evidence: CompletionEvidence, holding count: Int, at now: Date
    ) throws -> StudyReference {
        try database.write { db in
            guard try heldInstances(of: study, in: db) == count else {
                throw StudyQueueError(.illegalTransition, "an instance came")
            }
            return try close(study, evidence: evidence, event: .completed(evidence), in: db, at: now)
        }
    }

    /// How many results of a study a destination has stored, of all revisions.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func resultsStored(of study: String, at destination: String) throws -> Int {
        try database.read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT COUNT(DISTINCT revision || ' ' || kind || ' ' || object_index) FROM delivery
                    WHERE study = ? AND destination = ? AND state IN ('sent', 'confirmed')
                    """, arguments: [study, destination]) ?? 0
        }
    }
}
