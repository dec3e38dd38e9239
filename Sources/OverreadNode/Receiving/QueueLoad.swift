import DICOMNetwork
import Foundation
import Synchronization

/// How many studies wait, against `max-waiting`. Set by the queue's clock, read by every association.
final class QueueLoad: Sendable {
    private let full = Atomic(false)
    private let halfFull = Atomic(false)

    /// No study at all is taken.
    var isFull: Bool { full.load(ordering: .relaxed) }
    /// No backlog is taken, so that a migration of thousands of studies leaves room for those of today.
    var isHalfFull: Bool { halfFull.load(ordering: .relaxed) }

    func set(waiting: Int, maximum: Int) {
        full.store(waiting >= maximum, ordering: .relaxed)
        halfFull.store(2 * waiting >= maximum, ordering: .relaxed)
    }
}

extension SourceSettings {
    /// Whether a study is older than `max-age`. One without a Study Date is of today: nothing says that it is not.
    func isBacklog(studyDate: String, at now: Date) -> Bool {
        guard let maximumAge, let date = Self.date(studyDate) else { return false }
        return now.timeIntervalSince(date) > TimeInterval(maximumAge.components.seconds)
    }

    /// A DA value (PS3.5 6.2), the end of its day in UTC.
    private static func date(_ text: String) -> Date? {
        let digits = Array(text.utf8)
        guard digits.count == 8, let number = Int(text), number > 0 else { return nil }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let day = DateComponents(year: number / 10_000, month: number / 100 % 100, day: number % 100)
        guard day.isValidDate(in: calendar) else { return nil }
        return calendar.date(from: day)?.addingTimeInterval(86_400)
    }

    /// Where a study is in the order of the queue; backlog after everything.
    func queueOrder(isBacklog: Bool) -> Int {
        if isBacklog { return -1 }
        return switch priority {
        case .low: 0
        case .medium: 1
        case .high: 2
        }
    }
}
