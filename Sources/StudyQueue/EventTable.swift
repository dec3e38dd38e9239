import Foundation
import GRDB

/// The `event` table: rows written in the transaction that changes the state, read by the log and by the command line.
enum EventTable {
    /// Writes one event.
    static func insert(
        _ kind: QueueEventKind, study: String?, source: String?, fields: [QueueEventField], in db: Database,
        at now: Date
    ) throws {
        let json = QueueLogFormat.object(fields.map { QueueEvent.Field(key: $0.key, value: $0.value) })
        try db.cachedStatement(sql: "INSERT INTO event (at, study, source, kind, fields) VALUES (?, ?, ?, ?, ?)")
            .execute(arguments: [now.milliseconds, study, source, kind.rawValue, json])
    }

    /// Reads an event back.
    static func event(_ row: Row) throws -> QueueEvent {
        guard let kind = QueueEventKind(rawValue: row["kind"]) else {
            throw StudyQueueError(.databaseDamaged, "event \(row["seq"] as Int64) has an unknown kind")
        }
        return QueueEvent(
            sequence: row["seq"], time: Date(milliseconds: row["at"]), study: row["study"], source: row["source"],
            kind: kind, fields: try fields(row["fields"], sequence: row["seq"]))
    }

    private static func fields(_ json: String, sequence: Int64) throws -> [QueueEvent.Field] {
        let values: [String: StoredValue]
        do {
            values = try JSONDecoder().decode([String: StoredValue].self, from: Data(json.utf8))
        } catch {
            throw StudyQueueError(.databaseDamaged, "the fields of event \(sequence) are malformed")
        }
        // A field of a later version, unknown here, comes last.
        let keys =
            QueueEventField.order.filter { values[$0] != nil }
            + values.keys.filter { !QueueEventField.order.contains($0) }.sorted()
        return keys.compactMap { key in values[key].map { QueueEvent.Field(key: key, value: $0.value) } }
    }

    /// A JSON number or string.
    private struct StoredValue: Decodable {
        let value: QueueEvent.Value

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int64.self) {
                value = .number(number)
            } else {
                value = .text(try container.decode(String.self))
            }
        }
    }
}

extension Date {
    /// Milliseconds since 1970, as stored. Times that no clock shows are held at the ends of the range.
    var milliseconds: Int64 {
        let value = (timeIntervalSince1970 * 1000).rounded()
        guard value.isFinite else { return value > 0 ? Date.lastMillisecond : 0 }
        return Int64(min(max(value, 0), Double(Date.lastMillisecond)))
    }

    /// A stored time.
    init(milliseconds: Int64) { self.init(timeIntervalSince1970: Double(milliseconds) / 1000) }

    /// The end of the year 9999, so that sums with any span of the queue do not overflow.
    private static let lastMillisecond: Int64 = 253_402_300_799_999
}

extension Duration {
    /// Whole milliseconds, rounded towards zero; spans of more than 10 000 years are held there.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let limit: Int64 = 315_360_000_000
        return min(max(seconds, -limit), limit) * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
