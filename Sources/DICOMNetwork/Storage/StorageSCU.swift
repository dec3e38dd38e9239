import DCMTKBridge
import DICOMCore

/// What a Storage SCU wants to send: a SOP class in one transfer syntax.
package struct StorageProposal: Sendable, Hashable {
    /// The SOP class.
    package let sopClass: SOPClassUID
    /// Of the data set as it will be sent.
    package let transferSyntax: TransferSyntax

    /// A proposal.
    package init(sopClass: SOPClassUID, transferSyntax: TransferSyntax) {
        self.sopClass = sopClass
        self.transferSyntax = transferSyntax
    }
}

/// An association to store objects at a peer (PS3.4 annex B, SCU). Goes with ``release()``, or else with ``abort()``.
///
/// One owner, one thread at a time; all that it does blocks.
package struct StorageSCU: ~Copyable {
    private let association: RequestedAssociation
    private let options: AssociationOptions
    private let contexts: [StorageProposal: UInt8]
    private var messageID: UInt16 = 0

    /// Opens the association with one presentation context for each proposal, at most 128.
    ///
    /// - Throws: ``AssociationError/unreachable``, `rejected`, `timeout`, `aborted`. Contexts that the peer does not
    ///   accept are no error here: ask ``accepts(_:)``.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package init(
        _ peer: RemoteApplicationEntity, proposing proposals: [StorageProposal],
        options: AssociationOptions = AssociationOptions()
    ) throws(AssociationError) {
        let association = try peer.associate(
            proposing: proposals.map {
                PresentationContextProposal(
                    abstractSyntax: $0.sopClass.uid.value, transferSyntaxes: [$0.transferSyntax.uid])
            }, options: options)
        let answered: [PresentationContext]
        do { answered = try association.connection.presentationContexts() } catch { throw AssociationError(error) }
        var contexts: [StorageProposal: UInt8] = [:]
        for (proposal, context) in zip(proposals, answered) where contexts[proposal] == nil {
            if case .accepted(let transferSyntax) = context.outcome, transferSyntax == proposal.transferSyntax.uid {
                contexts[proposal] = context.id
            }
        }
        self.association = association
        self.options = options
        self.contexts = contexts
    }

    /// Whether the peer takes objects of this kind.
    package func accepts(_ proposal: StorageProposal) -> Bool { contexts[proposal] != nil }

    /// The first of the transfer syntaxes in which the peer takes objects of a SOP class; nil if it takes none.
    package func acceptedTransferSyntax(
        for sopClass: SOPClassUID, among transferSyntaxes: [TransferSyntax]
    ) -> TransferSyntax? {
        transferSyntaxes.first { accepts(StorageProposal(sopClass: sopClass, transferSyntax: $0)) }
    }

    /// Sends one object and waits for the response; blocks.
    ///
    /// - Parameters:
    ///   - kind: its SOP class, and the transfer syntax in which `dataSet` is encoded.
    ///   - dataSet: without preamble and file meta information.
    /// - Returns: the peer's status, whatever it is.
    /// - Throws: ``AssociationError/contextNotAccepted`` leaves the association as it was; after other errors it is of no
    ///   use any more.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package mutating func store(
        _ kind: StorageProposal, sopInstance: SOPInstanceUID, dataSet: UnsafeRawBufferPointer,
        priority: CStoreRequest.Priority = .medium
    ) throws(AssociationError) -> DIMSEStatus {
        guard let contextID = contexts[kind] else { throw .contextNotAccepted }
        messageID = messageID == .max ? 1 : messageID + 1
        var request = CommandSet()
        request.set(.affectedSOPClassUID, kind.sopClass.uid)
        request.set(.commandField, CommandField.cStoreRequest.rawValue)
        request.set(.messageID, messageID)
        request.set(.priority, priority.rawValue)
        request.set(.commandDataSetType, 0)
        request.set(.affectedSOPInstanceUID, sopInstance.uid)
        try association.connection.send(request, contextID: contextID)
        do {
            try association.connection.send(.dataSet, contextID: contextID, bytes: dataSet)
        } catch {
            throw AssociationError(error)
        }
        return try association.connection.receiveResponse(to: request, timeout: options.dimseTimeout)
    }

    /// Sends one object that is held as an array.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package mutating func store(
        _ kind: StorageProposal, sopInstance: SOPInstanceUID, dataSet: [UInt8],
        priority: CStoreRequest.Priority = .medium
    ) throws(AssociationError) -> DIMSEStatus {
        try dataSet.withUnsafeBufferPointer { buffer throws(AssociationError) in
            try store(kind, sopInstance: sopInstance, dataSet: UnsafeRawBufferPointer(buffer), priority: priority)
        }
    }

    /// The right to break the association off from another thread.
    package func interrupter() throws(AssociationError) -> AssociationInterrupter {
        do { return try association.connection.interrupter() } catch { throw AssociationError(error) }
    }

    /// Releases the association. How the peer takes it does not matter for what was stored.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package consuming func release() { try? association.release() }

    /// Aborts the association.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package consuming func abort() { association.connection.abort() }
}
