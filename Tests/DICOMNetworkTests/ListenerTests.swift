import DCMTKBridge
import DICOMCore
import Foundation
import Glibc
import NodeTestSupport
import Synchronization
import Testing

@testable import DICOMNetwork

@Suite struct ListenerTests {
    @Test func aSecondListenerOnThePortIsRefused() throws {
        let node = try TestNode()
        #expect(throws: ListenerError.portInUse(node.port)) {
            try TestNode { $0.port = node.port }
        }
    }

    @Test func aStoppedListenersPortIsFreeAtOnce() async throws {
        let first = try TestNode()
        let port = first.port
        _ = await first.listener.stop(drainingFor: .seconds(1))
        let second = try TestNode { $0.port = port }
        #expect(second.port == port)
    }

    @Test(.enabled(if: PeerTool.available("echoscu")))
    func fiftySilentPeersKeepNobodyWaiting() async throws {
        // They are silent for longer than any test lasts: an answer is none that waited for them.
        let node = try TestNode { $0.requestTimeout = .seconds(3600) }
        let port = node.port
        let silent = try await onThread {
            try (0..<50).map { number in
                let peer = try ScriptedPeer(port: port)
                // Half of them say half a request.
                if number % 2 == 0 { try peer.send(Array(AssociateRequestBytes().encoded.prefix(60))) }
                return peer.duplicate()
            }
        }
        defer { silent.forEach { close($0) } }
        try await onThread {
            let peer = RemoteApplicationEntity(
                host: "127.0.0.1", port: port, calledAETitle: try #require(AETitle("A")),
                callingAETitle: try #require(AETitle("B")))
            #expect(try VerificationSCU.echo(peer) == .success)
        }
        #expect(try await node.peer("echoscu").succeeded)
        #expect(node.log.drops.isEmpty)
    }

    /// What a peer does before it has an association, and what it gets: the PDU, and the reason in the log.
    @Test(
        arguments: [
            (Array("GET / HTTP/1.0\r\n\r\n".utf8), [7, 0, 0, 0, 0, 4, 0, 0, 2, 1], ConnectionDropReason.notARequest),
            ([4, 0, 0, 0, 0, 0], [7, 0, 0, 0, 0, 4, 0, 0, 2, 1], .notARequest),
            ([1, 0, 0xFF, 0xFF, 0xFF, 0xFF], [7, 0, 0, 0, 0, 4, 0, 0, 2, 6], .malformed),
            ([1, 0, 0, 0, 0, 2, 0, 1], [7, 0, 0, 0, 0, 4, 0, 0, 2, 6], .malformed),
            (
                {
                    var request = AssociateRequestBytes(); request.userInformation = [0x51, 0, 0xFF, 0xFF];
                    return request
                }()
                .encoded, [7, 0, 0, 0, 0, 4, 0, 0, 2, 6], .malformed
            ),
        ] as [([UInt8], [UInt8], ConnectionDropReason)])
    func whatIsNoRequestIsAborted(bytes: [UInt8], answer: [UInt8], reason: ConnectionDropReason) async throws {
        let node = try TestNode()
        let port = node.port
        let got = try await onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.send(bytes)
            return try peer.receive(100)
        }
        #expect(got == answer)
        #expect(node.log.drops == [reason])
    }

    @Test func anotherProtocolAndAnotherApplicationContextAreRejected() async throws {
        let node = try TestNode()
        let port = node.port
        let answers = try await onThread {
            var answers: [[UInt8]] = []
            var request = AssociateRequestBytes()
            request.protocolVersion = [0, 2]
            for change in 0..<2 {
                if change == 1 {
                    request.protocolVersion = [0, 1]
                    request.applicationContext = "1.2.3"
                }
                let peer = try ScriptedPeer(port: port)
                try peer.send(request.encoded)
                answers.append(try peer.receivePDU())
            }
            return answers
        }
        #expect(answers == [[3, 0, 0, 0, 0, 4, 0, 1, 2, 2], [3, 0, 0, 0, 0, 4, 0, 1, 1, 2]])
    }

    @Test(arguments: [0, 1, 5, 6, 60])
    func aRequestThatDoesNotComeInTimeIsDropped(length: Int) async throws {
        let node = try TestNode { $0.requestTimeout = .milliseconds(300) }
        let port = node.port
        let took = try await onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.send(Array(AssociateRequestBytes().encoded.prefix(length)))
            let start = ContinuousClock.now
            #expect(try peer.receive(1).isEmpty)
            return ContinuousClock.now - start
        }
        #expect(took > .milliseconds(250) && took < .seconds(9))
        #expect(node.log.drops == [.slow])
    }

    @Test func drippingDoesNotExtendTheDeadline() async throws {
        let node = try TestNode { $0.requestTimeout = .milliseconds(500) }
        let port = node.port
        let took = try await onThread {
            let peer = try ScriptedPeer(port: port)
            let start = ContinuousClock.now
            // 232 bytes would take 11 seconds.
            for byte in AssociateRequestBytes().encoded {
                do { try peer.send([byte]) } catch { break }
                usleep(50_000)
            }
            return ContinuousClock.now - start
        }
        #expect(took < .seconds(9) && node.log.drops == [.slow])
    }

    @Test func theOldestWithoutAssociationMakesRoom() async throws {
        let node = try TestNode { $0.maximumPendingConnections = 4 }
        let port = node.port
        try await onThread {
            let oldest = try ScriptedPeer(port: port)
            usleep(50_000)
            var others: [Int32] = []
            for _ in 0..<4 { others.append(try ScriptedPeer(port: port).duplicate()) }
            #expect(try oldest.receive(1).isEmpty)
            others.forEach { close($0) }
        }
        try await eventually("the others are gone too") { node.log.drops.count == 5 }
        #expect(node.log.drops.first == .evicted && node.log.drops.filter { $0 == .closedByPeer }.count == 4)
    }

    @Test func aFloodOfOneHostDoesNotDriveOutTheConnectionOfAnother() async throws {
        let node = try TestNode { $0.maximumPendingConnections = 4 }
        let port = node.port
        try await onThread {
            let slow = try ScriptedPeer(port: port, from: 2)
            usleep(50_000)
            for _ in 0..<100 { _ = try ScriptedPeer(port: port).duplicate() }
            try slow.associate()
            try slow.release()
        }
        #expect(node.log.drops.contains(.evicted))
    }

    @Test func unfinishedRequestsShareABudgetOfBytes() async throws {
        let node = try TestNode {
            $0.maximumPendingBytes = 100_000
            $0.maximumRequestLength = 90_000
        }
        let port = node.port
        try await onThread {
            let half: [UInt8] = [1, 0, 0, 1, 0x40, 0] + [UInt8](repeating: 0, count: 70_000)
            let first = try ScriptedPeer(port: port)
            try first.send(half)
            let second = try ScriptedPeer(port: port)
            try second.send(half)
            #expect(try first.receive(1).isEmpty)
            try second.send([0])
        }
        #expect(node.log.drops.first == .evicted)
    }

    @Test(.enabled(if: PeerTool.available("echoscu")))
    func oneMoreThanTheLimitIsRejectedForNow() async throws {
        let node = try TestNode { $0.limits.total = 1 }
        let port = node.port
        let gate = Gate()
        async let held: Void = onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.associate()
            gate.open(1)
            gate.wait(2)
            try peer.release()
        }
        try await onThread { gate.wait(1) }
        let result = try await node.peer("echoscu", ["-v"])
        #expect(
            result.everything.contains("Rejected Transient") && result.everything.contains("Local Limit Exceeded"),
            "\(result.everything)")
        gate.open(2)
        try await held
        try await eventually("there is room again") { try await node.peer("echoscu").succeeded }
    }

    @Test func theThreadsHaveNames() async throws {
        let node = try TestNode()
        let port = node.port
        try await onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.associate()
            let names = try threadNames()
            #expect(names.contains("dicom-accept") && names.contains { $0.hasPrefix("dicom-assoc-") }, "\(names)")
            try peer.release()
        }
    }
}

/// Lets two threads of a test wait for one another.
final class Gate: Sendable {
    private let passed = Atomic<Int>(0)
    func open(_ step: Int) { passed.store(step, ordering: .sequentiallyConsistent) }
    func wait(_ step: Int) {
        while passed.load(ordering: .sequentiallyConsistent) < step { usleep(2_000) }
    }
}

private func threadNames() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").compactMap { task in
        FileManager.default.contents(atPath: "/proc/self/task/\(task)/comm").map {
            String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .newlines)
        }
    }
}
