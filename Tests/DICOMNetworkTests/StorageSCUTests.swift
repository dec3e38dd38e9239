import DCMTKBridge
import DICOMCore
import Foundation
import NodeTestSupport
import Testing

@testable import DICOMNetwork

@Suite struct StorageSCUTests {
    private func entity(port: UInt16) throws -> RemoteApplicationEntity {
        RemoteApplicationEntity(
            host: "localhost", port: port, calledAETitle: try #require(AETitle("PACS")),
            callingAETitle: try #require(AETitle("OVERREAD")))
    }

    private static func kind(_ sopClass: String, _ syntax: TransferSyntax) throws -> StorageProposal {
        StorageProposal(sopClass: try #require(SOPClassUID(sopClass)), transferSyntax: syntax)
    }

    private static func instance(_ uid: String) throws -> SOPInstanceUID { SOPInstanceUID(try #require(UID(uid))) }

    /// storescp with its own preferences writes what it gets, bit by bit.
    @Test(.enabled(if: PeerTool.available("storescp")))
    func storescpGetsTheBytesThatWereSent() async throws {
        try DCMTKRuntime.initialize()
        let port = try freePort()
        let folder = try TemporaryFolder()
        let scp = try ChildProcess(
            PeerTool.find("storescp"), ["+B", "-od", folder.path(""), "--max-pdu", "16384", "\(port)"])
        let peer = try entity(port: UInt16(port))
        try await eventually("storescp listens") {
            (try? await onThread { try VerificationSCU.echo(peer) }) == .success
        }
        let statuses = try await onThread {
            let ct = try StorageSCUTests.kind(TestInstance.ctImageStorage, .explicitVRLittleEndian)
            let report = try StorageSCUTests.kind(TestInstance.comprehensive3DSR, .explicitVRLittleEndian)
            let implicit = try StorageSCUTests.kind(TestInstance.comprehensive3DSR, .implicitVRLittleEndian)
            var scu = try StorageSCU(peer, proposing: [ct, report, implicit, ct])
            #expect(scu.accepts(ct) && scu.accepts(report) && scu.accepts(implicit))
            #expect(
                scu.acceptedTransferSyntax(
                    for: ct.sopClass, among: [.implicitVRLittleEndian, .explicitVRLittleEndian])
                    == .explicitVRLittleEndian)
            var statuses: [DIMSEStatus] = []
            for number in 1...3 {
                let image = TestInstance(number: number, rows: 1024, columns: 700)
                statuses.append(
                    try scu.store(
                        ct, sopInstance: StorageSCUTests.instance(image.sopInstance), dataSet: image.dataSet))
            }
            let small = TestInstance(number: 4, sopClass: TestInstance.comprehensive3DSR, rows: 1, columns: 1)
            statuses.append(
                try scu.store(report, sopInstance: StorageSCUTests.instance(small.sopInstance), dataSet: small.dataSet))
            scu.release()
            return statuses
        }
        #expect(statuses == Array(repeating: .success, count: 4))
        try await scp.stop()
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path(""))
        #expect(files.count == 4)
        for number in 1...3 {
            let name = try #require(files.first { $0.hasSuffix("2.25.4711.\(number)") })
            let file = try #require(FileManager.default.contents(atPath: folder.path(name)))
            let expected = TestInstance(number: number, rows: 1024, columns: 700).dataSet
            #expect(file.suffix(expected.count) == Data(expected))
        }
    }

    @Test func anObjectOfThirtyMegabytesArrivesWhole() async throws {
        let receiver = MemoryReceiver()
        let node = try TestNode(receiver: receiver)
        let peer = try entity(port: node.port)
        let image = TestInstance(number: 1, rows: 4096, columns: 3750)
        let status = try await onThread {
            let kind = try StorageSCUTests.kind(image.sopClass, .explicitVRLittleEndian)
            var scu = try StorageSCU(peer, proposing: [kind])
            let status = try scu.store(
                kind, sopInstance: StorageSCUTests.instance(image.sopInstance), dataSet: image.dataSet)
            scu.release()
            return status
        }
        #expect(status == .success && receiver.finished.map(\.bytes) == [image.dataSet])
    }

    @Test func theStatusOfEachObjectIsGivenAndTheAssociationGoesOn() async throws {
        let receiver = MemoryReceiver(outcome: CStoreOutcome(status: DIMSEStatus(rawValue: 0xA700)))
        let node = try TestNode(receiver: receiver)
        let peer = try entity(port: node.port)
        let statuses = try await onThread {
            let kind = try StorageSCUTests.kind(TestInstance.ctImageStorage, .explicitVRLittleEndian)
            var scu = try StorageSCU(peer, proposing: [kind])
            let image = TestInstance()
            let sopInstance = try StorageSCUTests.instance(image.sopInstance)
            let first = try scu.store(kind, sopInstance: sopInstance, dataSet: image.dataSet)
            let second = try scu.store(kind, sopInstance: sopInstance, dataSet: image.dataSet)
            scu.release()
            return [first, second]
        }
        #expect(statuses == [.outOfResources, .outOfResources])
    }

    @Test func aKindThatThePeerDoesNotTakeIsToldBeforeAnythingIsSent() async throws {
        let node = try TestNode(
            policy: ClosurePolicy { _ in
                .accept(AssociationTerms(sourceName: "CR") { $0.uid.value != TestInstance.comprehensive3DSR })
            })
        let peer = try entity(port: node.port)
        try await onThread {
            let report = try StorageSCUTests.kind(TestInstance.comprehensive3DSR, .explicitVRLittleEndian)
            let image = try StorageSCUTests.kind(TestInstance.ctImageStorage, .explicitVRLittleEndian)
            var scu = try StorageSCU(peer, proposing: [report, image])
            #expect(!scu.accepts(report) && scu.accepts(image))
            let sopInstance = try StorageSCUTests.instance("2.25.1")
            do throws(AssociationError) {
                _ = try scu.store(report, sopInstance: sopInstance, dataSet: [UInt8]())
                Issue.record("it was sent")
            } catch {
                #expect(error == .contextNotAccepted)
            }
            #expect(try scu.store(image, sopInstance: sopInstance, dataSet: TestInstance().dataSet) == .success)
            scu.release()
        }
    }

    @Test func aPeerThatGoesAwayInTheMiddleIsAnError() async throws {
        let gate = Gate()
        let node = try TestNode(receiver: MemoryReceiver(finishing: { gate.wait(1) }))
        let peer = try entity(port: node.port)
        let error: AssociationError? = try await onThread {
            let kind = try StorageSCUTests.kind(TestInstance.ctImageStorage, .explicitVRLittleEndian)
            var options = AssociationOptions()
            options.dimseTimeout = .milliseconds(400)
            var scu = try StorageSCU(peer, proposing: [kind], options: options)
            let sopInstance = try StorageSCUTests.instance("2.25.1")
            do throws(AssociationError) {
                _ = try scu.store(kind, sopInstance: sopInstance, dataSet: [0, 0])
                scu.release()
                return nil
            } catch {
                scu.abort()
                return error
            }
        }
        #expect(error == .timeout)
        gate.open(1)
    }
}
