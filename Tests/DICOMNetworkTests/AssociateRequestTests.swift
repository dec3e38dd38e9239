import DICOMCore
import Testing

@testable import DICOMNetwork

@Suite struct AssociateRequestTests {
    @Test func aRequestIsReadAsItWasMeant() throws {
        let request = try AssociateRequestPDU(parsing: AssociateRequestBytes().encoded)
        #expect(request.calledAETitle == AETitle("OVERREAD") && request.callingAETitle == AETitle("PEER"))
        #expect(request.applicationContextName == "1.2.840.10008.3.1.1.1" && request.protocolVersion == 1)
        #expect(request.contexts.map(\.id) == [1, 3])
        #expect(request.contexts[1].abstractSyntax == TestInstance.ctImageStorage)
        #expect(request.contexts[1].transferSyntaxes == ["1.2.840.10008.1.2.1"])
    }

    @Test func aTitleThatIsNoneIsNil() throws {
        var bytes = AssociateRequestBytes()
        bytes.calling = "A\\B"
        bytes.called = ""
        let request = try AssociateRequestPDU(parsing: bytes.encoded)
        #expect(request.callingAETitle == nil && request.calledAETitle == nil)
    }

    @Test func everyTruncationIsRefused() throws {
        let whole = AssociateRequestBytes().encoded
        let ends = (0..<whole.count).filter { (try? AssociateRequestPDU(parsing: Array(whole[..<$0]))) != nil }
        // A cut between two items leaves a request that is whole in itself: after the second context, before the user
        // information; and after the first one.
        let userInformation = whole.count - 12
        #expect(ends.allSatisfy { $0 <= userInformation } && ends.count == 2 && ends.last == userInformation)
    }

    @Test func everySingleWrongByteIsReadOrRefusedButNeverTraps() {
        let whole = AssociateRequestBytes().encoded
        var refused = 0
        for index in whole.indices {
            for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
                var bytes = whole
                bytes[index] = value
                if (try? AssociateRequestPDU(parsing: bytes)) == nil { refused += 1 }
            }
        }
        #expect(refused > 100)
    }

    @Test func contextsMustBeFewOddAndDifferent() {
        func error(_ change: (inout AssociateRequestBytes) -> Void) -> AssociateRequestError? {
            var bytes = AssociateRequestBytes()
            change(&bytes)
            do {
                _ = try AssociateRequestPDU(parsing: bytes.encoded)
                return nil
            } catch { return error }
        }
        #expect(error { $0.contexts[1].id = 1 } == .badContextID)
        #expect(error { $0.contexts[1].id = 2 } == .badContextID)
        #expect(error { $0.contexts = [] } == .badPresentationContexts)
        #expect(error { $0.contexts[0].transfer = [] } == .badPresentationContexts)
        #expect(error { $0.contexts[0].transfer = Array(repeating: "1.2", count: 51) } == .badPresentationContexts)
        #expect(error { $0.contexts[0].abstract = String(repeating: "1", count: 65) } == .badLength)
        #expect(
            error { $0.contexts = (0..<129).map { (UInt8(truncatingIfNeeded: 2 * $0 + 1), "1.2", ["1.2"]) } } != nil)
        #expect(error { $0.userInformation = [0x51, 0, 0, 3, 0, 0, 0] } == .badLength)
        #expect(error { $0.userInformation = [0x54, 0, 0, 4, 0, 9, 0x31, 0] } == .badLength)
        #expect(error { $0.userInformation = [0x58, 0, 0, 6, 1, 0, 0, 1, 0x41, 0] } == .badLength)
        #expect(error { $0.userInformation = [0x58, 0, 0, 7, 1, 0, 0, 1, 0x41, 0, 0] } == nil)
        #expect(error { $0.userInformation = [0x54, 0, 0, 7, 0, 3, 0x31, 0x2E, 0x32, 1, 0] } == nil)
    }

    @Test func theAccumulatorWantsNoByteBeyondTheRequest() {
        var accumulator = AssociateRequestAccumulator(maximumLength: 1000)
        func append(_ bytes: [UInt8]) -> AssociateRequestAccumulator.Progress {
            bytes.withUnsafeBytes { accumulator.append($0) }
        }
        #expect(accumulator.wanted == 6)
        #expect(append([1, 0, 0]) == .incomplete && accumulator.wanted == 3)
        #expect(append([0, 0, 2]) == .incomplete && accumulator.wanted == 2)
        #expect(append([9]) == .incomplete && accumulator.wanted == 1)
        #expect(append([9]) == .complete && accumulator.wanted == 0)
    }

    @Test(arguments: [
        ([0x47], AssociateRequestAccumulator.Progress.notARequest), ([4, 0, 0], .notARequest),
        ([1, 0, 0xFF, 0xFF, 0xFF, 0xFF], .tooLong), ([1, 0, 0, 0, 3, 0xE3], .tooLong),
        ([1, 0, 0, 0, 3, 0xE2], .incomplete),
    ])
    func whatIsNoRequestIsKnownAtOnce(bytes: [UInt8], progress: AssociateRequestAccumulator.Progress) {
        var accumulator = AssociateRequestAccumulator(maximumLength: 1000)
        #expect(bytes.withUnsafeBytes { accumulator.append($0) } == progress)
    }
}
