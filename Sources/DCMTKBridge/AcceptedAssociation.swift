import CDCMTKShims

/// The acceptor's end of an association (PS3.8 7).
package struct AcceptedAssociation: ~Copyable {
    /// Fragments go and come through this.
    package let connection: AssociationConnection

    /// Takes up a connection whose whole A-ASSOCIATE-RQ has been read already. No port is opened and nothing is read.
    ///
    /// - Parameters:
    ///   - socket: belongs to the association in every case, also when this throws: it is closed.
    ///   - tls: the session of that socket, from which the request was read; nothing else may use it any more.
    ///   - request: the PDU with its header.
    /// - Throws: kind `failed` when DCMTK cannot make sense of the request. Nothing has been sent then.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package init(socket: Int32, tls: TLSSession? = nil, request: [UInt8], options: AssociationOptions)
        throws(DCMTKError)
    {
        var handle: OpaquePointer?
        try options.withUnsafeOptions { pointer throws(DCMTKError) in
            try calling { error in
                cdcmtk_association_accept(socket, tls?.handle, request, request.count, pointer, &handle, error)
            }
        }
        self.connection = try AssociationConnection(owning: owned(handle))
    }

    /// Accepts one proposed context with one of its transfer syntaxes.
    package func accept(contextID: UInt8, transferSyntax: String) throws(DCMTKError) {
        try calling { cdcmtk_association_accept_context(connection.handle, contextID, transferSyntax, $0) }
    }

    /// Refuses one proposed context, with 1 to 4 of PS3.8 table 9-18.
    package func refuse(contextID: UInt8, reason: UInt8) throws(DCMTKError) {
        try calling { cdcmtk_association_refuse_context(connection.handle, contextID, reason, $0) }
    }

    /// Sends A-ASSOCIATE-AC.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package func acknowledge() throws(DCMTKError) {
        try calling { cdcmtk_association_acknowledge(connection.handle, $0) }
    }

    /// Sends A-RELEASE-RP and waits a moment for the peer to close.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package consuming func acknowledgeRelease() throws(DCMTKError) {
        try calling { cdcmtk_association_acknowledge_release(connection.handle, $0) }
    }
}
