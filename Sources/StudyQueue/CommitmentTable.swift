import Foundation
import GRDB

/// The tables of requests for storage commitment. What they hold of a request is opaque: mapped UIDs. The original ones are
/// sealed elsewhere, under the request's identifier.
enum CommitmentTable {
    /// `key` is the mapped Transaction UID. `list` says what the request is worth as evidence: `open` while something of it
    /// is missing, then `whole` or, when the quiet time was over first, `incomplete`; references below `checked` have come.
    static let schema = """
        CREATE TABLE commitment (
          number INTEGER PRIMARY KEY AUTOINCREMENT,
          id TEXT NOT NULL UNIQUE,
          key TEXT NOT NULL,
          source TEXT NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('waiting', 'reported', 'abandoned')),
          received_at INTEGER NOT NULL,
          attempts INTEGER NOT NULL DEFAULT 0,
          next_attempt_at INTEGER NOT NULL,
          settled_at INTEGER,
          list TEXT NOT NULL CHECK (list IN ('open', 'whole', 'incomplete')),
          is_evidence INTEGER NOT NULL,
          quiet_at INTEGER NOT NULL,
          checked INTEGER NOT NULL DEFAULT 0,
          UNIQUE (source, key)
        ) STRICT;
        CREATE INDEX commitment_due ON commitment (next_attempt_at) WHERE state = 'waiting';
        CREATE INDEX commitment_open ON commitment (number) WHERE list = 'open';
        CREATE TABLE commitment_reference (
          commitment INTEGER NOT NULL REFERENCES commitment (number),
          position INTEGER NOT NULL,
          sop_instance_uid TEXT NOT NULL,
          PRIMARY KEY (commitment, position)
        ) STRICT, WITHOUT ROWID;
        """

    /// `failing_since` is when a report failed first. What is settled is retired by `settled_at`.
    static let second = """
        ALTER TABLE commitment ADD COLUMN failing_since INTEGER;
        CREATE INDEX commitment_settled ON commitment (settled_at) WHERE settled_at IS NOT NULL;
        CREATE INDEX commitment_source ON commitment (source) WHERE state = 'waiting';
        CREATE INDEX commitment_reference_uid ON commitment_reference (commitment, sop_instance_uid);
        """

    /// `c-` and ten characters, as ``StudyIdentifier``.
    static func identifier() -> String { "c-" + StudyIdentifier.random().dropFirst(2) }
}

/// A request for storage commitment on its way into the queue. All UIDs are mapped.
package struct CommitmentReceipt: Hashable, Sendable {
    /// Opaque identifier, made here.
    package let id: String
    /// The mapped Transaction UID.
    package let key: String
    /// The source's section.
    package let source: String
    /// The mapped SOP Instance UIDs, in the order of the request.
    package let references: [String]
    /// The source's quiet time.
    package let quiet: Duration
    /// Whether the list closes studies (`complete-on = commitment-list`).
    package let isEvidence: Bool

    /// A receipt.
    package init(key: String, source: String, references: [String], quiet: Duration, isEvidence: Bool) {
        self.id = CommitmentTable.identifier()
        self.key = key
        self.source = source
        self.references = references
        self.quiet = quiet
        self.isEvidence = isEvidence
    }
}

/// What became of a request that was recorded.
package enum CommitmentOutcome: Hashable, Sendable {
    /// It waits.
    case recorded
    /// The source has used the Transaction UID before.
    case duplicate
    /// As many of the source's requests wait as may.
    case tooMany
}

/// A request that is to be looked at now.
package struct DueCommitment: Hashable, Sendable {
    /// Its opaque identifier.
    package let id: String
    /// The source's section.
    package let source: String
    /// When it came.
    package let received: Date
    /// Which attempt this is, from 1.
    package let attempt: Int
    /// When its source could not be told first; nil while that has not happened.
    package let failingSince: Date?
    /// For each reference, in the order of the request, the held instance, if there is one.
    package let instances: [CommitmentInstance?]

    /// A source that cannot be told for so long asks again, or has forgotten.
    package static let patience: TimeInterval = 3 * 86_400

    /// Whether an attempt that fails now is the last one. Time alone gives nothing up, however far the clock goes: there was
    /// an attempt that failed so long ago, and one now.
    package func isLastFailure(at now: Date) -> Bool {
        failingSince.map { now.timeIntervalSince($0) > Self.patience } ?? false
    }
}

/// Why a request is put off, and what is put off with it: others that would only fail in the same way.
package enum CommitmentDelay: Hashable, Sendable {
    /// The archive lacks something. Nothing else.
    case archiveLacks
    /// The archive cannot be asked. Those of the source that came after this too: the others are to be reported as they are.
    case archiveFailed(receivedAfter: Date)
    /// The source cannot be told. All of the source.
    case sourceFailed
}

/// A held instance that a request refers to.
package struct CommitmentInstance: Hashable, Sendable {
    /// Opaque identifier.
    package let instanceID: String
    /// Its study's opaque identifier.
    package let study: String
    /// Mapped Series Instance UID.
    package let seriesUID: String
    /// Its SOP Class UID.
    package let sopClassUID: String
}
