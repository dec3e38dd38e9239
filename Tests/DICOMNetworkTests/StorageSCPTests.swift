import DCMTKBridge
import DICOMCore
import NodeTestSupport
import Testing

@testable import DICOMNetwork

private struct NoRoom: StorageRefusal {
    let outcome = CStoreOutcome(status: .outOfResources, comment: "No room for the test")
}

private struct Unexplained: Error {}

@Suite struct StorageSCPTests {
    @Test(.enabled(if: PeerTool.available("storescu")))
    func storescuSendsWhatTheReceiverGets() async throws {
        let receiver = MemoryReceiver()
        let node = try TestNode(receiver: receiver)
        let folder = try TemporaryFolder()
        let files = try TestInstance.files(1...3, in: folder, rows: 400)
        let result = try await node.peer("storescu", ["-v", "-xe", "-aet", "CT99"], files: files)
        #expect(result.succeeded, "\(result.everything)")
        #expect(receiver.finished.count == 3 && receiver.received.count == 3)
        for (number, instance) in zip(1..., receiver.received) {
            #expect(instance.bytes == TestInstance(number: number, rows: 400, columns: 400).dataSet)
            #expect(instance.request.affectedSOPInstanceUID.uid.value == "2.25.4711.\(number)")
            #expect(instance.request.affectedSOPClassUID.uid.value == TestInstance.ctImageStorage)
            #expect(instance.request.transferSyntax == .explicitVRLittleEndian)
            #expect(instance.request.priority == .medium && instance.fragments > 1)
            #expect(instance.context.sourceName == "ANYBODY" && instance.context.peer.host == "127.0.0.1")
        }
        try await eventually("the association is closed") { node.log.outcomes == [.released] }
        #expect(node.log.counts.first?.stored == 3 && node.log.counts.first?.refused == 0)
        #expect(node.log.counts.first?.dataSetBytes == Int64(3 * receiver.received[0].bytes.count))
    }

    @Test(.enabled(if: PeerTool.available("dcmsend")))
    func dcmsendSendsWhatTheReceiverGets() async throws {
        let receiver = MemoryReceiver()
        let node = try TestNode(receiver: receiver)
        let folder = try TemporaryFolder()
        let files = try TestInstance.files(1...4, in: folder)
        let result = try await node.peer("dcmsend", ["-v"], files: files)
        #expect(result.succeeded, "\(result.everything)")
        #expect(receiver.finished.map(\.bytes) == (1...4).map { TestInstance(number: $0).dataSet })
    }

    @Test(.enabled(if: PeerTool.available("storescu")))
    func smallPDUsCarryTheSameBytes() async throws {
        let receiver = MemoryReceiver()
        let node = try TestNode(receiver: receiver) { $0.options.maximumPDULength = 4096 }
        let folder = try TemporaryFolder()
        let files = try TestInstance.files([9], in: folder)
        #expect(try await node.peer("storescu", ["--max-pdu", "4096"], files: files).succeeded)
        #expect(receiver.finished.map(\.bytes) == [TestInstance(number: 9).dataSet])
        #expect(receiver.finished[0].fragments > 2)
    }

