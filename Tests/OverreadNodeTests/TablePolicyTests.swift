import DICOMCore
import DICOMNetwork
import Testing

@testable import OverreadNode

@Suite struct TablePolicyTests {
    private static func decide(_ line: String, calling: String = "CT", host: String = "10.0.0.1") throws
        -> AssociationDecision
    {
        let table = try AETitleTable(
            parsing: """
                [NODE]
                role = self
                [PACS]
                role = destination
                host = 10.0.0.9
                port = 104
                [CT]
                role = source
                host = 10.0.0.1
                results = PACS
                \(line)
                """, file: "AETitles.conf")
        return TablePolicy(table: AETitleDirectory(table)).decide(
            AssociationRequest(
                callingAETitle: AETitle(calling), calledAETitle: AETitle("NODE"),
                peer: PeerAddress(host: host, port: 1)))
    }

    @Test func aSourceGetsItsLimitAndItsTransferSyntaxes() throws {
        guard case .accept(let terms) = try Self.decide("max-associations = 3\ntransfer-syntaxes = rle-lossless") else {
            Issue.record("not accepted")
            return
        }
        #expect(terms.maximumAssociations == 3 && terms.sourceName == "CT")
        #expect(terms.transferSyntaxes.prefix(2) == [.rleLossless, .explicitVRLittleEndian])
    }

    @Test func theLogIsToldMoreThanThePeer() throws {
        for (decision, expected) in [
            (try Self.decide("", calling: "MR"), RejectionCause.unknownTitle),
            (try Self.decide("", host: "10.0.0.2"), .hostNotAllowed),
        ] {
            guard case .reject(let rejection, let cause) = decision else {
                Issue.record("not rejected")
                continue
            }
            #expect(rejection == .callingAETitleNotRecognized && cause == expected)
        }
    }
}
