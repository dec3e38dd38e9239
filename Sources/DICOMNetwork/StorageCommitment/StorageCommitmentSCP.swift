import DCMTKBridge
import DICOMCore

/// Takes requests for storage commitment. Called on the association's thread; it may block.
package protocol StorageCommitmentReceiver: Sendable {
    /// A request has come. When this returns, it is durable: it is answered Success then.
    ///
    /// - Throws: why it is not taken.
    func receive(
        _ request: StorageCommitmentRequest, from association: AssociationContext
    ) throws(ActionRefusal)
}

/// The Storage Commitment Push Model (PS3.4 J.3) in the role of SCP, as far as N-ACTION: hands each request on. What comes of
/// it is told by a ``StorageCommitmentReport``.
package struct StorageCommitmentSCP: ServiceProvider {
    private let receiver: any StorageCommitmentReceiver

    /// - Parameter receiver: where the requests go.
    package init(receiver: any StorageCommitmentReceiver) { self.receiver = receiver }

    /// The uncompressed little-endian ones, for sources that may ask.
    package func transferSyntaxes(for abstractSyntax: SOPClassUID, terms: AssociationTerms) -> [TransferSyntax]? {
        guard abstractSyntax.uid.value == SOPClassUID.storageCommitmentPushModel, terms.acceptsCommitment else {
            return nil
        }
        return [.explicitVRLittleEndian, .implicitVRLittleEndian]
    }

    /// N-ACTION only.
    package func serves(_ field: CommandField) -> Bool { field == .nActionRequest }

    /// Reads the list, has it taken, and answers.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package func serve(
        _ request: ServiceRequest, on connection: borrowing AssociationConnection
    ) throws(AssociationError) -> ServiceResult {
        var outcome = ActionOutcome.success
        if let refusal = Self.check(request) {
            if request.command.hasDataSet { try connection.drainDataSet(timeout: request.timeout) }
            outcome = refusal.outcome
        } else {
            let transferSyntax = request.presentationContext.transferSyntax
            let received = try connection.receiveSmallDataSet(
                contextID: request.presentationContext.id, transferSyntax: transferSyntax,
                limits: StorageCommitmentRequest.limits, timeout: request.timeout)
            do throws(ActionRefusal) {
                let list = try StorageCommitmentRequest(
                    parsing: try Self.bytes(received), transferSyntax: transferSyntax)
                try receiver.receive(list, from: request.association)
            } catch {
                outcome = error.outcome
            }
        }
        var response = request.command.response(outcome.status, comment: outcome.comment)
        if let action = request.command.number(.actionTypeID) { response.set(.actionTypeID, action) }
        try connection.send(response, contextID: request.presentationContext.id)
        return ServiceResult(status: outcome.status)
    }

    /// The command (PS3.7 10.1.4.1, PS3.4 J.3.2.1).
    private static func check(_ request: ServiceRequest) -> ActionRefusal? {
        let command = request.command
        guard command.text(.requestedSOPClassUID) == SOPClassUID.storageCommitmentPushModel else {
            return .noSuchSOPClass
        }
        guard command.text(.requestedSOPInstanceUID) == SOPInstanceUID.storageCommitmentPushModel else {
            return .noSuchSOPInstance
        }
        guard command.number(.actionTypeID) == 1 else { return .noSuchAction }
        return command.hasDataSet ? nil : .noDataSet
    }

    private static func bytes(_ received: Result<[UInt8], any Error>) throws(ActionRefusal) -> [UInt8] {
        do { return try received.get() } catch {
            switch (error as? PreParseError)?.reason {
            case .headerTooLarge, .tooManyElements: throw .tooManyReferences
            default: throw .notParsed
            }
        }
    }
}
