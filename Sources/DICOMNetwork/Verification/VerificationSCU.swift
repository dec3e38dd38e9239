import DCMTKBridge
import DICOMCore

/// The Verification service (PS3.4 annex A) in the role of SCU.
package enum VerificationSCU {
    /// Opens an association, sends C-ECHO, releases; blocks.
    ///
    /// - Returns: the status of the response; 0000 is what there should be.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package static func echo(
        _ peer: RemoteApplicationEntity, options: AssociationOptions = AssociationOptions()
    ) throws(AssociationError) -> DIMSEStatus {
        let proposal = PresentationContextProposal(
            abstractSyntax: SOPClassUID.verification, transferSyntaxes: [TransferSyntax.implicitVRLittleEndian.uid])
        let association = try peer.associate(proposing: [proposal], options: options)
        let status: DIMSEStatus
        do throws(AssociationError) {
            status = try echo(on: association.connection, options: options)
        } catch {
            association.connection.abort()
            throw error
        }
        try? association.release()  // the answer is there: how the peer takes its leave does not matter
        return status
    }

    private static func echo(
        on connection: borrowing AssociationConnection, options: AssociationOptions
    ) throws(AssociationError) -> DIMSEStatus {
        let contexts: [PresentationContext]
        do { contexts = try connection.presentationContexts() } catch { throw AssociationError(error) }
        guard let context = contexts.first, case .accepted = context.outcome else { throw .contextNotAccepted }
        var request = CommandSet()
        if let uid = UID(SOPClassUID.verification) { request.set(.affectedSOPClassUID, uid) }
        request.set(.commandField, CommandField.cEchoRequest.rawValue)
        request.set(.messageID, 1)
        request.set(.commandDataSetType, CommandSet.noDataSet)
        try connection.send(request, contextID: context.id)
        return try connection.receiveResponse(to: request, timeout: options.dimseTimeout)
    }
}
