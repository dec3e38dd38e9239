import CDCMTKShims

/// A presentation context as proposed by the requestor, and what came of it (PS3.8 7.1.1.13 and 7.1.1.14).
package struct PresentationContext: Sendable, Equatable {
    /// What the acceptor said.
    package enum Outcome: Sendable, Equatable {
        /// Not yet, or never answered by the peer.
        case open
        /// Accepted with one transfer syntax.
        case accepted(transferSyntax: String)
        /// Refused, with the number of PS3.8 table 9-18.
        case refused(UInt8)
    }

    /// An odd number.
    package let id: UInt8
    /// The SOP class, as text: what a peer proposes need not be a UID.
    package let abstractSyntax: String
    /// In the proposer's order.
    package let transferSyntaxes: [String]
    /// What came of it.
    package let outcome: Outcome

    init(_ seen: cdcmtk_presentation_context) {
        self.id = seen.id
        self.abstractSyntax = String(cString: seen.abstract_syntax)
        let syntaxes = UnsafeBufferPointer(start: seen.transfer_syntaxes, count: seen.transfer_syntax_count)
        self.transferSyntaxes = syntaxes.compactMap { $0.map { String(cString: $0) } }
        self.outcome =
            switch seen.result {
            case 0: .accepted(transferSyntax: String(cString: seen.accepted_transfer_syntax))
            case 255: .open
            default: .refused(seen.result)
            }
    }
}

/// A presentation context to propose. Its identifier follows from its place in the list: 1, 3, 5 and so on.
package struct PresentationContextProposal: Sendable, Hashable {
    /// The SOP class.
    package let abstractSyntax: String
    /// Preferred first; at least one.
    package let transferSyntaxes: [String]
    /// Whether we want to be SCP, and ask for it by SCP/SCU Role Selection (PS3.7 D.3.3.4): who opens an association is
    /// SCU otherwise.
    package let isProvider: Bool

    /// A proposal.
    package init(abstractSyntax: String, transferSyntaxes: [String], isProvider: Bool = false) {
        self.abstractSyntax = abstractSyntax
        self.transferSyntaxes = transferSyntaxes
        self.isProvider = isProvider
    }
}

/// The storage SOP classes that this DCMTK knows.
package func storageSOPClasses() throws(DCMTKError) -> [String] {
    var classes: [String] = []
    try withUnsafeMutablePointer(to: &classes) { target throws(DCMTKError) in
        try calling { error in
            cdcmtk_storage_sop_classes(
                { context, uid in
                    guard let context, let uid else { return 1 }
                    context.assumingMemoryBound(to: [String].self).pointee.append(String(cString: uid))
                    return 0
                }, target, error)
        }
    }
    return classes
}
