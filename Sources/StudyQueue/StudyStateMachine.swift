/// What happens to a study.
package enum StudyEvent: Hashable, Sendable {
    /// An instance of the study was committed and is held.
    case instanceHeld
    /// The study is complete.
    case completed(CompletionEvidence)
    /// A worker took the analysis.
    case analysisLeased
    /// The worker finished. False when policy says that no result is due.
    case analysisFinished(hasDeliveries: Bool)
    /// The worker failed; it may be tried again.
    case analysisFailed
    /// The worker failed for the last time.
    case analysisAbandoned(ReasonCode)
    /// The worker's lease ended before it finished: expired, given back, or of a process that is gone.
    case leaseEnded
    /// A worker took a delivery to one destination.
    case deliveryLeased
    /// Every delivery was settled and none failed.
    case deliveryFinished
    /// Every delivery was settled and at least one failed for good.
    case deliveryAbandoned(ReasonCode)
    /// An instance that is held names another patient, and policy says to wait for a decision.
    case identityDoubted
    /// An instance that is held names another patient, and policy says that it is right.
    case identityCorrected
    /// Park it.
    case park(ReasonCode)
    /// Try again, now.
    case retry
    /// Go on, without waiting for more evidence.
    case release
}

/// What the store does about an event, in the given order, in the transaction that changes the state.
package enum StudyAction: Hashable, Sendable {
    /// Take back every lease of the study.
    case revokeLeases
    /// Nothing more of this revision is sent; what was sent stays known.
    case supersede(revision: Int)
    /// Begin this revision.
    case open(revision: Int)
    /// Forget failed attempts and their waiting time.
    case resetAttempts
    /// Count one attempt.
    case countAttempt
    /// Failed and waiting deliveries are due now, with a fresh count.
    case requeueDeliveries
    /// Write this event row.
    case log(QueueEventKind)
}

