import Foundation

/// Something that an administrator should know of now.
package enum AlertKind: String, CaseIterable, Codable, Sendable {
    /// The books do not balance: something that was answered with Success is not where it must be.
    case balanceBroken = "balance-broken"
    /// Senders are told A700: the disk has less room than `disk-reserve`.
    case diskLow = "disk-low"
    /// A key is missing, damaged or another one: identity cannot be sealed or no result be built.
    case keyMissing = "key-missing"
    /// No node runs on the data folder.
    case nodeStopped = "node-stopped"
    /// Studies wait for somebody.
    case studyParked = "study-parked"
    /// Results for a destination wait because it does not take them.
    case destinationDown = "destination-down"
    /// The queue log's files cannot be written; the events are in the database.
    case logUnwritable = "log-unwritable"
    /// The machine's clock runs ahead of the time that has passed: retention by time goes slowly until that is explained.
    case clockAhead = "clock-ahead"

    /// How bad it is.
    package var severity: AlertSeverity {
        switch self {
        case .balanceBroken, .diskLow, .keyMissing, .nodeStopped: .critical
        case .studyParked, .destinationDown, .logUnwritable, .clockAhead: .warning
        }
    }
}

/// How bad an alert is. The raw value is the exit status that monitoring systems know.
package enum AlertSeverity: Int, Codable, Sendable {
    /// Somebody should look at it.
    case warning = 1
    /// Somebody has to act.
    case critical = 2
}

/// One alert. It holds opaque identifiers and names of sections only.
package struct Alert: Hashable, Sendable, Codable, CustomStringConvertible {
    /// What.
    package var kind: AlertKind
    /// The section of AETitles.conf that it is about; empty where it is about none.
    package var subject: String
    /// How many: studies, objects, findings, bytes.
    package var count: Int
    /// The first thing that does not balance.
    package var finding: Balance.Finding?
    /// Since when, where that is known.
    package var since: Date?

    /// An alert.
    package init(
        _ kind: AlertKind, subject: String = "", count: Int = 1, finding: Balance.Finding? = nil, since: Date? = nil
    ) {
        self.kind = kind
        self.subject = subject
        self.count = count
        self.finding = finding
        self.since = since
    }

    /// One line: the word, what is known, and what to do.
    package var description: String {
        switch kind {
        case .balanceBroken:
            "balance-broken: \(finding.map { "\($0)" } ?? "\(count)"); overread queue balance names everything"
        case .diskLow:
            "disk-low: \(count / 1_000_000) MB free, less than disk-reserve; senders are told A700; make room"
        case .keyMissing: "key-missing: bring the keys folder back from its backup; overread doctor says which"
        case .nodeStopped: "node-stopped: nothing is received; start it with overread serve"
        case .studyParked: "study-parked: \(count) wait for somebody; overread queue list --state parked"
        case .destinationDown: "destination-down: \(subject), \(count) objects wait; overread echo \(subject)"
        case .logUnwritable: "log-unwritable: the queue log's folder cannot be written; events wait in the database"
        case .clockAhead: "clock-ahead: the clock went ahead by more than time did; set it right, or wait"
        }
    }
}
