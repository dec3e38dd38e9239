/// Where a study is on its way (DESIGN.md, "The way of a study").
package enum StudyState: Hashable, Sendable {
    /// Images come in; the study waits for evidence that it is complete.
    case receiving
    /// Complete, waiting for a lease of analysis.
    case complete
    /// A worker holds a lease of analysis.
    case analysing
    /// Analysed, no delivery begun.
    case analysed
    /// At least one delivery was begun. Between attempts no lease need be held.
    case delivering
    /// Every result that is due is at its destination, or policy says that none is due.
    case delivered
    /// Stopped, with a reason that the ledger tells.
    case parked(Parking)

    /// The state without its payload: the word in tables, listings and the log.
    package enum Kind: String, CaseIterable, Codable, Sendable {
        /// See ``StudyState/receiving``.
        case receiving
        /// See ``StudyState/complete``.
        case complete
        /// See ``StudyState/analysing``.
        case analysing
        /// See ``StudyState/analysed``.
        case analysed
        /// See ``StudyState/delivering``.
        case delivering
        /// See ``StudyState/delivered``.
        case delivered
        /// See ``StudyState/parked(_:)``.
        case parked
    }

    /// The state without its payload.
    package var kind: Kind {
        switch self {
        case .receiving: .receiving
        case .complete: .complete
        case .analysing: .analysing
        case .analysed: .analysed
        case .delivering: .delivering
        case .delivered: .delivered
        case .parked: .parked
        }
    }
}

/// Why a study is parked and where it goes on.
package struct Parking: Hashable, Sendable {
    /// Who stopped it.
    package enum Cause: String, CaseIterable, Codable, Sendable {
        /// A person: late images do not start it again.
        case byOperator = "operator"
        /// Its analysis failed too often: late images do not start it again, since they may well fail (or crash) again.
        case analysis
        /// Its delivery failed for good: late images start it again, as a new revision.
        case delivery
        /// It came with two patients: only an image whose source's policy accepts the correction starts it again.
        case identity
    }

    /// The state that `retry` and `release` go back to.
    package enum ResumePoint: String, CaseIterable, Codable, Sendable {
        /// Wait for completeness again.
        case receiving
        /// Analyse.
        case complete
        /// Deliver what was analysed.
        case analysed
        /// Nothing is left to do.
        case delivered
    }

    /// The reason code.
    package let reason: ReasonCode
    /// Who stopped it.
    package let cause: Cause
    /// Where it goes on.
    package let resume: ResumePoint

    /// A parking.
    package init(reason: ReasonCode, cause: Cause, resume: ResumePoint) {
        self.reason = reason
        self.cause = cause
        self.resume = resume
    }
}

/// What showed that a study is complete.
package enum CompletionEvidence: String, CaseIterable, Codable, Sendable {
    /// No image for the source's quiet time.
    case quiet
    /// The association was released, where the source is configured so.
    case release
    /// The scanner's list for storage commitment.
    case commitmentList = "commitment-list"
    /// The scanner's performed procedure step.
    case mpps
    /// The count that the PACS gave.
    case count
    /// A person said so.
    case byOperator = "operator"
}