/// The life of one study as a value: an event in, the next state and the store's actions out. It knows no clock, no
/// database and no peer.
///
/// Late images: an image that comes before analysis began joins the revision; one that comes later opens the next
/// revision, and what is unfinished of the old one is superseded. Every instance held is in the new revision, so
/// nothing is lost by dropping work on the old one.
package struct StudyStateMachine: Hashable, Sendable {
    /// The state now.
    package private(set) var state: StudyState
    /// The revision now, from 1.
    package private(set) var revision: Int

    /// A machine in a given state; a new study is receiving, revision 1.
    package init(state: StudyState = .receiving, revision: Int = 1) {
        self.state = state
        self.revision = revision
    }

    /// Takes an event. Throws `illegalTransition`, and changes nothing, when the state does not allow it.
    package mutating func handle(_ event: StudyEvent) throws(StudyQueueError) -> [StudyAction] {
        switch event {
        case .instanceHeld: return holdInstance()
        case .identityDoubted, .identityCorrected: return try judgeIdentity(event)
        case .park(let reason): return try park(reason)
        case .retry: return try retry()
        case .release: return try release()
        default: return try advance(event)
        }
    }

    /// The straight way, and its failures.
    private mutating func advance(_ event: StudyEvent) throws(StudyQueueError) -> [StudyAction] {
        switch (state, event) {
        case (.receiving, .completed):
            state = .complete
            return [.resetAttempts, .log(.studyComplete)]
        case (.complete, .analysisLeased):
            state = .analysing
            return [.countAttempt, .log(.analysisStarted)]
        case (.analysing, .analysisFinished(hasDeliveries: true)):
            state = .analysed
            return [.resetAttempts, .log(.analysisFinished)]
        case (.analysing, .analysisFinished(hasDeliveries: false)):
            state = .delivered
            return [.resetAttempts, .log(.noResult)]
        case (.analysing, .analysisFailed):
            state = .complete
            return [.log(.analysisFailed)]
        case (.analysing, .leaseEnded):
            state = .complete
            return [.log(.leaseLost)]
        case (.analysing, .analysisAbandoned(let reason)):
            state = .parked(Parking(reason: reason, cause: .analysis, resume: .complete))
            return [.revokeLeases, .log(.studyParked)]
        case (.analysed, .deliveryLeased):
            state = .delivering
            return [.log(.deliveryStarted)]
        case (.delivering, .deliveryLeased), (.delivering, .leaseEnded):
            return []
        // Also from analysed: a worker whose lease was lost meanwhile may report the last object as stored.
        case (.analysed, .deliveryFinished), (.delivering, .deliveryFinished):
            state = .delivered
            return [.revokeLeases, .log(.studyDelivered)]
        case (.analysed, .deliveryAbandoned(let reason)), (.delivering, .deliveryAbandoned(let reason)):
            state = .parked(Parking(reason: reason, cause: .delivery, resume: .analysed))
            return [.revokeLeases, .log(.studyParked)]
        default:
            throw StudyQueueError(.illegalTransition, "\(event.name) while \(state.kind)")
        }
    }

    private mutating func holdInstance() -> [StudyAction] {
        switch state {
        case .receiving:
            return []
        case .complete:
            // No work on this revision has a result yet, so it is still the same revision.
            state = .receiving
            return [.resetAttempts, .log(.studyReopened)]
        case .analysing, .analysed, .delivering, .delivered:
            state = .receiving
            return openNextRevision() + [.log(.studyReopened)]
        case .parked(let parking) where parking.cause == .delivery:
            state = .receiving
            return openNextRevision() + [.log(.studyReopened)]
        case .parked(let parking):
            state = .parked(Parking(reason: parking.reason, cause: parking.cause, resume: .receiving))
            switch parking.resume {
            case .receiving, .complete: return [.log(.lateInstance)]
            case .analysed, .delivered: return openNextRevision() + [.log(.lateInstance)]
            }
        }
    }

    /// Comes after ``StudyEvent/instanceHeld``: the study receives, or is parked until it may.
    private mutating func judgeIdentity(_ event: StudyEvent) throws(StudyQueueError) -> [StudyAction] {
        switch (state, event) {
        case (.receiving, .identityDoubted), (.parked, .identityDoubted):
            state = .parked(Parking(reason: .identityCorrection, cause: .identity, resume: .receiving))
            return [.revokeLeases, .log(.studyParked)]
        case (.parked(let parking), .identityCorrected) where parking.cause == .identity:
            return resume(at: parking.resume)
        case (.receiving, .identityCorrected), (.parked, .identityCorrected):
            return []
        default:
            throw StudyQueueError(.illegalTransition, "\(event.name) while \(state.kind)")
        }
    }

    private mutating func openNextRevision() -> [StudyAction] {
        let old = revision
        revision += 1
        return [.revokeLeases, .supersede(revision: old), .open(revision: revision), .resetAttempts]
    }

    /// A study that has failed may be parked too: then late images do not start it again.
    private mutating func park(_ reason: ReasonCode) throws(StudyQueueError) -> [StudyAction] {
        let resume: Parking.ResumePoint
        switch state {
        case .receiving: resume = .receiving
        case .complete, .analysing: resume = .complete
        case .analysed, .delivering: resume = .analysed
        case .delivered: resume = .delivered
        case .parked(let parking):
            switch parking.cause {
            case .byOperator: return []
            case .analysis, .delivery: resume = parking.resume
            case .identity: throw StudyQueueError(.illegalTransition, "park while its patient is in doubt")
            }
        }
        state = .parked(Parking(reason: reason, cause: .byOperator, resume: resume))
        return [.revokeLeases, .log(.studyParked)]
    }

    /// Nothing where nothing waits: the command may be given twice.
    private mutating func retry() throws(StudyQueueError) -> [StudyAction] {
        switch state {
        // It would be filed under the patient that it is doubted to be of, or fail for that.
        case .parked(let parking) where parking.cause == .identity:
            throw StudyQueueError(.illegalTransition, "retry while its patient is in doubt")
        case .parked(let parking): return resume(at: parking.resume)
        case .complete: return [.resetAttempts, .log(.studyRetried)]
        case .analysed, .delivering: return [.requeueDeliveries, .log(.studyRetried)]
        case .analysing, .delivered: return []
        case .receiving: throw StudyQueueError(.illegalTransition, "retry while receiving")
        }
    }

    /// Nothing where nothing is kept back: the command may be given twice.
    private mutating func release() throws(StudyQueueError) -> [StudyAction] {
        switch state {
        case .receiving:
            state = .complete
            return [.resetAttempts, .log(.studyComplete)]
        case .parked(let parking) where parking.cause == .byOperator: return resume(at: parking.resume)
        case .parked: throw StudyQueueError(.illegalTransition, "release while parked, and not by an operator")
        case .complete, .analysing, .analysed, .delivering, .delivered: return []
        }
    }

    private mutating func resume(at point: Parking.ResumePoint) -> [StudyAction] {
        switch point {
        case .receiving: state = .receiving
        case .complete: state = .complete
        case .analysed: state = .analysed
        case .delivered: state = .delivered
        }
        let requeue: [StudyAction] = point == .analysed ? [.requeueDeliveries] : []
        return [.resetAttempts] + requeue + [.log(.studyResumed)]
    }
}

extension StudyEvent {
    /// The event's word in an error.
    var name: String {
        switch self {
        case .instanceHeld: "instance-held"
        case .completed: "completed"
        case .analysisLeased: "analysis-leased"
        case .analysisFinished: "analysis-finished"
        case .analysisFailed: "analysis-failed"
        case .analysisAbandoned: "analysis-abandoned"
        case .leaseEnded: "lease-ended"
        case .deliveryLeased: "delivery-leased"
        case .deliveryFinished: "delivery-finished"
        case .deliveryAbandoned: "delivery-abandoned"
        case .identityDoubted: "identity-doubted"
        case .identityCorrected: "identity-corrected"
        case .park: "park"
        case .retry: "retry"
        case .release: "release"
        }
    }
}
