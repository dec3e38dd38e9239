import Testing

@testable import DCMTKBridge

/// What the bridge adds to the C ABI; associations themselves are tested in DICOMNetworkTests and in Tests/ShimTests.
@Suite struct AssociationBridgeTests {
    @Test func durationsBecomeWholeMillisecondsAndNeverTrap() {
        #expect(Duration.milliseconds(1500).milliseconds == 1500)
        #expect(Duration.microseconds(1).milliseconds == 1)
        #expect(Duration.zero.milliseconds == 0)
        #expect(Duration.seconds(-3).milliseconds == 0)
        #expect(Duration.seconds(Int64.max).milliseconds == .max)
    }

    @Test func theStorageClassesAreDCMTKs() throws {
        let classes = try storageSOPClasses()
        #expect(classes.count > 100 && Set(classes).count == classes.count)
        #expect(classes.contains("1.2.840.10008.5.1.4.1.1.2") && classes.contains("1.2.840.10008.5.1.4.1.1.88.34"))
    }

    @Test func aRequestSaysWhatIsWrongWithIt() throws {
        try DCMTKRuntime.initialize()
        func kind(_ proposals: [PresentationContextProposal], host: String = "127.0.0.1") -> DCMTKError.Kind? {
            do throws(AssociationRequestError) {
                // Port 9, discard: nobody listens there.
                _ = try RequestedAssociation(
                    host: host, port: 9, calling: "A", called: "B", proposals: proposals, options: AssociationOptions())
                return nil
            } catch {
                guard case .failed(let error) = error else { return nil }
                return error.kind
            }
        }
        let good = PresentationContextProposal(
            abstractSyntax: "1.2.840.10008.1.1", transferSyntaxes: ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
        let empty = PresentationContextProposal(abstractSyntax: "1.2.840.10008.1.1", transferSyntaxes: [])
        #expect(kind([good, good]) == .unreachable)
        #expect(kind([good], host: "no-such-host.invalid") == .unreachable)
        #expect(kind([]) == .invalidArgument)
        #expect(kind([good, empty]) == .invalidArgument)
        #expect(kind(Array(repeating: good, count: 129)) == .invalidArgument)
    }
}