    @Test(.enabled(if: PeerTool.available("storescu")))
    func eightSendersAreServedAtOnce() async throws {
        let receiver = MemoryReceiver()
        let node = try TestNode(receiver: receiver)
        let folder = try TemporaryFolder()
        let files = try TestInstance.files(1...40, in: folder, rows: 128)
        let all = try await withThrowingTaskGroup(of: Finished.self) { group in
            for sender in 0..<8 {
                group.addTask { try await node.peer("storescu", files: Array(files[(5 * sender)..<(5 * sender + 5)])) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(all.filter(\.succeeded).count == 8)
        let finished = receiver.finished
        #expect(finished.count == 40 && Set(finished.map(\.request.affectedSOPInstanceUID)).count == 40)
        #expect(Set(finished.map(\.context.id)).count == 8)
        for instance in finished {
            let number = try #require(
                Int(instance.request.affectedSOPInstanceUID.uid.value.dropFirst("2.25.4711.".count)))
            #expect(instance.bytes == TestInstance(number: number, rows: 128, columns: 128).dataSet)
        }
    }

    /// A failure in the middle of a data set: the status that the error names, the rest drained, the association kept.
    @Test(
        .enabled(if: PeerTool.available("storescu")),
        arguments: [
            (NoRoom() as any Error & Sendable, DIMSEStatus.outOfResources), (Unexplained(), .cannotUnderstand),
        ])
    func aReceiverThatFailsIsAnsweredAndTheAssociationGoesOn(
        error: any Error & Sendable, status: DIMSEStatus
    ) async throws {
        let receiver = MemoryReceiver(hook: { fragment in
            if fragment == 2 { throw error }
        })
        let node = try TestNode(receiver: receiver)
        let folder = try TemporaryFolder()
        // 500 x 500: several fragments; 8 x 8: one, so that it does not fail.
        let large = try TestInstance.files([1], in: folder, rows: 500)
        let small = try TestInstance.files([2], in: folder, rows: 8)
        let result = try await node.peer("storescu", ["-v", "--no-halt"], files: large + small)
        #expect(receiver.received.map(\.end) == [.abandoned, .finished], "\(result.everything)")
        #expect(node.log.statuses == [status, .success])
        try await eventually("the association is closed") { node.log.outcomes == [.released] }
        #expect(node.log.counts.first?.stored == 1 && node.log.counts.first?.refused == 1)
    }

    @Test(.enabled(if: PeerTool.available("storescu")))
    func aRefusedInstanceIsDrainedAndToldWhy() async throws {
        let receiver = MemoryReceiver(refusal: CStoreOutcome(status: .outOfResources, comment: "No room for the test"))
        let node = try TestNode(receiver: receiver)
        let folder = try TemporaryFolder()
        let files = try TestInstance.files(1...2, in: folder, rows: 300)
        let result = try await node.peer("storescu", ["-d", "--no-halt"], files: files)
        #expect(result.everything.contains("0xa700") && result.everything.contains("No room for the test"))
        #expect(node.log.statuses == [.outOfResources, .outOfResources] && receiver.received.isEmpty)
    }

    @Test(.enabled(if: PeerTool.available("storescu")))
    func aSourceWhoseTermsRefuseAClassIsNotGivenAContextForIt() async throws {
        let receiver = MemoryReceiver()
        let node = try TestNode(
            receiver: receiver,
            policy: ClosurePolicy { _ in
                .accept(AssociationTerms(sourceName: "CR") { $0.uid.value != TestInstance.ctImageStorage })
            })
        let folder = try TemporaryFolder()
        let files = try TestInstance.files([1], in: folder)
        let result = try await node.peer("storescu", ["-v"], files: files)
        #expect(!result.succeeded && receiver.received.isEmpty)
        #expect(result.everything.contains("No presentation context"), "\(result.everything)")
    }

    // MARK: Commands that no decent peer sends

    /// Sends one C-STORE-RQ with its data set over context 3 and reads the response.
    private func answer(to command: [UInt8], dataSet: Bool = true, on node: TestNode) async throws -> CommandSet {
        let port = node.port
        return try await onThread {
            let peer = try ScriptedPeer(port: port)
            try peer.associate()
            try peer.send(ScriptedPeer.pData(context: 3, command: true, last: true, command))
            if dataSet { try peer.send(ScriptedPeer.pData(context: 3, command: false, last: true, [1, 2, 3, 4])) }
            let response = try peer.receivePDU()
            return try CommandSet(parsing: Array(response.dropFirst(12)))
        }
    }

    @Test(arguments: [
        (ScriptedPeer.cStore(instance: "../../etc/passwd"), true, DIMSEStatus.invalidSOPInstance),
        (ScriptedPeer.cStore(instance: "1.2.."), true, .invalidSOPInstance),
        (ScriptedPeer.cStore(instance: ""), true, .invalidSOPInstance),
        (ScriptedPeer.cStore(sopClass: "1.2.840.10008.5.1.4.1.1.4"), true, .dataSetDoesNotMatchSOPClass),
        (ScriptedPeer.cStore(sopClass: "no uid"), true, .dataSetDoesNotMatchSOPClass),
        (ScriptedPeer.cStore(hasDataSet: false), false, .mistypedArgument),
    ])
    func aCommandThatMakesNoSenseIsRefusedWithoutTheReceiver(
        command: [UInt8], dataSet: Bool, status: DIMSEStatus
    ) async throws {
        let receiver = MemoryReceiver()
        let node = try TestNode(receiver: receiver)
        let response = try await answer(to: command, dataSet: dataSet, on: node)
        #expect(response.number(.status) == status.rawValue && response.number(.messageIDBeingRespondedTo) == 7)
        #expect(receiver.received.isEmpty)
    }

    @Test func anOperationThatIsNotServedIsRefusedAndItsDataSetDrained() async throws {
        let node = try TestNode()
        var find = ScriptedPeer.cStore()
        // (0000,0100) is the second element, behind the SOP class of 8 and 26 bytes: C-FIND-RQ.
        find[8 + 26 + 8] = 0x20
        let response = try await answer(to: find, on: node)
        #expect(response.number(.status) == DIMSEStatus.unrecognizedOperation.rawValue)
        #expect(response.field?.rawValue == 0x8020)
    }
}
