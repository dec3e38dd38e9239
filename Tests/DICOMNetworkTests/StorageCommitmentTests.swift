import DCMTKBridge
import DICOMCore
import Foundation
import NodeTestSupport
import Synchronization
import Testing

@testable import DICOMNetwork

/// Keeps the requests in memory, or refuses them.
private final class MemoryCommitments: StorageCommitmentReceiver {
    private let requests = Mutex<[StorageCommitmentRequest]>([])
    private let refusal: ActionRefusal?

    init(refusal: ActionRefusal? = nil) { self.refusal = refusal }

    var received: [StorageCommitmentRequest] { requests.withLock { $0 } }

    func receive(
        _ request: StorageCommitmentRequest, from association: AssociationContext
    ) throws(ActionRefusal) {
        if let refusal { throw refusal }
        requests.withLock { $0.append(request) }
    }
}

/// Takes N-EVENT-REPORTs, as a modality does.
private final class EventSink: ServiceProvider {
    let events = Mutex<[(command: CommandSet, bytes: [UInt8])]>([])
    let status: DIMSEStatus

    init(status: DIMSEStatus = .success) { self.status = status }

    func transferSyntaxes(for abstractSyntax: SOPClassUID, terms: AssociationTerms) -> [TransferSyntax]? {
        abstractSyntax.uid.value == SOPClassUID.storageCommitmentPushModel ? [.implicitVRLittleEndian] : nil
    }

    func serves(_ field: CommandField) -> Bool { field == .nEventReportRequest }

    func serve(
        _ request: ServiceRequest, on connection: borrowing AssociationConnection
    ) throws(AssociationError) -> ServiceResult {
        let received = try connection.receiveSmallDataSet(
            contextID: request.presentationContext.id, transferSyntax: .implicitVRLittleEndian,
            limits: DataSetPreParser.Limits(), timeout: request.timeout)
        let bytes = (try? received.get()) ?? []
        events.withLock { $0.append((request.command, bytes)) }
        try connection.send(request.command.response(status), contextID: request.presentationContext.id)
        return ServiceResult(status: status)
    }
}

/// An N-ACTION, right unless a test changes something.
private struct Action: Sendable {
    var sopClass = SOPClassUID.storageCommitmentPushModel
    var sopInstance = SOPInstanceUID.storageCommitmentPushModel
    var actionType: UInt16 = 1
    var transaction: String? = "2.25.1"
    var references: [(sopClass: String, instance: String)]? = [(TestInstance.ctImageStorage, "2.25.2")]
    var bytes: [UInt8]?
    var hasDataSet = true

    private func encoded() throws -> [UInt8] {
        if let bytes { return bytes }
        let dataSet = try DataSet()
        if let transaction { try dataSet.set(.transactionUID, transaction) }
        if references != nil { try dataSet.setEmptySequence(.referencedSOPSequence) }
        for reference in references ?? [] {
            let item = try DataSet()
            try item.set(.referencedSOPClassUID, reference.sopClass)
            try item.set(.referencedSOPInstanceUID, reference.instance)
            try dataSet.append(item, to: .referencedSOPSequence)
        }
        return try dataSet.encoded(as: .explicitVRLittleEndian)
    }

