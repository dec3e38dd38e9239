import Foundation
import GRDB

/// The time that retention counts in. It follows the machine's clock, and never faster than ten times the time that passes
/// while the node runs, and never backwards: a clock that jumps ahead by years deletes nothing that the administrator has
/// not had days to prevent, and one that jumps back deletes nothing at all. After a long stop of the node it takes a tenth
/// of the stop to come up; what is delivered meanwhile counts from the machine's time.
package struct RetentionClock: Hashable, Sendable {
    /// The time now.
    package private(set) var now: Date
    /// How far the machine's clock is ahead; less than 0 when it was set back, and then this one stands.
    package private(set) var lag: TimeInterval = 0

    /// How many times faster than time it may go.
    static let rate = 10.0
    /// From this lag on somebody should look at the machine's clock.
    private static let suspicion: TimeInterval = 86_400

    /// A clock that stands at `now`.
    package init(at now: Date) { self.now = now }

    /// Whether the machine's clock is so far off that it may be wrong, or was.
    package var isSuspicious: Bool { abs(lag) > Self.suspicion }

    /// From when on a study counts that is delivered now: never from a time that has passed by one of the clocks.
    var beginning: Date { now + max(0, lag) }

    /// So much time has passed, by a clock that nobody sets; the machine's clock shows `wall`.
    package mutating func advance(to wall: Date, elapsed: Duration) {
        let step = min(wall.timeIntervalSince(now), Self.rate * (elapsed / .seconds(1)))
        if step > 0 { now += step }
        lag = wall.timeIntervalSince(now)
    }
}

extension StudyQueue {
    /// The clock as the last process left it; one that shows `wall` when there was none.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func retentionClock(or wall: Date) throws -> RetentionClock {
        let stored = try database.read { db in try Int64.fetchOne(db, sql: "SELECT clock FROM retention_clock") }
        return RetentionClock(at: stored.map(Date.init(milliseconds:)) ?? wall)
    }

    /// Stores the clock, and begins to count for the studies that were delivered since the last call; anew for those that
    /// were delivered while the machine's clock was ahead of what it is now.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func keep(from clock: RetentionClock) throws {
        try database.write { db in
            try db.execute(
                sql: "INSERT OR REPLACE INTO retention_clock (one, clock) VALUES (1, ?)",
                arguments: [clock.now.milliseconds])
            try db.execute(
                sql: "UPDATE study SET kept_from = ? WHERE state = 'delivered' AND kept_from IS NULL",
                arguments: [clock.beginning.milliseconds])
            let due = [
                ("study_files_due", "files_retired = 0"), ("study_memory_due", "files_retired = 1 AND forgotten = 0"),
                ("study_identity_due", "identity_erased_at IS NULL"),
            ]
            for (index, isDue) in due {
                try db.execute(
                    sql: """
                        UPDATE study INDEXED BY \(index) SET kept_from = ?1
                        WHERE state = 'delivered' AND \(isDue) AND kept_from > ?1
                        """, arguments: [clock.beginning.milliseconds])
            }
        }
    }
}
