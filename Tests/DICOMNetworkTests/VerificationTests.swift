import DCMTKBridge
import DICOMCore
import NodeTestSupport
import Testing

@testable import DICOMNetwork

@Suite struct VerificationTests {
    @Test(.enabled(if: PeerTool.available("echoscu")))
    func echoscuIsAnswered() async throws {
        let node = try TestNode()
        let result = try await node.peer("echoscu", ["-v"])
        #expect(result.succeeded && result.everything.contains("Received Echo Response (Success)"))
        try await eventually("the association is closed") { node.log.outcomes == [.released] }
        #expect(node.log.counts.first?.echoes == 1)
    }

    /// Each rejection as echoscu says it (PS3.8 table 9-21).
    @Test(
        .enabled(if: PeerTool.available("echoscu")),
        arguments: [
            (AssociationRejection.callingAETitleNotRecognized, "Rejected Permanent", "Calling AE Title Not Recognized"),
            (.calledAETitleNotRecognized, "Rejected Permanent", "Called AE Title Not Recognized"),
            (.noReasonGiven, "Rejected Permanent", "No Reason"),
            (.applicationContextNameNotSupported, "Rejected Permanent", "App Context Name Not Supported"),
            (.localLimitExceeded, "Rejected Transient", "Local Limit Exceeded"),
            (.temporaryCongestion, "Rejected Transient", "Temporary Congestion"),
        ])
    func aRejectionSaysWhy(rejection: AssociationRejection, result: String, reason: String) async throws {
        let node = try TestNode(policy: ClosurePolicy { _ in .reject(rejection) })
        let echo = try await node.peer("echoscu", ["-v"])
        #expect(!echo.succeeded)
        #expect(echo.everything.contains(result) && echo.everything.contains(reason), "\(echo.everything)")
        #expect(node.log.rejections == [rejection] && node.log.outcomes.isEmpty)
    }

    @Test(.enabled(if: PeerTool.available("echoscu")))
    func thePolicySeesTitlesAndAddress() async throws {
        let node = try TestNode(
            policy: ClosurePolicy { request in
                guard request.calledAETitle == AETitle("OVERREAD") else { return .reject(.calledAETitleNotRecognized) }
                guard request.callingAETitle == AETitle("CR_ROOM_1"), request.peer.host == "127.0.0.1" else {
                    return .reject(.callingAETitleNotRecognized)
                }
                return .accept(AssociationTerms(sourceName: "CR_ROOM_1"))
            })
        #expect(try await node.peer("echoscu", ["-aet", "CR_ROOM_1", "-aec", "OVERREAD"]).succeeded)
        let wrongCalled = try await node.peer("echoscu", ["-v", "-aet", "CR_ROOM_1", "-aec", "OTHER"])
        #expect(wrongCalled.everything.contains("Called AE Title Not Recognized"))
        let wrongCalling = try await node.peer("echoscu", ["-v", "-aet", "STRANGER", "-aec", "OVERREAD"])
        #expect(wrongCalling.everything.contains("Calling AE Title Not Recognized"))
    }

    @Test func ourOwnSCUIsAnsweredByOurSCP() async throws {
        let node = try TestNode()
        let peer = try entity(port: node.port)
        let status = try await onThread { try VerificationSCU.echo(peer) }
        #expect(status == .success)
        try await eventually("the association is closed") { node.log.outcomes == [.released] }
    }

    @Test(.enabled(if: PeerTool.available("storescp")))
    func ourSCUIsAnsweredByDCMTK() async throws {
        let port = try freePort()
        let folder = try TemporaryFolder()
        let scp = try ChildProcess(PeerTool.find("storescp"), ["-od", folder.path(""), "\(port)"])
        let peer = try entity(port: UInt16(port))
        try await eventually("storescp listens") {
            (try? await onThread { try VerificationSCU.echo(peer) }) == .success
        }
        try await scp.stop()
    }

    @Test func whyThereIsNoAssociationIsTold() async throws {
        var options = AssociationOptions()
        options.acseTimeout = .milliseconds(300)
        let shortOptions = options
        func error(port: UInt16) async throws -> AssociationError? {
            let peer = try entity(port: port)
            return try await onThread {
                do throws(AssociationError) {
                    _ = try VerificationSCU.echo(peer, options: shortOptions)
                    return nil
                } catch { return error }
            }
        }
        try DCMTKRuntime.initialize()
        #expect(try await error(port: UInt16(freePort())) == .unreachable)

        let rejecting = try TestNode(policy: ClosurePolicy { _ in .reject(.localLimitExceeded) })
        let rejected = try await error(port: rejecting.port)
        #expect(rejected == .rejected(.localLimitExceeded) && rejected?.isTransient == true)

        // The kernel takes the connection, and nobody ever reads it.
        let silent = try StreamSocket.listening(host: "127.0.0.1", port: 0, backlog: 4)
        #expect(try await error(port: StreamSocket.port(of: silent)) == .timeout)
    }

    private func entity(port: UInt16) throws -> RemoteApplicationEntity {
        RemoteApplicationEntity(
            host: "127.0.0.1", port: port, calledAETitle: try #require(AETitle("CALLED")),
            callingAETitle: try #require(AETitle("CALLING")))
    }
}
