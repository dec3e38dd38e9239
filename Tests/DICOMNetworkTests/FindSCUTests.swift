import DCMTKBridge
import DICOMCore
import Synchronization
import Testing

@testable import DICOMNetwork

/// Testing has another one.
private typealias Tag = DICOMCore.Tag

/// An archive that answers C-FIND with what a test wants, right or wrong.
private final class FindResponder: ServiceProvider {
    /// Tag and value of each match.
    let matches: [[(Tag, String)]]
    let status: DIMSEStatus
    /// Query/Retrieve Level and keys of the queries that came.
    let queries = Mutex<[[String]]>([])

    init(_ matches: [[(Tag, String)]], status: DIMSEStatus = .success) {
        self.matches = matches
        self.status = status
    }

    func transferSyntaxes(for abstractSyntax: SOPClassUID, terms: AssociationTerms) -> [TransferSyntax]? {
        abstractSyntax.uid.value == SOPClassUID.studyRootFind ? [.implicitVRLittleEndian] : nil
    }

    func serves(_ field: CommandField) -> Bool { field == .cFindRequest }

    func serve(
        _ request: ServiceRequest, on connection: borrowing AssociationConnection
    ) throws(AssociationError) -> ServiceResult {
        let contextID = request.presentationContext.id
        let received = try connection.receiveSmallDataSet(
            contextID: contextID, transferSyntax: .implicitVRLittleEndian, limits: DataSetPreParser.Limits(),
            timeout: request.timeout)
        do {
            let query = try DataSet(parsing: try received.get(), transferSyntax: .implicitVRLittleEndian)
            let keys: [Tag] = [.level, .study, .series, .instance]
            let values = keys.map { query.string($0) ?? "-" }
            queries.withLock { $0.append(values) }
            for match in matches { try send(match, request, on: connection) }
        } catch {
            throw .protocolViolation("the test's own: \(error)")
        }
        try connection.send(request.command.response(status), contextID: contextID)
        return ServiceResult(status: status)
    }

    private func send(
        _ match: [(Tag, String)], _ request: ServiceRequest, on connection: borrowing AssociationConnection
    ) throws {
        var response = request.command.response(DIMSEStatus(rawValue: 0xFF00))
        response.set(.commandDataSetType, 0)
        try connection.send(response, contextID: request.presentationContext.id)
        let dataSet = try DataSet()
        for (tag, value) in match { try dataSet.set(tag, value) }
        let bytes = try dataSet.encoded(as: .implicitVRLittleEndian)
        try bytes.withUnsafeBytes {
            try connection.send(.dataSet, contextID: request.presentationContext.id, bytes: $0)
        }
    }
}

extension Tag {
    fileprivate static let sopClass = Tag(0x0008, 0x0016)
    fileprivate static let instance = Tag(0x0008, 0x0018)
    fileprivate static let availability = Tag(0x0008, 0x0056)
    fileprivate static let level = Tag(0x0008, 0x0052)
    fileprivate static let study = Tag(0x0020, 0x000D)
    fileprivate static let series = Tag(0x0020, 0x000E)
    fileprivate static let count = Tag(0x0020, 0x1208)
}

@Suite struct FindSCUTests {
    private static let ct = TestInstance.ctImageStorage

