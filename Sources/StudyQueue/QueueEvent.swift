import DICOMCore
import Foundation

/// The words of the queue log (docs/queue-log.md).
package enum QueueEventKind: String, CaseIterable, Codable, Sendable {
    /// First instance of a study.
    case studyOpened = "study-opened"
    /// An instance that is recorded already came again.
    case instanceDuplicate = "instance-duplicate"
    /// An instance was recorded and discarded by policy.
    case instanceDiscarded = "instance-discarded"
    /// An instance took the place of an older one.
    case instanceReplaced = "instance-replaced"
    /// An instance came that names another patient than its study has.
    case identityCorrection = "identity-correction"
    /// Retention erased the identity of a delivered study.
    case identityErased = "identity-erased"
    /// An instance was not recorded.
    case instanceRefused = "instance-refused"
    /// An instance came for a parked study, which stays parked.
    case lateInstance = "late-instance"
    /// A result of ours came back.
    case ownResult = "own-result"
    /// Evidence showed the study complete.
    case studyComplete = "study-complete"
    /// An instance came after the study was complete.
    case studyReopened = "study-reopened"
    /// A worker took the analysis.
    case analysisStarted = "analysis-started"
    /// The analysis failed and will be tried again.
    case analysisFailed = "analysis-failed"
    /// The analysis is done and results are due.
    case analysisFinished = "analysis-finished"
    /// The analysis is done and policy says that no result is due.
    case noResult = "no-result"
    /// A worker's lease ended before its work.
    case leaseLost = "lease-lost"
    /// The first delivery of a revision began.
    case deliveryStarted = "delivery-started"
    /// A destination stored an object.
    case objectSent = "object-sent"
    /// A destination confirmed that it has an object.
    case objectConfirmed = "object-confirmed"
    /// A destination did not store, or not confirm, an object.
    case objectFailed = "object-failed"
    /// Every result of the revision is at its destination.
    case studyDelivered = "study-delivered"
    /// The study was parked.
    case studyParked = "study-parked"
    /// A parked study goes on.
    case studyResumed = "study-resumed"
    /// Waiting time was cut short by an operator.
    case studyRetried = "study-retried"
    /// A source, or all of them, are only received from now on.
    case holdBegun = "hold-begun"
    /// What was held goes on.
    case holdLifted = "hold-lifted"
    /// A source has asked for storage commitment.
    case commitmentRequested = "commitment-requested"
    /// What it asked for cannot be told yet, or could not be told.
    case commitmentDelayed = "commitment-delayed"
    /// It was told what an archive confirms, and what not.
    case commitmentReported = "commitment-reported"
    /// It is not told any more.
    case commitmentAbandoned = "commitment-abandoned"
    /// The quiet time was over before everything had come that a source had listed.
    case listIncomplete = "list-incomplete"
    /// AETitles.conf was read again and is in force.
    case reloaded
    /// AETitles.conf was read again and has errors: the one before stays in force.
    case reloadRefused = "reload-refused"
    /// Files that belong to no instance were removed at start.
    case filesRemoved = "files-removed"
    /// Retention took the files of a delivered study.
    case pixelsRetired = "pixels-retired"
    /// Retention took lines from the journal's beginning.
    case journalRetired = "journal-retired"
    /// Retention took the oldest events.
    case eventsRetired = "events-retired"
    /// Retention took the rows by which a delivered study's instances were known.
    case studyForgotten = "study-forgotten"
    /// Something is wrong that an administrator should know of.
    case alertBegun = "alert-begun"
    /// It is not wrong any more.
    case alertEnded = "alert-ended"
}

/// A kind of work that is leased.
package enum LeaseWork: String, CaseIterable, Codable, Sendable {
    /// Of a study.
    case analysis
    /// Of a study's results to one destination.
    case delivery
}

/// A kind of object that goes back to a destination.
package enum ResultKind: String, CaseIterable, Codable, Sendable {
    /// Structured Report.
    case structuredReport = "sr"
    /// Secondary Capture.
    case secondaryCapture = "sc"
}

