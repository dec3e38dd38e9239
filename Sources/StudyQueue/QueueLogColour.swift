import Foundation

/// Lines of the queue log for a terminal: what happened stands out, what went wrong more so.
package enum QueueLogColour {
    /// Whether output in colour was not declined: a terminal that can show it, and no `NO_COLOR` (no-color.org).
    package static func isWanted(isTerminal: Bool, environment: [String: String]) -> Bool {
        isTerminal && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }

    /// The human line of an event with its word in colour. Without the escape sequences it is the same line.
    package static func line(_ event: QueueEvent) -> String {
        let word = "event=\(event.kind.rawValue)"
        let line = QueueLogFormat.human.line(event)
        guard let range = line.range(of: word) else { return line }
        return line.replacingCharacters(in: range, with: "\u{1B}[\(code(event.kind))m\(word)\u{1B}[0m")
    }

    /// Red: somebody has to act. Yellow: it did not go as it should. Green: done. Else bold.
    private static func code(_ kind: QueueEventKind) -> String {
        switch kind {
        case .studyParked, .alertBegun: "31;1"
        case .instanceRefused, .analysisFailed, .objectFailed, .leaseLost, .identityCorrection, .holdBegun: "33"
        case .studyDelivered, .noResult, .alertEnded, .studyResumed: "32"
        default: "1"
        }
    }
}