    private static func peer(_ port: UInt16) throws -> RemoteApplicationEntity {
        RemoteApplicationEntity(
            host: "127.0.0.1", port: port, calledAETitle: try #require(AETitle("ARCHIVE")),
            callingAETitle: try #require(AETitle("OVERREAD")))
    }

    private func instances(_ responder: FindResponder) async throws -> [String: FoundInstance] {
        let node = try TestNode(services: [responder])
        let peer = try Self.peer(node.port)
        return try await onThread {
            var scu = try FindSCU(peer)
            let found = try scu.instances(ofSeries: "2.25.2", inStudy: "2.25.1")
            scu.release()
            return Dictionary(uniqueKeysWithValues: found.map { ($0.key.uid.value, $0.value) })
        }
    }

    @Test func theInstancesOfASeriesAreAskedForByTheHierarchy() async throws {
        let responder = FindResponder([
            [(.sopClass, Self.ct), (.instance, "2.25.3"), (.study, "2.25.1"), (.series, "2.25.2")],
            // Neither its class nor its place is told: it is about what was asked.
            [(.instance, "2.25.4")],
        ])
        let expected = [
            "2.25.3": FoundInstance.ofClass(try #require(SOPClassUID(Self.ct))), "2.25.4": .classNotTold,
        ]
        #expect(try await instances(responder) == expected)
        #expect(responder.queries.withLock { $0 } == [["IMAGE", "2.25.1", "2.25.2", ""]])
    }

    @Test func whatIsOfAnotherSeriesOrStudyOrNamesNoInstanceIsNotBelieved() async throws {
        let responder = FindResponder([
            [(.instance, "2.25.3"), (.series, "2.25.9")], [(.instance, "2.25.4"), (.study, "2.25.9")],
            [(.instance, "nonsense")], [(.sopClass, Self.ct)],
        ])
        #expect(try await instances(responder).isEmpty)
    }

    @Test func aClassThatIsNoUIDIsNotTakenForOneThatIsNotTold() async throws {
        let responder = FindResponder([
            [(.instance, "2.25.3"), (.sopClass, "CT Image Storage")], [(.instance, "2.25.4"), (.sopClass, "1.2\\1.3")],
            [(.instance, "2.25.5"), (.sopClass, "")],
        ])
        #expect(
            try await instances(responder) == [
                "2.25.3": .classUnreadable, "2.25.4": .classUnreadable, "2.25.5": .classNotTold,
            ])
    }

    @Test func whatCannotBeHadFromTheArchiveIsSoNamed() async throws {
        let ct = FoundInstance.ofClass(try #require(SOPClassUID(Self.ct)))
        let responder = FindResponder(
            ["ONLINE", "NEARLINE", "OFFLINE", "UNAVAILABLE", ""].enumerated().map { index, word in
                [(.sopClass, Self.ct), (.instance, "2.25.3\(index)"), (.availability, word)]
            })
        let expected = ["2.25.30": ct, "2.25.31": ct, "2.25.32": ct, "2.25.33": .unavailable, "2.25.34": ct]
        #expect(try await instances(responder) == expected)
    }

    /// Each answer is small enough; what is asked for one request is not.
    @Test func matchesAndTimeAreLimitedForTheWholeAssociation() async throws {
        let node = try TestNode(services: [FindResponder([[(.instance, "2.25.3")], [(.instance, "2.25.4")]])])
        let peer = try Self.peer(node.port)
        await #expect(throws: QueryError.unreadable) {
            try await onThread {
                var scu = try FindSCU(peer, limits: FindSCU.Limits(matches: 3))
                for _ in 0..<2 { _ = try scu.instances(ofSeries: "2.25.2", inStudy: "2.25.1") }
                scu.release()
            }
        }
        await #expect(throws: QueryError.tooLong) {
            try await onThread {
                var scu = try FindSCU(peer, limits: FindSCU.Limits(time: .zero))
                _ = try scu.instances(ofSeries: "2.25.2", inStudy: "2.25.1")
                scu.release()
            }
        }
    }

    @Test func aFailureIsNoAnswer() async throws {
        let responder = FindResponder([[(.instance, "2.25.3")]], status: .processingFailure)
        await #expect(throws: QueryError.refused(.processingFailure)) { try await instances(responder) }
    }

    @Test func anArchiveWithoutTheServiceIsNoArchive() async throws {
        let node = try TestNode()
        let peer = try Self.peer(node.port)
        await #expect(throws: QueryError.association(.contextNotAccepted)) {
            try await onThread { _ = try FindSCU(peer) }
        }
    }

    @Test(arguments: [("12", 12), ("", nil), ("-", nil)]) func theCountOfAStudyIsRead(
        answered: String, count: Int?
    ) async throws {
        let node = try TestNode(services: [
            FindResponder([[(.study, "2.25.1"), (.count, answered)], [(.study, "2.25.8"), (.count, "99")]])
        ])
        let peer = try Self.peer(node.port)
        let found = try await onThread {
            var scu = try FindSCU(peer)
            let count = try scu.instanceCount(ofStudy: "2.25.1")
            scu.release()
            return count
        }
        #expect(found == count)
    }
}
