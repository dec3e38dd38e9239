import DICOMCore

/// A presentation context that both sides agreed on.
package struct AcceptedPresentationContext: Sendable, Equatable {
    /// The identifier on the wire.
    package let id: UInt8
    /// The SOP class.
    package let abstractSyntax: SOPClassUID
    /// The one transfer syntax of its data sets.
    package let transferSyntax: TransferSyntax
}

/// Why a presentation context is refused (PS3.8 table 9-18).
enum PresentationContextRefusal: UInt8, Sendable {
    /// The SOP class is not served, or not for this source.
    case abstractSyntaxNotSupported = 3
    /// None of the transfer syntaxes is accepted.
    case transferSyntaxesNotSupported = 4
}

/// What the acceptor answers to one proposed context.
enum PresentationContextDecision: Equatable, Sendable {
    /// Accepted; `provider` is the place of its service among the providers.
    case accept(AcceptedPresentationContext, provider: Int)
    /// Refused.
    case refuse(id: UInt8, PresentationContextRefusal)

    /// Decides one context: the first provider that knows the SOP class serves it, in the transfer syntax that the
    /// provider prefers among the proposed ones.
    init(_ proposed: AssociateRequestPDU.Context, providers: [any ServiceProvider], terms: AssociationTerms) {
        guard let abstractSyntax = SOPClassUID(proposed.abstractSyntax) else {
            self = .refuse(id: proposed.id, .abstractSyntaxNotSupported)
            return
        }
        for (index, provider) in providers.enumerated() {
            guard let supported = provider.transferSyntaxes(for: abstractSyntax, terms: terms) else { continue }
            let offered = Set(proposed.transferSyntaxes.compactMap { UID($0)?.value })
            guard let chosen = supported.first(where: { offered.contains($0.uid) }) else {
                self = .refuse(id: proposed.id, .transferSyntaxesNotSupported)
                return
            }
            let accepted = AcceptedPresentationContext(
                id: proposed.id, abstractSyntax: abstractSyntax, transferSyntax: chosen)
            self = .accept(accepted, provider: index)
            return
        }
        self = .refuse(id: proposed.id, .abstractSyntaxNotSupported)
    }
}
