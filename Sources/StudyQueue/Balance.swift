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
            /// The study is in a state that nothing will move on.
            case studyStuck = "study-stuck"
        }

        /// What kind.
        package let kind: Kind
        /// The instance, where it is known.
        package let instance: String?
        /// The journal line's number, where it is known.
        package let sequence: Int64?
        /// The study, where it is known.
        package let study: String?

        /// A finding.
        init(_ kind: Kind, instance: String? = nil, sequence: Int64? = nil, study: String? = nil) {
            self.kind = kind
            self.instance = instance
            self.sequence = sequence
            self.study = study
        }

        /// One line: the kind and what is known.
        package var description: String {
            var words = [kind.rawValue]
            if let instance { words.append("instance=\(instance)") }
            if let sequence { words.append("journal=\(sequence)") }
            if let study { words.append("study=\(study)") }
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
    /// Held instances of parked studies, by reason code.
    package internal(set) var parked: [String: Int] = [:]
    /// Instances that ended without a result, by policy.
    package internal(set) var discarded: [String: Int] = [:]
    /// Files of the spool that belong to no held instance: being received, or left by a crash. Not a loss.
    package internal(set) var unclaimedFiles = 0
    /// Files of zeros that were made ahead, for instances to come.
    package internal(set) var spareFiles = 0
    /// Everything that does not add up; empty when the books balance.
    package internal(set) var findings: [Finding] = []

    /// Whether the books balance.
    package var isBalanced: Bool { findings.isEmpty }

    /// Compares journal, store and spool, each with each. Blocks; reads the whole journal. The node may be running:
    /// instances that are committed meanwhile are not taken for losses.
    ///
    /// - Throws: `spoolUnreadable` when the spool cannot be looked at, SQLite's errors.
    @available(*, noasync, message: "blocks: call it from a thread")
    package static func check(_ database: any DatabaseReader, spool: URL) throws -> Balance {
        var balance = Balance()
        let folder = SpoolFolder(url: spool)
        // The database first: an instance has its file before it is committed, so each that is seen has one.
        var suspects: [Finding] = []
        try database.read { db in
            try balance.compareJournal(db)
            try balance.compareInstances(db)
            try balance.countEndStates(db)
            try balance.findStuckStudies(db)
            suspects = try balance.compareFiles(db, folder)
        }
        // A second look at files: an instance may have been replaced, and its file removed, meanwhile.
        try database.read { db in
            for suspect in suspects where try BalanceQuery.isHeld(suspect.instance, in: db) {
                balance.findings.append(suspect)
            }
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
}
