import Foundation
import GRDB
import Testing

@testable import StudyQueue

@Suite("A study that comes with another patient") struct IdentityCorrectionTests {
    private let fixture: QueueFixture

    init() throws { fixture = try QueueFixture() }

    private func receipt(
        instance: Int, content: Int = 1, patient: String, _ policy: IdentityCorrectionPolicy = .park,
        duplicates: DuplicatePolicy = .keepFirst, file: Int? = nil
    ) -> InstanceReceipt {
        var receipt = fixture.receipt(instance: instance, content: content, file: file, duplicates: duplicates)
        receipt.patientPseudonym = patient
        receipt.identityCorrection = policy
        return receipt
    }

    private func study() throws -> String { try #require(try fixture.queue.list().first).study }
    private func corrections() throws -> [QueueEvent] {
        try fixture.queue.events().filter { $0.kind == .identityCorrection }
    }

    @Test("parked: the instance is kept, the study waits, and its patient stays until somebody decides")
    func parked() throws {
        try fixture.receive(receipt(instance: 1, patient: "TRAUMA"))
        let outcome = try fixture.receive(receipt(instance: 2, patient: "DOE"))
        #expect(outcome.keepsFile)
        let study = try study()
        let detail = try fixture.queue.show(study)
        #expect(detail.summary.state == .parked && detail.summary.reason == .identityCorrection)
        #expect(detail.instances.count == 2 && detail.instances.allSatisfy { $0.discarded == nil })
        #expect(try fixture.queue.patient(of: study).pseudonym == "TRAUMA")
        #expect(try fixture.queue.patient(of: study).corrected.isEmpty)
        // More of the same is no news; more of the first does not end the doubt either.
        try fixture.receive(receipt(instance: 3, patient: "DOE"))
        try fixture.receive(receipt(instance: 4, patient: "TRAUMA"))
        #expect(try corrections().count == 1)
        #expect(try corrections()[0]["policy"] == "identity-correction=park")
        #expect(try fixture.state(of: study) == .parked)
        #expect(try fixture.queue.closeQuietStudies(at: fixture.time(3600)).isEmpty)
        let balance = try fixture.balance()
        #expect(balance.isBalanced && balance.parked == ["identity-correction": 4])
    }

    @Test("a third patient is an event of its own")
    func third() throws {
        for (instance, patient) in [(1, "TRAUMA"), (2, "DOE"), (3, "ROE")] {
            try fixture.receive(receipt(instance: instance, patient: patient))
        }
        #expect(try corrections().count == 2)
    }

    @Test("reanalysed: the study is the patient's that came last, also where an instance comes again for him")
    func reanalysed() throws {
        try fixture.receive(receipt(instance: 1, patient: "TRAUMA", .reanalyse))
        let study = try study()
        try fixture.queue.complete(study, evidence: .release, at: fixture.time(0))
        try fixture.finish(try fixture.leaseAnalysis(at: 1), at: 1)
        try fixture.deliverAll(try fixture.leaseDelivery(at: 1), at: 1)
        #expect(try fixture.state(of: study) == .delivered)

        // keep-first does not keep the first: it is another patient's.
        let outcome = try fixture.receive(receipt(instance: 1, content: 2, patient: "DOE", .reanalyse), at: 2)
        #expect(outcome.keepsFile)
        let detail = try fixture.queue.show(study)
        #expect(detail.summary.state == .receiving && detail.summary.revision == 2)
        #expect(detail.instances.map(\.discarded) == [.identityCorrection, nil])
        let patient = try fixture.queue.patient(of: study)
        #expect(patient.pseudonym == "DOE" && patient.corrected == ["TRAUMA"] && !patient.isIdentityErased)
        #expect(try corrections().map { $0["policy"] } == ["identity-correction=reanalyse"])
        #expect(try corrections()[0]["revision"] == "2")
        #expect(try fixture.balance().isBalanced)
    }

    @Test("the last one wins, whoever was before")
    func lastWins() throws {
        for (instance, patient) in [(1, "A"), (2, "B"), (3, "A"), (4, "C")] {
            try fixture.receive(receipt(instance: instance, patient: patient, .reanalyse))
        }
        let patient = try fixture.queue.patient(of: try study())
        #expect(patient.pseudonym == "C" && patient.corrected == ["A", "B"])
        #expect(try fixture.queue.show(try study()).summary.revision == 1, "nothing was analysed meanwhile")
    }

    @Test("what is unchanged says nothing new of the patient")
    func unchanged() throws {
        try fixture.receive(receipt(instance: 1, patient: "TRAUMA", .reanalyse))
        try fixture.receive(receipt(instance: 2, patient: "DOE", .reanalyse))
        #expect(try fixture.receive(receipt(instance: 1, patient: "TRAUMA", .reanalyse)) == .alreadyCommitted)
        #expect(try fixture.queue.patient(of: try study()).pseudonym == "DOE")
        #expect(try corrections().count == 1)
    }

    @Test(
        "a doubt is decided by the next image whose source accepts corrections, new, changed or unchanged",
        arguments: [
            (2, 1, "DOE", "DOE", ["TRAUMA"]), (3, 1, "DOE", "DOE", ["TRAUMA"]), (3, 1, "TRAUMA", "TRAUMA", ["DOE"]),
            (2, 2, "TRAUMA", "TRAUMA", ["DOE"]), (1, 1, "TRAUMA", "TRAUMA", ["DOE"]),
        ])
    func decided(instance: Int, content: Int, patient: String, owner: String, corrected: [String]) throws {
        try fixture.receive(receipt(instance: 1, patient: "TRAUMA"))
        try fixture.receive(receipt(instance: 2, patient: "DOE"))
        let study = try study()
        #expect(try fixture.state(of: study) == .parked)
        try fixture.receive(
            receipt(instance: instance, content: content, patient: patient, .reanalyse, file: 9000), at: 5)
        #expect(try fixture.state(of: study) == .receiving)
        let decided = try fixture.queue.patient(of: study)
        #expect(decided.pseudonym == owner && decided.corrected == Set(corrected))
        #expect(try fixture.balance().isBalanced)
        #expect(!(try fixture.queue.closeQuietStudies(at: fixture.time(3600))).isEmpty)
    }

    @Test("work in progress is dropped, and what a worker brings late is refused")
    func workInProgress() throws {
        try fixture.receive(receipt(instance: 1, patient: "TRAUMA", .reanalyse))
        try fixture.queue.complete(try study(), evidence: .release, at: fixture.time(0))
        let lease = try fixture.leaseAnalysis(at: 1)
        try fixture.receive(receipt(instance: 2, patient: "DOE", .reanalyse), at: 2)
        #expect(throws: StudyQueueError(.leaseLost)) { try fixture.finish(lease, at: 3) }
        #expect(try fixture.queue.show(try study()).summary.revision == 2)
    }

    @Test("a study that an operator parked stays parked, and is corrected all the same")
    func parkedByOperator() throws {
        try fixture.receive(receipt(instance: 1, patient: "TRAUMA", .reanalyse))
        try fixture.queue.park(try study(), at: fixture.time(1))
        try fixture.receive(receipt(instance: 2, patient: "DOE", .reanalyse), at: 2)
        let summary = try fixture.queue.show(try study()).summary
        #expect(summary.state == .parked && summary.reason == .byOperator)
        #expect(try fixture.queue.patient(of: try study()).pseudonym == "DOE")
    }

    // MARK: Retention

    private func retire(before seconds: Double, at now: Double, limit: Int = 10) throws -> [String] {
        try fixture.pool.write {
            try fixture.queue.retireIdentity(
                ofStudiesDeliveredBefore: fixture.time(seconds), limit: limit, in: $0, at: fixture.time(now))
        }
    }

    @Test("identity is retired once, of delivered studies whose time is over, oldest first")
    func retention() throws {
        for number in 1...3 {
            let study = try fixture.analysedStudy(number, at: Double(number * 100))
            if number < 3 {
                try fixture.deliverAll(
                    try fixture.leaseDelivery(at: Double(number * 100 + 1)), at: Double(number * 100 + 1))
                #expect(try fixture.state(of: study) == .delivered)
                try fixture.queue.keep(from: RetentionClock(at: fixture.time(Double(number * 100 + 1))))
            }
        }
        #expect(try retire(before: 100, at: 1000) == [])
        #expect(try retire(before: 900, at: 1000, limit: 1) == ["2.25.71"])
        #expect(try retire(before: 900, at: 1000) == ["2.25.72"])
        #expect(try retire(before: 900, at: 1000) == [])
        let events = try fixture.queue.events().filter { $0.kind == .identityErased }
        #expect(events.count == 2 && events.allSatisfy { $0["instances"] == "1" && $0["state"] == "delivered" })
        #expect(try fixture.balance().isBalanced)
    }

    @Test("a late image of an erased study is taken, and is no correction: nothing is left to compare with")
    func lateAfterErasure() throws {
        try fixture.receive(receipt(instance: 1, patient: "OLD"))
        let study = try study()
        try fixture.queue.complete(study, evidence: .release, at: fixture.time(0))
        try fixture.finish(try fixture.leaseAnalysis(at: 1), at: 1)
        try fixture.deliverAll(try fixture.leaseDelivery(at: 1), at: 1)
        try fixture.queue.keep(from: RetentionClock(at: fixture.time(1)))
        #expect(try retire(before: 10, at: 10) == ["2.25.71"])
        try fixture.receive(receipt(instance: 2, patient: "NEW"), at: 20)
        try fixture.receive(receipt(instance: 1, content: 2, patient: "NEW"), at: 20)
        #expect(try corrections().isEmpty)
        #expect(try fixture.queue.patient(of: study).isIdentityErased)
        #expect(try fixture.state(of: study) == .receiving)
        #expect(try fixture.balance().isBalanced)
    }
}