/// One field of an event. The cases are all there is: none takes text that came from a peer.
enum QueueEventField: Hashable, Sendable {
    case state(StudyState.Kind)
    case revision(Int)
    case instance(String)
    case instances(Int)
    case evidence(CompletionEvidence)
    case policy(DiscardPolicy)
    case correction(IdentityCorrectionPolicy)
    case refusal(ReceiptOutcome.Refusal)
    case refused(ReasonCode)
    case reason(ReasonCode)
    case work(LeaseWork)
    case attempt(Int)
    case retryIn(seconds: Int)
    case destination(String)
    case object(ResultKind)
    case index(Int)
    case status(DIMSEStatus)
    case objects(Int)
    case files(Int)
    case bytes(Int64)
    case lines(Int)
    case alert(AlertKind)
    case finding(Balance.Finding.Kind)
    case request(String)
    case archive(String)
    case confirmed(Int)
    case unconfirmed(Int)
    case missing(Int)
    case hold(HoldOrigin)
    case sources(Int)
    case destinations(Int)
    case errors(Int)
    case by(OperatorID)
    case note(OperatorNote)

    var key: String {
        switch self {
        case .state: "state"
        case .revision: "revision"
        case .instance: "instance"
        case .instances: "instances"
        case .evidence: "evidence"
        case .policy, .correction: "policy"
        case .refusal, .refused: "refusal"
        case .reason: "reason"
        case .work: "work"
        case .attempt: "attempt"
        case .retryIn: "retry-in"
        case .destination: "destination"
        case .object: "object"
        case .index: "index"
        case .status: "status"
        case .objects: "objects"
        case .files: "files"
        case .bytes: "bytes"
        case .lines: "lines"
        case .alert: "alert"
        case .finding: "finding"
        case .request: "request"
        case .archive: "archive"
        case .confirmed: "confirmed"
        case .unconfirmed: "unconfirmed"
        case .missing: "missing"
        case .hold: "hold"
        case .sources: "sources"
        case .destinations: "destinations"
        case .errors: "errors"
        case .by: "by"
        case .note: "note"
        }
    }

    var value: QueueEvent.Value {
        switch self {
        case .state(let kind): .text(kind.rawValue)
        case .revision(let number), .instances(let number), .attempt(let number), .retryIn(let number),
            .index(let number), .objects(let number), .files(let number), .lines(let number), .confirmed(let number),
            .unconfirmed(let number), .missing(let number), .sources(let number), .destinations(let number),
            .errors(let number):
            .number(Int64(number))
        case .bytes(let number): .number(number)
        case .instance(let id), .request(let id): .text(id)
        case .evidence(let evidence): .text(evidence.rawValue)
        case .policy(let policy): .text(policy.rawValue)
        case .correction(let policy): .text("identity-correction=\(policy.rawValue)")
        case .refusal(let refusal): .text(refusal.rawValue)
        case .reason(let reason), .refused(let reason): .text(reason.rawValue)
        case .work(let work): .text(work.rawValue)
        case .destination(let name), .archive(let name): .text(name)
        case .object(let kind): .text(kind.rawValue)
        case .status(let status): .text(status.description)
        case .alert(let kind): .text(kind.rawValue)
        case .finding(let kind): .text(kind.rawValue)
        case .hold(let origin): .text(origin.rawValue)
        case .by(let person): .number(Int64(person.uid))
        case .note(let note): .text(note.text)
        }
    }

    /// Every key, in the order of a log line.
    static let order = [
        "alert", "finding", "request", "archive", "state", "revision", "instance", "instances", "evidence", "policy",
        "refusal", "reason", "work", "attempt", "retry-in", "destination", "object", "index", "status", "objects",
        "files",
        "bytes", "lines", "confirmed", "unconfirmed", "missing",
        "hold", "sources", "destinations", "errors", "by", "note",
    ]
}

/// One event as read from the database.
package struct QueueEvent: Hashable, Sendable {
    /// A field's value.
    package enum Value: Hashable, Sendable {
        /// A word, a code, an opaque identifier or a configured name.
        case text(String)
        /// A count, a number or seconds.
        case number(Int64)
    }

    /// A field: its key is in docs/queue-log.md.
    package struct Field: Hashable, Sendable {
        /// The key.
        package let key: String
        /// The value.
        package let value: Value
    }

    /// From 1, without a gap, in the order of commits.
    package let sequence: Int64
    /// When, to the millisecond.
    package let time: Date
    /// The opaque study identifier, where there is one.
    package let study: String?
    /// The source's section in AETitles.conf, where there is one.
    package let source: String?
    /// What happened.
    package let kind: QueueEventKind
    /// The fields, in the order of a log line.
    package let fields: [Field]

    /// The value of a field, as text.
    package subscript(key: String) -> String? {
        switch fields.first(where: { $0.key == key })?.value {
        case .text(let text): text
        case .number(let number): String(number)
        case nil: nil
        }
    }
}
