import DCMTKBridge
import DICOMCore

/// Why an instance is not committed: Failure Reason (0008,1197), PS3.3 C.14.1.1.
package enum CommitmentFailure: UInt16, Sendable, CaseIterable {
    /// It could not be found out.
    case processingFailure = 0x0110
    /// There is none.
    case noSuchObjectInstance = 0x0112
    /// It is there, and of another SOP class.
    case classInstanceConflict = 0x0119
}

/// What is told by N-EVENT-REPORT about a request for storage commitment (PS3.4 table J.3-2).
package struct StorageCommitmentReport: Hashable, Sendable {
    /// An instance that is not committed.
    package struct Failed: Hashable, Sendable {
        /// The instance.
        package let reference: SOPReference
        /// Why.
        package let reason: CommitmentFailure

        /// A failure.
        package init(_ reference: SOPReference, _ reason: CommitmentFailure) {
            self.reference = reference
            self.reason = reason
        }
    }

    /// As asked.
    package let transactionUID: UID
    /// Who has those that are committed: Retrieve AE Title (0008,0054).
    package let keeper: AETitle
    /// Those that are committed.
    package let committed: [SOPReference]
    /// Those that are not.
    package let failed: [Failed]

    /// A report.
    package init(transactionUID: UID, keeper: AETitle, committed: [SOPReference], failed: [Failed]) {
        self.transactionUID = transactionUID
        self.keeper = keeper
        self.committed = committed
        self.failed = failed
    }

    /// (0000,1002): 1 when all are committed, 2 when failures exist.
    var eventTypeID: UInt16 { failed.isEmpty ? 1 : 2 }

    /// Opens an association to the one who asked, in the role of SCP, reports, releases; blocks.
    ///
    /// Role selection is asked for (PS3.7 D.3.3.4). A peer that accepts the context and says nothing of roles is reported to
    /// all the same: it expects nothing else on this context.
    ///
    /// - Returns: the status of the response.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package func send(
        to peer: RemoteApplicationEntity, options: AssociationOptions = AssociationOptions()
    ) throws(AssociationError) -> DIMSEStatus {
        let proposal = PresentationContextProposal(
            abstractSyntax: SOPClassUID.storageCommitmentPushModel,
            transferSyntaxes: [TransferSyntax.explicitVRLittleEndian.uid, TransferSyntax.implicitVRLittleEndian.uid],
            isProvider: true)
        let association = try peer.associate(proposing: [proposal], options: options)
        let status: DIMSEStatus
        do throws(AssociationError) {
            status = try send(on: association.connection, options: options)
        } catch {
            association.connection.abort()
            throw error
        }
        try? association.release()  // the answer is there: how the peer takes its leave does not matter
        return status
    }

    private func send(
        on connection: borrowing AssociationConnection, options: AssociationOptions
    ) throws(AssociationError) -> DIMSEStatus {
        let contexts: [PresentationContext]
        do { contexts = try connection.presentationContexts() } catch { throw AssociationError(error) }
        guard let context = contexts.first, case .accepted(let uid) = context.outcome else { throw .contextNotAccepted }
        let transferSyntax: TransferSyntax =
            uid == TransferSyntax.implicitVRLittleEndian.uid ? .implicitVRLittleEndian : .explicitVRLittleEndian
        let request = command(messageID: 1)
        try connection.send(request, contextID: context.id)
        do {
            try connection.send(.dataSet, contextID: context.id, bytes: try encoded(as: transferSyntax))
        } catch {
            throw AssociationError(error)
        }
        return try connection.receiveResponse(to: request, timeout: options.dimseTimeout)
    }

    /// N-EVENT-REPORT-RQ (PS3.7 10.3.1).
    private func command(messageID: UInt16) -> CommandSet {
        var command = CommandSet()
        if let uid = UID(SOPClassUID.storageCommitmentPushModel) { command.set(.affectedSOPClassUID, uid) }
        if let uid = UID(SOPInstanceUID.storageCommitmentPushModel) { command.set(.affectedSOPInstanceUID, uid) }
        command.set(.commandField, CommandField.nEventReportRequest.rawValue)
        command.set(.messageID, messageID)
        command.set(.commandDataSetType, 0)
        command.set(.eventTypeID, eventTypeID)
        return command
    }

    /// The Event Information.
    func encoded(as transferSyntax: TransferSyntax) throws(DCMTKError) -> [UInt8] {
        let dataSet = try DataSet()
        try dataSet.set(.transactionUID, transactionUID.value)
        if !committed.isEmpty { try dataSet.set(.retrieveAETitle, keeper.value) }
        for reference in committed { try dataSet.append(try Self.item(reference), to: .referencedSOPSequence) }
        for failure in failed {
            let item = try Self.item(failure.reference)
            try item.set(.failureReason, numbers: [Double(failure.reason.rawValue)])
            try dataSet.append(item, to: .failedSOPSequence)
        }
        return try dataSet.encoded(as: transferSyntax)
    }

    private static func item(_ reference: SOPReference) throws(DCMTKError) -> DataSet {
        let item = try DataSet()
        try item.set(.referencedSOPClassUID, reference.sopClass.uid.value)
        try item.set(.referencedSOPInstanceUID, reference.sopInstance.uid.value)
        return item
    }
}

extension AssociationConnection {
    @available(*, noasync, message: "blocks: use a thread of its own")
    fileprivate func send(_ part: MessagePart, contextID: UInt8, bytes: [UInt8]) throws(DCMTKError) {
        try bytes.withUnsafeBufferPointer { buffer throws(DCMTKError) in
            try send(part, contextID: contextID, bytes: UnsafeRawBufferPointer(buffer))
        }
    }
}
