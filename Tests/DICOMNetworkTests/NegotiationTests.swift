import DCMTKBridge
import DICOMCore
import Testing

@testable import DICOMNetwork

@Suite struct NegotiationTests {
    private struct Row: CustomTestStringConvertible {
        let abstract: String
        let proposed: [TransferSyntax?]
        let accepted: TransferSyntax?
        var refusal: PresentationContextRefusal?
        var testDescription: String { "\(abstract) \(proposed.map { $0?.uid ?? "?" })" }
    }

    private static let unknown: TransferSyntax? = nil

    private static let rows: [Row] = [
        Row(
            abstract: SOPClassUID.verification, proposed: [.explicitVRLittleEndian, .implicitVRLittleEndian],
            accepted: .implicitVRLittleEndian),
        Row(
            abstract: SOPClassUID.verification, proposed: [.jpegBaseline], accepted: nil,
            refusal: .transferSyntaxesNotSupported),
        // Uncompressed and explicit first, whatever the peer's order is.
        Row(
            abstract: TestInstance.ctImageStorage,
            proposed: [.jpeg2000, .implicitVRLittleEndian, .explicitVRLittleEndian], accepted: .explicitVRLittleEndian),
        Row(
            abstract: TestInstance.ctImageStorage, proposed: [.explicitVRBigEndian, .implicitVRLittleEndian],
            accepted: .implicitVRLittleEndian),
        Row(abstract: TestInstance.ctImageStorage, proposed: [.jpegLosslessSV1], accepted: .jpegLosslessSV1),
        Row(abstract: TestInstance.ctImageStorage, proposed: [unknown, .rleLossless], accepted: .rleLossless),
        Row(
            abstract: TestInstance.ctImageStorage, proposed: [unknown], accepted: nil,
            refusal: .transferSyntaxesNotSupported),
        Row(
            abstract: TestInstance.comprehensive3DSR, proposed: [.explicitVRLittleEndian],
            accepted: .explicitVRLittleEndian),
        // This source's terms refuse presentation states; Modality Worklist is no storage; "1..2" is no UID.
        Row(
            abstract: TestInstance.greyscalePresentationState, proposed: [.explicitVRLittleEndian], accepted: nil,
            refusal: .abstractSyntaxNotSupported),
        Row(
            abstract: "1.2.840.10008.5.1.4.31", proposed: [.implicitVRLittleEndian], accepted: nil,
            refusal: .abstractSyntaxNotSupported),
        Row(abstract: "1..2", proposed: [.implicitVRLittleEndian], accepted: nil, refusal: .abstractSyntaxNotSupported),
    ]

    @Test(arguments: rows.indices)
    func eachContextIsDecidedByTheTable(index: Int) throws {
        let row = NegotiationTests.rows[index]
        let terms = AssociationTerms(sourceName: "CR_ROOM_1") {
            $0.uid.value != TestInstance.greyscalePresentationState
        }
        let context = AssociateRequestPDU.Context(
            id: 5, abstractSyntax: row.abstract,
            transferSyntaxes: row.proposed.map { $0?.uid ?? "1.2.840.10008.1.2.4.201" })
        let providers: [any ServiceProvider] = [VerificationSCP(), try StorageSCP(receiver: MemoryReceiver())]
        let decision = PresentationContextDecision(context, providers: providers, terms: terms)
        switch (row.accepted, row.refusal) {
        case (let accepted?, _):
            let abstract = try #require(SOPClassUID(row.abstract))
            #expect(
                decision
                    == .accept(
                        AcceptedPresentationContext(id: 5, abstractSyntax: abstract, transferSyntax: accepted),
                        provider: row.abstract == SOPClassUID.verification ? 0 : 1))
        case (nil, let refusal?):
            #expect(decision == .refuse(id: 5, refusal))
        case (nil, nil):
            Issue.record("a row without an answer")
        }
    }

    @Test func theLimitsCountInAllByHostAndBySource() throws {
        var limits = AssociationLimits()
        limits.total = 4
        limits.perHost = 2
        let active = ActiveAssociations(limits: limits)
        func enter(
            _ host: String, _ source: String, _ most: Int? = nil
        ) throws(RejectionCause) -> ActiveAssociations.Place {
            try active.enter(
                peer: PeerAddress(host: host, port: 1),
                terms: AssociationTerms(sourceName: source, maximumAssociations: most))
        }
        let first = try enter("10.0.0.1", "A")
        #expect(throws: RejectionCause.limitOfSource) { try enter("10.0.0.2", "A", 1) }
        _ = try enter("10.0.0.1", "B")
        #expect(throws: RejectionCause.limitOfHost) { try enter("10.0.0.1", "C") }
        // What a source is allowed, one host may have, whatever others call from there.
        _ = try enter("10.0.0.1", "C", 1)
        #expect(throws: RejectionCause.limitOfSource) { try enter("10.0.0.1", "C", 1) }
        _ = try enter("10.0.0.3", "D")
        #expect(throws: RejectionCause.limitOfNode) { try enter("10.0.0.4", "E") }
        active.leave(first)
        #expect(active.count == 3)
        _ = try enter("10.0.0.4", "E")
    }
}
