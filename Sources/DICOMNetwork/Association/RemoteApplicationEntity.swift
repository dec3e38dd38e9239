import DCMTKBridge
import DICOMCore

/// A peer that we call, and as whom.
package struct RemoteApplicationEntity: Sendable, Hashable {
    /// An IPv4 address, or a name that has one.
    package let host: String
    /// Its DICOM port.
    package let port: UInt16
    /// The peer's AE title.
    package let calledAETitle: AETitle
    /// Our own.
    package let callingAETitle: AETitle

    /// A peer.
    package init(host: String, port: UInt16, calledAETitle: AETitle, callingAETitle: AETitle) {
        self.host = host
        self.port = port
        self.calledAETitle = calledAETitle
        self.callingAETitle = callingAETitle
    }

    /// Opens an association; blocks.
    @available(*, noasync, message: "blocks: use a thread of its own")
    func associate(
        proposing proposals: [PresentationContextProposal], options: AssociationOptions
    ) throws(AssociationError) -> RequestedAssociation {
        do {
            return try RequestedAssociation(
                host: host, port: port, calling: callingAETitle.value, called: calledAETitle.value,
                proposals: proposals, options: options)
        } catch {
            throw AssociationError(error)
        }
    }
}
