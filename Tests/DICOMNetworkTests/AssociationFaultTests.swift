import DCMTKBridge
import DICOMCore
import Foundation
import Glibc
import NodeTestSupport
import Synchronization
import Testing

@testable import DICOMNetwork

/// What peers do wrong once they have an association. The node survives, and serves the next one.
@Suite struct AssociationFaultTests {
    /// A misdeed, and how the association then ends.
    private struct Misdeed: CustomTestStringConvertible {
        let testDescription: String
        let bytes: [UInt8]
        /// Nil where DUL finds the fault, with one of its many codes.
        var outcome: AssociationOutcome?
    }

    private static let command = ScriptedPeer.pData(context: 3, command: true, last: true, ScriptedPeer.cStore())

    private static let misdeeds: [Misdeed] = [
        Misdeed(
            testDescription: "a PDU of four gigabytes", bytes: [4, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0]),
        Misdeed(
            testDescription: "a PDU longer than ours", bytes: [4, 0, 0, 2, 0, 2]),
        Misdeed(
            testDescription: "a PDU of an unknown type", bytes: [0x55, 0, 0, 0, 0, 0]),
        Misdeed(
            testDescription: "a PDV longer than its PDU", bytes: [4, 0, 0, 0, 0, 6, 0, 0, 0, 99, 1, 3]),
        Misdeed(
            testDescription: "a PDU without a PDV", bytes: [4, 0, 0, 0, 0, 0]),
        Misdeed(
            testDescription: "a second A-ASSOCIATE-RQ", bytes: AssociateRequestBytes().encoded),
        Misdeed(
            testDescription: "a data set without a command",
            bytes: ScriptedPeer.pData(context: 3, command: false, last: true, [0, 0])),
        Misdeed(
            testDescription: "a command on a context that was not accepted",
            bytes: ScriptedPeer.pData(context: 5, command: true, last: true, ScriptedPeer.cStore()),
            outcome: .failed(.protocolViolation("a message on a presentation context that was not accepted"))),
        Misdeed(
            testDescription: "a data set on another context",
            bytes: command + ScriptedPeer.pData(context: 1, command: false, last: true, [0, 0]),
            outcome: .failed(.protocolViolation("a data set on another presentation context"))),
        Misdeed(
            testDescription: "a response",
            bytes: ScriptedPeer.pData(
                context: 3, command: true, last: true,
                [0, 0, 0, 1, 2, 0, 0, 0, 0x30, 0x80, 0, 0, 0x10, 1, 2, 0, 0, 0, 1, 0]),
            outcome: .failed(.protocolViolation("a response without a request"))),
        Misdeed(
            testDescription: "a command without a field",
            bytes: ScriptedPeer.pData(context: 3, command: true, last: true, []),
            outcome: .failed(.protocolViolation("a command without Command Field or Message ID"))),
        Misdeed(
            testDescription: "a command of sequences nested as deep as 64 KiB hold",
            bytes: ScriptedPeer.pData(
                context: 3, command: true, last: true,
                Array(
                    repeatElement(
                        [0, 0, 1, 0x60, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF],
                        count: 4000
                    ).joined())),
            outcome: .failed(
                .protocolViolation("a command set that is not a flat list of elements of group 0000"))),
        Misdeed(
            testDescription: "a command without end",
            bytes: Array(
                repeatElement(
                    ScriptedPeer.pData(context: 3, command: true, last: false, [UInt8](repeating: 0, count: 8000)),
                    count: 9
                ).joined()),
            outcome: .failed(.protocolViolation("a command set beyond 64 KiB"))),
        Misdeed(testDescription: "an A-ABORT", bytes: [7, 0, 0, 0, 0, 4, 0, 0, 0, 0], outcome: .failed(.aborted)),
    ]

