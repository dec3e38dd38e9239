import CDCMTKShims

/// Why there is no association.
package enum AssociationRequestError: Error, Equatable {
    /// A-ASSOCIATE-RJ with its three numbers (PS3.8 table 9-21).
    case rejected(result: UInt8, source: UInt8, reason: UInt8)
    /// Kind `unreachable`: no connection. `timeout`: no answer. `aborted`: the peer aborted or closed.
    case failed(DCMTKError)
}

/// The requestor's end of an association (PS3.8 7).
package struct RequestedAssociation: ~Copyable {
    /// Fragments go and come through this.
    package let connection: AssociationConnection

    /// Connects and asks for an association; blocks.
    ///
    /// - Parameters:
    ///   - host: an IPv4 address or a name that has one.
    ///   - proposals: 1 to 128.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package init(
        host: String, port: UInt16, calling callingTitle: String, called calledTitle: String,
        proposals: [PresentationContextProposal], options: AssociationOptions
    ) throws(AssociationRequestError) {
        var handle: OpaquePointer?
        var rejection = cdcmtk_rejection()
        do {
            try withUnsafeProposals(proposals) { contexts throws(DCMTKError) in
                try options.withUnsafeOptions { pointer throws(DCMTKError) in
                    try DCMTKBridge.calling { error in
                        cdcmtk_association_request(
                            host, port, callingTitle, calledTitle, contexts.baseAddress, contexts.count, pointer,
                            &rejection, &handle, error)
                    }
                }
            }
            self.connection = try AssociationConnection(owning: owned(handle))
        } catch {
            guard error.kind == .rejected else { throw .failed(error) }
            throw .rejected(result: rejection.result, source: rejection.source, reason: rejection.reason)
        }
    }

    /// Sends A-RELEASE-RQ and waits for the answer.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package consuming func release() throws(DCMTKError) {
        try calling { cdcmtk_association_release(connection.handle, $0) }
    }
}

/// The proposals as C has them, valid during the call. All strings lie in one buffer, one after the other.
private func withUnsafeProposals(
    _ proposals: [PresentationContextProposal],
    _ body: (UnsafeBufferPointer<cdcmtk_proposal>) throws(DCMTKError) -> Void
) throws(DCMTKError) {
    var characters: [CChar] = []
    var starts: [(abstract: Int, transfer: [Int], isProvider: Bool)] = []
    func add(_ text: String) -> Int {
        defer { characters.append(contentsOf: text.utf8CString) }
        return characters.count
    }
    for proposal in proposals {
        starts.append((add(proposal.abstractSyntax), proposal.transferSyntaxes.map(add), proposal.isProvider))
    }
    try characters.withUnsafeBufferPointer { buffer throws(DCMTKError) in
        let base = buffer.baseAddress
        let transfers = starts.flatMap { $0.transfer.map { start in base.map { $0 + start } } }
        try transfers.withUnsafeBufferPointer { list throws(DCMTKError) in
            var first = 0
            let contexts = starts.map { start in
                defer { first += start.transfer.count }
                return cdcmtk_proposal(
                    abstract_syntax: base.map { $0 + start.abstract },
                    transfer_syntaxes: list.baseAddress.map { $0 + first },
                    transfer_syntax_count: start.transfer.count, is_provider: start.isProvider ? 1 : 0)
            }
            try contexts.withUnsafeBufferPointer(body)
        }
    }
}
