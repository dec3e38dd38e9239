import DCMTKBridge
import DICOMCore

/// One association from the moment its A-ASSOCIATE-RQ has been read and approved, on a thread of its own.
struct AssociationSession: Sendable {
    let connection: PendingConnection
    let request: AssociateRequestPDU
    let terms: AssociationTerms
    let context: AssociationContext
    let providers: [any ServiceProvider]
    let configuration: ListenerConfiguration
    let observer: any AssociationObserver
    /// Hangs up when the node stops.
    let stopDescriptor: Int32

    /// Negotiates, serves until the end, and closes. Blocks; throws nothing: what happened is told to the observer.
    @available(*, noasync, message: "blocks: use a thread of its own")
    func run(whenTakenUp: (AssociationInterrupter) -> Void) {
        do {
            let association = try AcceptedAssociation(
                socket: connection.descriptor, tls: connection.tls, request: connection.accumulator.bytes,
                options: configuration.options)
            whenTakenUp(try association.connection.interrupter())
            serve(association)
        } catch {
            observer.observe(.dropped(context.peer, .failed))
        }
    }

    private func serve(_ association: consuming AcceptedAssociation) {
        var counts = AssociationCounts()
        let outcome: AssociationOutcome
        do throws(AssociationError) {
            let accepted = try establish(association)
            observer.observe(.opened(context, accepted: accepted.count, proposed: request.contexts.count))
            outcome = try messages(on: association.connection, accepted: accepted, counts: &counts)
        } catch {
            outcome = .failed(error)
        }
        switch outcome {
        case .released:
            // Whether the peer still takes the answer changes nothing: it has said that it is done.
            try? association.acknowledgeRelease()
        case .failed(.aborted), .failed(.connectionLost):
            break
        case .idle, .stopped, .failed:
            association.connection.abort()
        }
        observer.observe(.closed(context, outcome, counts))
    }

    private typealias Accepted = [UInt8: (
        presentationContext: AcceptedPresentationContext, provider: any ServiceProvider
    )]

    /// Answers the proposed contexts and sends A-ASSOCIATE-AC.
    private func establish(_ association: borrowing AcceptedAssociation) throws(AssociationError) -> Accepted {
        var accepted: Accepted = [:]
        do {
            for proposed in request.contexts {
                switch PresentationContextDecision(proposed, providers: providers, terms: terms) {
                case .accept(let context, let provider):
                    // The UID as the peer wrote it, which may be padded.
                    let wire = proposed.transferSyntaxes.first { UID($0)?.value == context.transferSyntax.uid }
                    try association.accept(
                        contextID: context.id, transferSyntax: wire ?? context.transferSyntax.uid)
                    accepted[context.id] = (context, providers[provider])
                case .refuse(let id, let refusal):
                    try association.refuse(contextID: id, reason: refusal.rawValue)
                }
            }
            try association.acknowledge()
        } catch {
            throw AssociationError(error)
        }
        return accepted
    }

    /// Serves one message after the other.
    private func messages(
        on connection: borrowing AssociationConnection, accepted: Accepted, counts: inout AssociationCounts
    ) throws(AssociationError) -> AssociationOutcome {
        while true {
            do {
                try connection.wait(wakeDescriptor: stopDescriptor, timeout: configuration.idleTimeout)
            } catch {
                switch error.kind {
                case .stopped: return .stopped
                case .timeout: return .idle
                default: throw AssociationError(error)
                }
            }
            let received: ReceivedCommand
            do throws(AssociationError) {
                received = try connection.receiveCommand(timeout: configuration.options.dimseTimeout)
            } catch .released {
                return .released
            }
            try answer(received, on: connection, accepted: accepted, counts: &counts)
        }
    }

    private func answer(
        _ received: ReceivedCommand, on connection: borrowing AssociationConnection, accepted: Accepted,
        counts: inout AssociationCounts
    ) throws(AssociationError) {
        guard let (presentationContext, provider) = accepted[received.contextID] else {
            throw .protocolViolation("a message on a presentation context that was not accepted")
        }
        guard let field = received.command.field, received.command.number(.messageID) != nil || field == .cCancelRequest
        else { throw .protocolViolation("a command without Command Field or Message ID") }
        if field.isResponse { throw .protocolViolation("a response without a request") }
        // It has no response, and nothing of ours takes long enough to be cancelled.
        if field == .cCancelRequest { return }
        let timeout = configuration.options.dimseTimeout
        let result: ServiceResult
        if provider.serves(field) {
            let request = ServiceRequest(
                presentationContext: presentationContext, command: received.command, association: context,
                timeout: timeout)
            result = try provider.serve(request, on: connection)
        } else {
            if received.command.hasDataSet { try connection.drainDataSet(timeout: timeout) }
            try connection.send(received.command.response(.unrecognizedOperation), contextID: received.contextID)
            result = ServiceResult(status: .unrecognizedOperation)
        }
        counts.add(field, result)
        observer.observe(.answered(context, field, result.status))
    }
}

extension AssociationCounts {
    mutating func add(_ field: CommandField, _ result: ServiceResult) {
        dataSetBytes += result.dataSetBytes
        switch field {
        case .cStoreRequest where result.status.isStored: stored += 1
        case .cStoreRequest: refused += 1
        case .cEchoRequest: echoes += 1
        default: break
        }
    }
}