    @Test(arguments: misdeeds.indices)
    func aMisdeedEndsItsOwnAssociationOnly(index: Int) async throws {
        let misdeed = AssociationFaultTests.misdeeds[index]
        let receiver = MemoryReceiver()
        let node = try TestNode(receiver: receiver)
        let port = node.port
        try await onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.associate()
            try peer.send(misdeed.bytes)
            // The node aborts and closes; a peer that aborted itself is only closed.
            let last = try peer.receivePDU()
            #expect(misdeed.outcome == .failed(.aborted) ? last.isEmpty : last.first == 7, "\(last)")
            #expect(try peer.receive(1).isEmpty)
        }
        try await eventually("the association ends") { node.log.outcomes.count == 1 }
        let outcome = try #require(node.log.outcomes.first)
        if let expected = misdeed.outcome {
            #expect(outcome == expected)
        } else if case .failed(.failed) = outcome {
        } else {
            Issue.record("\(outcome)")
        }
        #expect(receiver.received.allSatisfy { $0.end == .abandoned })
        let peer = try RemoteApplicationEntity(
            host: "127.0.0.1", port: port, calledAETitle: #require(AETitle("A")), callingAETitle: #require(AETitle("B"))
        )
        #expect(try await onThread { try VerificationSCU.echo(peer) } == .success)
    }

    @Test func aPeerThatClosesInTheMiddleOfADataSetHasItsInstanceAbandoned() async throws {
        let receiver = MemoryReceiver()
        let node = try TestNode(receiver: receiver)
        let port = node.port
        try await onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.associate()
            try peer.send(AssociationFaultTests.command)
            try peer.send(ScriptedPeer.pData(context: 3, command: false, last: false, [1, 2, 3, 4]))
            // Half of the next PDV.
            try peer.send([4, 0, 0, 0, 1, 6, 0, 0, 1, 2, 3, 0, 9, 9])
        }
        try await eventually("the association ends") { node.log.outcomes == [.failed(.connectionLost)] }
        #expect(receiver.received.map(\.end) == [.abandoned] && receiver.received[0].bytes == [1, 2, 3, 4])
    }

    @Test func aPeerThatFallsSilentInTheMiddleIsAborted() async throws {
        let receiver = MemoryReceiver()
        let node = try TestNode(receiver: receiver) { $0.options.dimseTimeout = .milliseconds(300) }
        let port = node.port
        try await onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.associate()
            try peer.send(AssociationFaultTests.command)
            try peer.send([4, 0, 0, 0, 1, 6, 0, 0, 1, 2, 3, 0, 9, 9])
            #expect(try peer.receivePDU().first == 7)
        }
        try await eventually("the association ends") { node.log.outcomes == [.failed(.timeout)] }
        #expect(receiver.received.map(\.end) == [.abandoned])
    }

    @Test func drippingBytesOfAPDUDoNotExtendItsDeadline() async throws {
        let node = try TestNode { $0.options.dimseTimeout = .milliseconds(500) }
        let port = node.port
        let took = try await onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.associate()
            let start = ContinuousClock.now
            for byte in AssociationFaultTests.command {
                do { try peer.send([byte]) } catch { break }
                usleep(50_000)
            }
            return ContinuousClock.now - start
        }
        #expect(took < .seconds(9))
        try await eventually("the association ends") { node.log.outcomes == [.failed(.timeout)] }
    }

    @Test func drippingPDUsThatAreWholeIsNoProgress() async throws {
        let node = try TestNode { $0.options.dimseTimeout = .milliseconds(500) }
        let port = node.port
        let took = try await onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.associate()
            try peer.send(AssociationFaultTests.command)
            let start = ContinuousClock.now
            for _ in 0..<200 {
                do {
                    try peer.send(ScriptedPeer.pData(context: 3, command: false, last: false, [1, 2]))
                } catch { break }
                usleep(50_000)
            }
            return ContinuousClock.now - start
        }
        #expect(took < .seconds(9))
        try await eventually("the association ends") { node.log.outcomes == [.failed(.timeout)] }
    }

    /// - Parameters:
    ///   - pause: of the peer after each PDU.
    ///   - work: of the receiver for each.
    @Test(arguments: [(pause: 200_000, work: 0), (pause: 450_000, work: 300_000)] as [(pause: UInt32, work: UInt32)])
    func aPeerThatMakesProgressHasTheTimeThatItNeeds(pause: UInt32, work: UInt32) async throws {
        let receiver = MemoryReceiver(hook: { _ in usleep(work) })
        let node = try TestNode(receiver: receiver) {
            $0.options.dimseTimeout = .milliseconds(700)
            $0.options.leastProgress = 100
        }
        let port = node.port
        try await onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.associate()
            try peer.send(AssociationFaultTests.command)
            for number in 1...8 {
                let bytes = [UInt8](repeating: 7, count: 60)
                try peer.send(ScriptedPeer.pData(context: 3, command: false, last: number == 8, bytes))
                usleep(pause)
            }
            #expect(try peer.receivePDU().first == 4)
            try peer.release()
        }
        #expect(receiver.finished.first?.bytes.count == 480)
    }

    @Test func anIdleAssociationIsAborted() async throws {
        let node = try TestNode { $0.idleTimeout = .milliseconds(300) }
        let port = node.port
        try await onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.associate()
            #expect(try peer.receivePDU().first == 7)
        }
        try await eventually("the association ends") { node.log.outcomes == [.idle] }
    }

    @Test func aReleaseIsAnsweredAndPipelinedBytesAfterItDoNotMatter() async throws {
        let node = try TestNode()
        let port = node.port
        try await onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.associate()
            try peer.send([5, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1, 2, 3])
            #expect(try peer.receivePDU() == [6, 0, 0, 0, 0, 4, 0, 0, 0, 0])
        }
        try await eventually("the association ends") { node.log.outcomes == [.released] }
    }
}
