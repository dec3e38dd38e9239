import Foundation
import Glibc
import StudyQueue

/// Alerts to syslog(3), facility daemon: opaque identifiers and sections' names, no identity.
final class SystemLog: Sendable {
    /// The name in front of each message. A literal, because syslog(3) keeps the pointer.
    private static let name: StaticString = "overread"

    init() {
        // The bytes of a literal end with a zero, and stay as long as the process.
        Self.name.utf8Start.withMemoryRebound(to: CChar.self, capacity: Self.name.utf8CodeUnitCount + 1) {
            openlog($0, LOG_PID | LOG_NDELAY, LOG_DAEMON)
        }
    }

    /// Writes one message. Never waits for long, and never fails: who has no syslog has the queue log.
    func write(_ alert: Alert, isOver: Bool) {
        let priority =
            isOver ? LOG_NOTICE : alert.kind.severity == .critical ? LOG_CRIT : LOG_WARNING
        let text = isOver ? "over: \(alert.kind.rawValue) \(alert.subject)" : "\(alert)"
        text.withCString { text in withVaList([text]) { vsyslog(priority, "%s", $0) } }
    }
}
