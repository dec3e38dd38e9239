import DICOMCore
import DICOMNetwork
import DeIdentification
import Foundation
import Synchronization
import Testing

@testable import OverreadNode
@testable import StudyQueue

@Suite struct ArchiveVerdictTests {
    private static let ct = "1.2.840.10008.5.1.4.1.1.2"
    private static let mr = "1.2.840.10008.5.1.4.1.1.4"

    private static func reference(_ number: Int, _ sopClass: String = ct) throws -> SOPReference {
        SOPReference(
            sopClass: try #require(SOPClassUID(sopClass)),
            sopInstance: SOPInstanceUID(try #require(UID("2.25.\(number)"))))
    }

    private static func held(_ series: String = "s1", _ sopClass: String = ct) -> CommitmentInstance {
        CommitmentInstance(instanceID: "i", study: "s-1", seriesUID: series, sopClassUID: sopClass)
    }

    private static func reasons(_ verdict: ArchiveVerdict) -> [CommitmentFailure] { verdict.failed.map(\.reason) }

    @Test func whatTheArchiveNamesIsCommittedAndNothingElse() throws {
        let references = try (1...3).map { try Self.reference($0) }
        let answer: [SOPInstanceUID: FoundInstance] = [
            references[0].sopInstance: .ofClass(references[0].sopClass), references[2].sopInstance: .classNotTold,
        ]
        let verdict = ArchiveVerdict(references, [Self.held(), Self.held(), nil], answers: ["s1": answer])
        #expect(verdict.committed == [references[0]])
        // The third never came here: that the archive names it in another series proves nothing.
        #expect(Self.reasons(verdict) == [.noSuchObjectInstance, .noSuchObjectInstance])
        #expect(verdict.mayChange)
    }

    @Test func anArchiveThatCannotBeAskedConfirmsNothing() throws {
        let reference = try Self.reference(1)
        let verdict = ArchiveVerdict([reference], [Self.held()], answers: [:])
        #expect(verdict.committed.isEmpty && Self.reasons(verdict) == [.processingFailure])
        #expect(!verdict.mayChange)
    }

    @Test func anotherSOPClassIsAConflict() throws {
        let (reference, other) = (try Self.reference(1), try Self.reference(2, Self.mr))
        let mr = try #require(SOPClassUID(Self.mr))
        let verdict = ArchiveVerdict(
            [reference, other], [Self.held(), Self.held()],
            answers: ["s1": [reference.sopInstance: .ofClass(mr), other.sopInstance: .ofClass(mr)]])
        #expect(verdict.committed.isEmpty && Self.reasons(verdict) == [.classInstanceConflict, .classInstanceConflict])
    }

    @Test func anArchiveThatDoesNotTellTheSOPClassIsBelieved() throws {
        let reference = try Self.reference(1)
        let verdict = ArchiveVerdict(
            [reference], [Self.held()], answers: ["s1": [reference.sopInstance: .classNotTold]])
        #expect(verdict.committed == [reference] && verdict.failed.isEmpty)
    }

    @Test func aClassThatCannotBeReadIsAConflict() throws {
        let reference = try Self.reference(1)
        let verdict = ArchiveVerdict(
            [reference], [Self.held()], answers: ["s1": [reference.sopInstance: .classUnreadable]])
        #expect(verdict.committed.isEmpty && Self.reasons(verdict) == [.classInstanceConflict])
    }

    @Test func whatTheArchiveCannotGiveIsNotCommittedYet() throws {
        let reference = try Self.reference(1)
        let verdict = ArchiveVerdict(
            [reference], [Self.held()], answers: ["s1": [reference.sopInstance: .unavailable]])
        #expect(verdict.committed.isEmpty && Self.reasons(verdict) == [.noSuchObjectInstance])
        #expect(verdict.mayChange)
    }

    @Test func noneIsLeftOutWhereTheListsAreOfTwoLengths() throws {
        let references = try (1...2).map { try Self.reference($0) }
        let answers = ["s1": [references[0].sopInstance: FoundInstance.classNotTold]]
        let verdict = ArchiveVerdict(references, [Self.held()], answers: answers)
        #expect(verdict.committed.isEmpty && Self.reasons(verdict) == [.processingFailure, .processingFailure])
    }

    @Test func whatIsSealedComesBackAsItWas() throws {
        let request = StorageCommitmentRequest(
            transactionUID: try #require(UID("2.25.77")),
            references: [try Self.reference(1), try Self.reference(2, Self.mr)])
        #expect(StorageCommitmentRequest(sealedForm: request.sealedForm) == request)
        #expect(StorageCommitmentRequest(sealedForm: Array("2.25.1\n2.25.2".utf8)) == nil)
        #expect(StorageCommitmentRequest(sealedForm: []) == nil)
    }
}

@Suite struct ReleaseWatchTests {
    private struct Nobody: AssociationObserver { func observe(_ event: AssociationEvent) {} }

    private let watch = ReleaseWatch(next: Nobody(), clock: WorkSignal())

    private static func context(_ id: String, _ source: String = "CT") -> AssociationContext {
        AssociationContext(id: id, sourceName: source, peer: PeerAddress(host: "10.0.0.1", port: 1))
    }

    private func open(_ id: String, _ source: String = "CT") {
        watch.observe(.opened(Self.context(id, source), accepted: 1, proposed: 1))
    }

    private func close(
        _ id: String, _ source: String = "CT", _ outcome: AssociationOutcome = .released, stored: Int = 1,
        refused: Int = 0
    ) {
        var counts = AssociationCounts()
        counts.refused = refused
        counts.stored = stored
        watch.observe(.closed(Self.context(id, source), outcome, counts))
    }

    private var released: Set<String> { Set(watch.takeReleased().keys) }

    @Test func aReleaseAfterStoringSaysThatTheSourceIsDone() {
        open("a")
        #expect(released.isEmpty)
        close("a")
        #expect(released == ["CT"])
        #expect(released.isEmpty, "it is said once")
    }

    @Test func onlyTheLastOfSeveralAssociationsSaysSo() {
        for id in ["a", "b"] { open(id) }
        open("c", "MR")
        close("a")
        #expect(released.isEmpty)
        close("b", stored: 0)
        #expect(released == ["CT"])
    }

    @Test func anAbortSaysNothing() {
        for id in ["a", "b"] { open(id) }
        close("a")
        close("b", "CT", .failed(.aborted))
        #expect(released.isEmpty)
        // What was stored before the abort is no matter of the next association that stores nothing.
        open("c")
        close("c", stored: 0)
        #expect(released.isEmpty)
    }

    @Test func aReleaseSaysNothingOfWhatCameBeforeAnAbortOrWithARefusal() throws {
        open("a")
        close("a")
        let began = try #require(watch.takeReleased()["CT"]).start
        for (id, outcome, refused) in [("b", AssociationOutcome.failed(.aborted), 0), ("c", .released, 1)] {
            let before = Date()
            open(id)
            close(id, "CT", outcome, refused: refused)
            #expect(released.isEmpty)
            open("d")
            close("d")
            let release = try #require(watch.takeReleased()["CT"])
            #expect(release.start >= before && release.start > began && release.start <= release.time)
        }
        open("m", "MR")
        close("m", "MR")
        #expect(watch.takeReleased()["MR"]?.start == began, "another source's abort is none of its")
    }

    @Test func ofSeveralAssociationsOneThatIsAbortedSpoilsAll() {
        for id in ["a", "b"] { open(id) }
        close("a", "CT", .failed(.aborted))
        close("b")
        #expect(released.isEmpty)
    }

    @Test func aReleaseIsWithdrawnWhenTheSourceGoesOn() {
        open("a")
        close("a")
        open("b")
        #expect(released.isEmpty)
        // An echo, say: what was stored before is done all the same.
        close("b", stored: 0)
        #expect(released == ["CT"])
    }

    @Test func anAssociationThatWasNeverTakenUpChangesNothing() {
        close("x", "CT", .failed(.timeout), stored: 0)
        open("a")
        close("a")
        #expect(released == ["CT"])
    }
}

@Suite struct CountAgreementTests {
    private static let start = Date(timeIntervalSince1970: 1_800_000_000)

    @Test func theNumberIsBelievedWhenItIsToldTwiceInARow() {
        var agreement = CountAgreement(held: 3, at: Self.start)
        #expect(agreement.next == Self.start + 2)
        let answers = [3, 4, 3, nil, 3, 3].map { agreement.answered($0, at: Self.start) }
        #expect(answers == [false, false, false, false, false, true])
    }

    @Test func whileTheNumbersDifferTheWaitDoubles() {
        var agreement = CountAgreement(held: 3, at: Self.start)
        let waits = [2, nil, 4, 3, 3].map { count in
            _ = agreement.answered(count, at: Self.start)
            return agreement.next.timeIntervalSince(Self.start)
        }
        #expect(waits == [4, 8, 16, 2, 2])
    }
}
