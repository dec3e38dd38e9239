import DCMTKBridge
import DICOMCore

/// A request as a service sees it.
package struct ServiceRequest {
    /// Over which presentation context it came.
    package let presentationContext: AcceptedPresentationContext
    /// The command set.
    package let command: CommandSet
    /// The association.
    package let association: AssociationContext
    /// In which a data set must make progress.
    package let timeout: Duration
}

/// What a service did.
package struct ServiceResult: Sendable {
    /// The status that was sent.
    package let status: DIMSEStatus
    /// Bytes of the data set that were received.
    package let dataSetBytes: Int64

    /// A result.
    package init(status: DIMSEStatus, dataSetBytes: Int64 = 0) {
        self.status = status
        self.dataSetBytes = dataSetBytes
    }
}

/// A service in the role of SCP (PS3.4): which SOP classes it serves, and how.
package protocol ServiceProvider: Sendable {
    /// The transfer syntaxes that are accepted for a SOP class, preferred first; nil when this service does not serve it,
    /// at all or for this source.
    func transferSyntaxes(for abstractSyntax: SOPClassUID, terms: AssociationTerms) -> [TransferSyntax]?

    /// Whether it knows what to do with a command.
    func serves(_ field: CommandField) -> Bool

    /// Does what was asked, the data set (if the command announces one) and the response included, on the association's
    /// thread.
    func serve(
        _ request: ServiceRequest, on connection: borrowing AssociationConnection
    ) throws(AssociationError) -> ServiceResult
}
