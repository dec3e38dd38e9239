import DCMTKBridge
import DICOMCore
import Foundation
import Glibc
import NodeTestSupport
import Synchronization
import Testing

@testable import DICOMNetwork

/// The graceful stop: no connection any more, each association finishes its message, and after the deadline it is over.
@Suite struct StopTests {
    @Test(.enabled(if: PeerTool.available("storescu")))
    func aStopLetsTheMessageInProgressEndAndLosesNothingThatWasAnswered() async throws {
        let gate = Gate()
        let count = Atomic<Int>(0)
        let receiver = MemoryReceiver(
            keepsBytes: false,
            finishing: { if count.add(1, ordering: .relaxed).newValue == 5 { gate.wait(1) } })
        let node = try TestNode(receiver: receiver)
        let folder = try TemporaryFolder()
        let files = try TestInstance.files(1...20, in: folder)
        let sender = try ChildProcess(
            PeerTool.find("storescu"), ["-v", "127.0.0.1", "\(node.port)"] + files)
        try await eventually("the fifth is being stored") { count.load(ordering: .relaxed) == 5 }
        async let broken = node.listener.stop(drainingFor: .seconds(30))
        // The listener has stopped once it takes no connection any more; only then may the fifth end.
        let port = node.port
        try await eventually("no connection is taken") { (try? ScriptedPeer(port: port)) == nil }
        #expect(receiver.finished.count == 4)
        gate.open(1)
        #expect(await broken == 0)
        try await sender.wait()
        let answered = sender.output.components(separatedBy: "Received Store Response (Success)").count - 1
        let answeredInErrors = sender.errors.components(separatedBy: "Received Store Response (Success)").count - 1
        let finished = receiver.finished.count
        #expect(finished == 5 && receiver.received.count == 5)
        #expect(answered + answeredInErrors == finished, "\(sender.tail)")
        #expect(node.log.outcomes == [.stopped])
    }

    @Test(.timeLimit(.minutes(5))) func anIdleAssociationIsAbortedAtOnceAndNewOnesAreNotTaken() async throws {
        let node = try TestNode()
        let port = node.port
        let gate = Gate()
        async let idle: [UInt8] = onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.associate()
            gate.open(1)
            return try peer.receivePDU()
        }
        try await onThread { gate.wait(1) }
        // An hour: a stop that waited for the idle association would run into the limit of the test.
        #expect(await node.listener.stop(drainingFor: .seconds(3600)) == 0)
        #expect(try await idle.first == 7)
        #expect(throws: TestSupportError.self) { _ = try ScriptedPeer(port: port) }
    }

    @Test(.timeLimit(.minutes(5))) func whatIsStillInAMessageAfterTheDeadlineIsBrokenOff() async throws {
        let receiver = MemoryReceiver()
        let node = try TestNode(receiver: receiver)
        let port = node.port
        let gate = Gate()
        async let stuck: Void = onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.associate()
            try peer.send(ScriptedPeer.pData(context: 3, command: true, last: true, ScriptedPeer.cStore()))
            try peer.send(ScriptedPeer.pData(context: 3, command: false, last: false, [1, 2]))
            gate.open(1)
            _ = try peer.receive(1)
        }
        try await onThread { gate.wait(1) }
        try await eventually("the message has begun") { receiver.received.count == 1 }
        #expect(await node.listener.stop(drainingFor: .milliseconds(300)) == 1)
        try await stuck
        #expect(receiver.received.map(\.end) == [.abandoned] && node.log.outcomes == [.failed(.connectionLost)])
    }

    @Test func stoppingTwiceAndStoppingWhatNeverStartedAreNothing() async throws {
        let node = try TestNode()
        #expect(await node.listener.stop(drainingFor: .zero) == 0)
        #expect(await node.listener.stop(drainingFor: .zero) == 0)
        var configuration = ListenerConfiguration()
        configuration.host = "127.0.0.1"
        configuration.port = 0
        let never = try AssociationListener(
            configuration: configuration, policy: ClosurePolicy.everybody, providers: [], observer: EventLog())
        #expect(await never.stop(drainingFor: .zero) == 0)
    }
}
