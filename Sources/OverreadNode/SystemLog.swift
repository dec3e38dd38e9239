import Foundation
import Glibc
import StudyQueue

/// Alerts to syslog(3), facility daemon: opaque identifiers and sections' names, no identity.
final class SystemLog: Sendable {
    init() {
        // syslog(3) keeps the pointer.
        openlog(Self.name, LOG_PID | LOG_NDELAY, LOG_DAEMON)
    }

    /// The name in front of each message; the process has it as long as it runs.
    private static nonisolated(unsafe) let name = strdup("overread")

    /// Writes one message. Never waits for long, and never fails: who has no syslog has the queue log.
    func write(_ alert: Alert, isOver: Bool) {
        let priority =
            isOver ? LOG_NOTICE : alert.kind.severity == .critical ? LOG_CRIT : LOG_WARNING
        let text = isOver ? "over: \(alert.kind.rawValue) \(alert.subject)" : "\(alert)"
        text.withCString { text in withVaList([text]) { vsyslog(priority, "%s", $0) } }
    }
}