    /// Sends it over an association of its own, and says what was answered.
    func send(to port: UInt16) throws -> DIMSEStatus {
        let peer = RemoteApplicationEntity(
            host: "127.0.0.1", port: port, calledAETitle: try #require(AETitle("OVERREAD")),
            callingAETitle: try #require(AETitle("PEER")))
        let association = try peer.associate(
            proposing: [
                PresentationContextProposal(
                    abstractSyntax: SOPClassUID.storageCommitmentPushModel,
                    transferSyntaxes: [TransferSyntax.explicitVRLittleEndian.uid])
            ], options: AssociationOptions())
        guard case .accepted? = try association.connection.presentationContexts().first?.outcome else {
            throw AssociationError.contextNotAccepted
        }
        var request = CommandSet()
        request.set(.requestedSOPClassUID, try #require(UID(sopClass)))
        request.set(.requestedSOPInstanceUID, try #require(UID(sopInstance)))
        request.set(.commandField, CommandField.nActionRequest.rawValue)
        request.set(.messageID, 3)
        request.set(.actionTypeID, actionType)
        request.set(.commandDataSetType, hasDataSet ? 0 : CommandSet.noDataSet)
        try association.connection.send(request, contextID: 1)
        if hasDataSet {
            try encoded().withUnsafeBytes { try association.connection.send(.dataSet, contextID: 1, bytes: $0) }
        }
        let status = try association.connection.receiveResponse(to: request, timeout: .seconds(20))
        try association.release()
        return status
    }
}

@Suite struct StorageCommitmentTests {
    private static let allowed = ClosurePolicy { _ in
        .accept(AssociationTerms(sourceName: "ANYBODY", acceptsCommitment: true))
    }

    private func answer(
        to action: Action, from receiver: MemoryCommitments = MemoryCommitments()
    ) async throws -> DIMSEStatus {
        let node = try TestNode(policy: Self.allowed, services: [StorageCommitmentSCP(receiver: receiver)])
        let port = node.port
        let status = try await onThread { try action.send(to: port) }
        #expect(node.log.statuses == [status])
        return status
    }

    @Test func aRequestIsReadAndAnsweredWithSuccess() async throws {
        let receiver = MemoryCommitments()
        var action = Action()
        // The second one again: once is enough.
        action.references = ["2.25.2", "2.25.3", "2.25.2"].map { (TestInstance.ctImageStorage, $0) }
        #expect(try await answer(to: action, from: receiver) == .success)
        let ct = try #require(SOPClassUID(TestInstance.ctImageStorage))
        let request = StorageCommitmentRequest(
            transactionUID: try #require(UID("2.25.1")),
            references: try ["2.25.2", "2.25.3"].map {
                SOPReference(sopClass: ct, sopInstance: SOPInstanceUID(try #require(UID($0))))
            })
        #expect(receiver.received == [request])
    }

    @Test func theLongestListIsTaken() async throws {
        let receiver = MemoryCommitments()
        var action = Action()
        action.references = (0..<StorageCommitmentRequest.maximumReferences).map {
            (TestInstance.ctImageStorage, "2.25.\($0 + 2)")
        }
        #expect(try await answer(to: action, from: receiver) == .success)
        #expect(receiver.received.first?.references.count == StorageCommitmentRequest.maximumReferences)
    }

    /// What each refusal of the conformance statement's table looks like on the wire.
    private static func action(for refusal: ActionRefusal) -> Action {
        var action = Action()
        switch refusal {
        case .noSuchAction: action.actionType = 2
        case .noSuchSOPClass: action.sopClass = SOPClassUID.verification
        case .noSuchSOPInstance: action.sopInstance = "2.25.4711"
        case .noDataSet: action.hasDataSet = false
        case .notParsed: action.bytes = [8, 0, 0x95, 0x11, 0x55, 0x49, 200, 0, 0x31, 0x2E]
        case .noTransactionUID: action.transaction = nil
        case .noReference: action.references = []
        case .notUID: action.references = [(TestInstance.ctImageStorage, "1.02.3")]
        case .tooManyReferences:
            action.bytes = Self.longList(of: 100_000)
        case .duplicateTransactionUID, .notAuthorised, .resourceLimitation, .processingFailure: break
        }
        return action
    }

    /// By hand, in Explicit VR Little Endian: DCMTK would take a while.
    private static func longList(of count: Int) -> [UInt8] {
        func header(_ element: UInt8, _ more: [UInt8], _ length: Int) -> [UInt8] {
            [0x08, 0, element, 0x11] + more + withUnsafeBytes(of: UInt32(length).littleEndian) { Array($0) }
        }
        let uid = Array("2.25.7".utf8)
        var items: [UInt8] = []
        for _ in 0..<count {
            items += [0xFE, 0xFF, 0, 0xE0, 14, 0, 0, 0]
            items += [0x08, 0, 0x55, 0x11, 0x55, 0x49, 6, 0]
            items += uid
        }
        let transaction: [UInt8] = [0x08, 0, 0x95, 0x11, 0x55, 0x49, 6, 0]
        return transaction + uid + header(0x99, [0x53, 0x51, 0, 0], items.count) + items
    }

    @Test(arguments: ActionRefusal.allCases) func eachRefusalHasItsStatus(refusal: ActionRefusal) async throws {
        let isOfReceiver = [.duplicateTransactionUID, .notAuthorised, .resourceLimitation, .processingFailure]
            .contains(refusal)
        let receiver = MemoryCommitments(refusal: isOfReceiver ? refusal : nil)
        let status = try await answer(to: Self.action(for: refusal), from: receiver)
        #expect(status == refusal.outcome.status)
        #expect(receiver.received.isEmpty)
        #expect((1...64).contains(refusal.outcome.comment.utf8.count))
        let text = try String(contentsOfFile: Checkout.path("docs/conformance-statement.md"), encoding: .utf8)
        let row = try #require(
            text.firstMatch(of: try Regex("\n\\| N-ACTION `\(refusal.rawValue)` \\|[^|]*\\| ([0-9A-F]{4}) \\|")))
        #expect(row.output[1].substring.map(String.init) == "\(status)")
    }

    @Test func otherMistakesInTheListAreRefusedToo() async throws {
        var action = Action()
        action.transaction = "1..2"
        #expect(try await answer(to: action) == .invalidArgumentValue)
        action = Action()
        action.references = nil
        #expect(try await answer(to: action) == .invalidArgumentValue)
    }

    @Test func aSourceThatMayNotAskIsNotOfferedIt() async throws {
        let node = try TestNode(services: [StorageCommitmentSCP(receiver: MemoryCommitments())])
        let port = node.port
        await #expect(throws: AssociationError.contextNotAccepted) {
            try await onThread { try Action().send(to: port) }
        }
    }

    // MARK: The report

    private func report(failed: Bool) throws -> StorageCommitmentReport {
        let ct = try #require(SOPClassUID(TestInstance.ctImageStorage))
        let references = try ["2.25.2", "2.25.3"].map {
            SOPReference(sopClass: ct, sopInstance: SOPInstanceUID(try #require(UID($0))))
        }
        return StorageCommitmentReport(
            transactionUID: try #require(UID("2.25.1")), keeper: try #require(AETitle("ARCHIVE")),
            committed: failed ? [references[0]] : references,
            failed: failed ? [.init(references[1], .noSuchObjectInstance)] : [])
    }

    @Test(arguments: [false, true]) func theReportSaysWhatIsCommittedAndWhatNot(failed: Bool) async throws {
        let sink = EventSink()
        let node = try TestNode(services: [sink])
        let report = try report(failed: failed)
        let peer = RemoteApplicationEntity(
            host: "127.0.0.1", port: node.port, calledAETitle: try #require(AETitle("MODALITY")),
            callingAETitle: try #require(AETitle("OVERREAD")))
        #expect(try await onThread { try report.send(to: peer) } == .success)
        let event = try #require(sink.events.withLock { $0 }.first)
        #expect(event.command.number(.eventTypeID) == (failed ? 2 : 1))
        #expect(event.command.text(.affectedSOPClassUID) == "1.2.840.10008.1.20.1")
        #expect(event.command.text(.affectedSOPInstanceUID) == "1.2.840.10008.1.20.1.1")
        let dataSet = try DataSet(parsing: event.bytes, transferSyntax: .implicitVRLittleEndian)
        #expect(dataSet.string(.transactionUID) == "2.25.1")
        #expect(dataSet.string(.retrieveAETitle) == "ARCHIVE")
        let count = dataSet.itemCount(.referencedSOPSequence)
        #expect(count == (failed ? 1 : 2))
        let item = try dataSet.item(.referencedSOPSequence, at: 0)
        let instance = item.string(.referencedSOPInstanceUID)
        #expect(instance == "2.25.2")
        let failures = dataSet.itemCount(.failedSOPSequence)
        #expect(failures == (failed ? 1 : 0))
        if failed {
            let item = try dataSet.item(.failedSOPSequence, at: 0)
            let (reason, instance) = (item.number(.failureReason), item.string(.referencedSOPInstanceUID))
            #expect(reason == Double(0x0112) && instance == "2.25.3")
        }
    }

    @Test func whatTheSourceAnswersToTheReportIsReturned() async throws {
        let node = try TestNode(services: [EventSink(status: .noSuchSOPInstance)])
        let report = try report(failed: false)
        let peer = RemoteApplicationEntity(
            host: "127.0.0.1", port: node.port, calledAETitle: try #require(AETitle("MODALITY")),
            callingAETitle: try #require(AETitle("OVERREAD")))
        #expect(try await onThread { try report.send(to: peer) } == .noSuchSOPInstance)
        let other = try TestNode()
        let deaf = RemoteApplicationEntity(
            host: "127.0.0.1", port: other.port, calledAETitle: peer.calledAETitle, callingAETitle: peer.callingAETitle)
        await #expect(throws: AssociationError.contextNotAccepted) { try await onThread { try report.send(to: deaf) } }
    }
}
