import Synchronization

/// Lets one line of a kind through in an interval, and counts the others for the next line of that kind.
final class LogThrottle: Sendable {
    private struct Entry {
        var next: ContinuousClock.Instant
        var unsaid = 0
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let interval: Duration
    /// After so long without another of its kind, what was left out is not told any more when room is wanted.
    private static let memory = Duration.seconds(60)
    private let maximumKeys: Int

    /// - Parameter maximumKeys: beyond so many kinds the rest share one.
    init(interval: Duration, maximumKeys: Int) {
        self.interval = interval
        self.maximumKeys = maximumKeys
    }

    /// Nil when the line is to be left out; else how many of its kind were left out since the last one.
    func admit(_ kind: String, at now: ContinuousClock.Instant) -> Int? {
        entries.withLock { entries in
            if entries[kind] == nil, entries.count >= maximumKeys {
                entries = entries.filter { $0.value.next + ($0.value.unsaid > 0 ? Self.memory : .zero) > now }
            }
            let key = entries[kind] == nil && entries.count >= maximumKeys ? "" : kind
            guard let entry = entries[key], now < entry.next else {
                return entries.updateValue(Entry(next: now + interval), forKey: key)?.unsaid ?? 0
            }
            entries[key]?.unsaid += 1
            return nil
        }
    }
}
