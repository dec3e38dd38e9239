import DCMTKBridge
import DICOMCore

extension SOPClassUID {
    /// Verification (PS3.4 A.4).
    package static let verification = "1.2.840.10008.1.1"
}

/// The Verification service (PS3.4 annex A) in the role of SCP: answers C-ECHO with Success.
package struct VerificationSCP: ServiceProvider {
    /// There is nothing to set.
    package init() {}

    /// The uncompressed little-endian ones: a C-ECHO has no data set, so it does not matter.
    package func transferSyntaxes(for abstractSyntax: SOPClassUID, terms: AssociationTerms) -> [TransferSyntax]? {
        abstractSyntax.uid.value == SOPClassUID.verification ? [.implicitVRLittleEndian, .explicitVRLittleEndian] : nil
    }

    /// C-ECHO only.
    package func serves(_ field: CommandField) -> Bool { field == .cEchoRequest }

    /// Answers Success.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package func serve(
        _ request: ServiceRequest, on connection: borrowing AssociationConnection
    ) throws(AssociationError) -> ServiceResult {
        if request.command.hasDataSet { throw .protocolViolation("a C-ECHO-RQ with a data set") }
        try connection.send(request.command.response(.success), contextID: request.presentationContext.id)
        return ServiceResult(status: .success)
    }
}
