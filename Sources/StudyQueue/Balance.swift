import Foundation
import GRDB

/// The books of the queue: every committed instance is in the journal, in the study store and, while it is held, in the
/// spool; and each is in exactly one end state (DESIGN.md, promise 1).
package struct Balance: Hashable, Sendable, Codable {
    /// Something that does not add up.
    package struct Finding: Hashable, Sendable, Codable, CustomStringConvertible {
        /// What kind.
        package enum Kind: String, CaseIterable, Codable, Sendable {
            /// The journal has a line, the store has no instance.
            case instanceMissing = "instance-missing"
            /// The store has an instance, or the numbering a place, and the journal no line.
            case journalLineMissing = "journal-line-missing"
            /// A journal line is not what was written.
            case journalLineAltered = "journal-line-altered"
            /// The store and the journal differ about an instance.
            case instanceAltered = "instance-altered"
            /// The instance is held and the spool has no file.
            case fileMissing = "file-missing"
            /// The instance is held and its file has another size.
            case fileSizeDiffers = "file-size-differs"
            /// The instance is held, and the disk does not say whether its file is there.
            case fileUnreadable = "file-unreadable"
            /// The instance is held for a study that the store has not.
            case studyMissing = "study-missing"
            /// The store has not the revision that the instance is of, or the present one.
            case revisionMissing = "revision-missing"
            /// Results of the instance's study are due, and the instance's analysis is gone.
            case analysisMissing = "analysis-missing"
            /// The instance's identity is not erased, and not there.
            case identityMissing = "identity-missing"
            /// The study has fewer deliveries than were planned.
            case deliveryMissing = "delivery-missing"
            /// The study is in a state that nothing will move on.
            case studyStuck = "study-stuck"
            /// The instance's file is gone by a line of the ledger of retention that is not there.
            case disposalMissing = "disposal-missing"
            /// A line of the ledger of retention is not what was written, or not what is gone.
            case disposalAltered = "disposal-altered"
            /// The journal begins elsewhere than the ledger of retention says.
            case journalBaseAltered = "journal-base-altered"
            /// The numbering of the events has a gap.
            case eventMissing = "event-missing"
        }

        /// What kind.
        package let kind: Kind
        /// The instance, where it is known.
        package let instance: String?
        /// The journal line's number, where it is known.
        package let sequence: Int64?
        /// The study, where it is known.
        package let study: String?
        /// The event's number, where it is about one.
        package let event: Int64?
        /// The number of the line in the ledger of retention, where it is about one.
        package let disposal: Int64?

        /// A finding.
        init(
            _ kind: Kind, instance: String? = nil, sequence: Int64? = nil, study: String? = nil, event: Int64? = nil,
            disposal: Int64? = nil
        ) {
            self.kind = kind
            self.instance = instance
            self.sequence = sequence
            self.study = study
            self.event = event
            self.disposal = disposal
        }

        /// One line: the kind and what is known.
        package var description: String {
            var words = [kind.rawValue]
            if let instance { words.append("instance=\(instance)") }
            if let sequence { words.append("journal=\(sequence)") }
            if let study { words.append("study=\(study)") }
            if let event { words.append("event=\(event)") }
            if let disposal { words.append("disposal=\(disposal)") }
            return words.joined(separator: " ")
        }
    }

    /// Lines in the journal that retention has not retired.
    package internal(set) var journalLines = 0
    /// Instances in the store.
    package internal(set) var instances = 0
    /// Held instances whose study is on its way.
    package internal(set) var waiting = 0
    /// Held instances whose study's results are delivered.
    package internal(set) var delivered = 0
    /// Of all held ones, those whose file retention has taken.
    package internal(set) var retired = 0
    /// Instances of delivered studies that the store knows no more, by retention.
    package internal(set) var forgotten = 0
    /// Held instances of parked studies, by reason code.
    package internal(set) var parked: [String: Int] = [:]
    /// Instances that ended without a result, by policy.
    package internal(set) var discarded: [String: Int] = [:]
    /// Instances that came again, unchanged, as far as the events go back.
    package internal(set) var duplicates = 0
    /// Results of ours that came back, as far as the events go back.
    package internal(set) var ownResults = 0
    /// Objects that were refused, as far as the events go back. Nothing of them was committed.
    package internal(set) var refused = 0
    /// Files of the spool that belong to no held instance: being received, or left by a crash. Not a loss.
    package internal(set) var unclaimedFiles = 0
    /// Files of zeros that were made ahead, for instances to come.
    package internal(set) var spareFiles = 0
    /// Everything that does not add up, the first 1000; empty when the books balance.
    package private(set) var findings: [Finding] = []
    /// Findings beyond those.
    package private(set) var findingsLeftOut = 0

    /// Whether the books balance.
    package var isBalanced: Bool { findings.isEmpty }

    private static let findingsLimit = 1000
    private static let linesInAStep = 2000

    mutating func add(_ finding: Finding) {
        if findings.count < Self.findingsLimit { findings.append(finding) } else { findingsLeftOut += 1 }
    }

    /// Compares journal, store and spool, each with each. Blocks; reads the whole journal, some lines at a time. The node
    /// may be running: instances that are committed meanwhile are not taken for losses.
    ///
    /// - Throws: `spoolUnreadable` when the spool cannot be looked at, SQLite's errors.
    @available(*, noasync, message: "blocks: call it from a thread")
    package static func check(
        _ database: any DatabaseReader, spool: URL, isSealed: BalanceWalk.SealedIdentityCheck? = nil
    ) throws -> Balance {
        var balance = Balance()
        var walk = BalanceWalk(spool: spool, isSealed: isSealed)
        var isAtEnd = false
        while !isAtEnd {
            let step = try walk.step(database, lines: linesInAStep)
            balance.journalLines += step.lines
            for finding in step.findings { balance.add(finding) }
            isAtEnd = step.isAtEnd
        }
        try database.read { db in
            for finding in try BalanceQuery.openStudies(db) { balance.add(finding) }
            try balance.compareEvents(db)
            try balance.compareDisposals(db)
            try balance.countEndStates(db)
        }
        let folder = SpoolFolder(url: spool)
        try database.read { db in
            try folder.forEachFile { path in
                guard try BalanceQuery.claim(of: path, in: db) == nil else { return }
                if try BalanceQuery.isMadeAhead(path, in: folder, db) {
                    balance.spareFiles += 1
                } else {
                    balance.unclaimedFiles += 1
                }
            }
        }
        return balance
    }

    /// The part of ``check(_:spool:isSealed:)`` that is about events and the ledger of retention, for who goes over the journal
    /// in steps.
    @available(*, noasync, message: "blocks: call it from a thread")
    package static func checkLedgers(_ database: any DatabaseReader) throws -> [Finding] {
        var balance = Balance()
        try database.read { db in
            try balance.compareEvents(db)
            try balance.compareDisposals(db)
        }
        return balance.findings
    }

    /// The part of ``check(_:spool:isSealed:)`` that is about studies on their way, for who goes over the journal in steps.
    @available(*, noasync, message: "blocks: call it from a thread")
    package static func checkOpenStudies(_ database: any DatabaseReader) throws -> [Finding] {
        try database.read(BalanceQuery.openStudies)
    }
}
