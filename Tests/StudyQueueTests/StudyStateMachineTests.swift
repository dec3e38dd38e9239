import Testing

@testable import StudyQueue

@Suite("The study's state machine")
struct StudyStateMachineTests {
    /// Short names of states, parked ones as cause>resume.
    static let states: [String: StudyState] = [
        "receiving": .receiving, "complete": .complete, "analysing": .analysing, "analysed": .analysed,
        "delivering": .delivering, "delivered": .delivered,
        "op>receiving": .parked(Parking(reason: .byOperator, cause: .byOperator, resume: .receiving)),
        "op>complete": .parked(Parking(reason: .byOperator, cause: .byOperator, resume: .complete)),
        "op>analysed": .parked(Parking(reason: .byOperator, cause: .byOperator, resume: .analysed)),
        "op>delivered": .parked(Parking(reason: .byOperator, cause: .byOperator, resume: .delivered)),
        "an>complete": .parked(Parking(reason: .interrupted, cause: .analysis, resume: .complete)),
        "an>receiving": .parked(Parking(reason: .interrupted, cause: .analysis, resume: .receiving)),
        "id>receiving": .parked(Parking(reason: .identityCorrection, cause: .identity, resume: .receiving)),
        "de>analysed": .parked(Parking(reason: .destinationUnreachable, cause: .delivery, resume: .analysed)),
    ]

    static let events: [StudyEvent] = [
        .instanceHeld, .completed(.quiet), .analysisLeased, .analysisFinished(hasDeliveries: true),
        .analysisFinished(hasDeliveries: false), .analysisFailed, .analysisAbandoned(.interrupted), .leaseEnded,
        .deliveryLeased, .deliveryFinished, .deliveryAbandoned(.destinationUnreachable), .park(.byOperator), .retry,
        .release, .identityDoubted, .identityCorrected,
    ]

    /// Every state and every event: the next state, `+` for a new revision, `-` for not allowed. Columns as in
    /// `events`.
    static let table = """
        receiving    receiving     complete - - - - - - - - - op>receiving - complete id>receiving receiving
        complete     receiving     - analysing - - - - - - - - op>complete complete complete - -
        analysing    receiving+    - - analysed delivered complete an>complete complete - - - op>complete analysing analysing - -
        analysed     receiving+    - - - - - - - delivering delivered de>analysed op>analysed analysed analysed - -
        delivering   receiving+    - - - - - - delivering delivering delivered de>analysed op>analysed delivering delivering - -
        delivered    receiving+    - - - - - - - - - - op>delivered delivered delivered - -
        op>receiving op>receiving  - - - - - - - - - - op>receiving receiving receiving id>receiving op>receiving
        op>complete  op>receiving  - - - - - - - - - - op>complete complete complete id>receiving op>complete
        op>analysed  op>receiving+ - - - - - - - - - - op>analysed analysed analysed id>receiving op>analysed
        op>delivered op>receiving+ - - - - - - - - - - op>delivered delivered delivered id>receiving op>delivered
        an>complete  an>receiving  - - - - - - - - - - op>complete complete - id>receiving an>complete
        an>receiving an>receiving  - - - - - - - - - - op>receiving receiving - id>receiving an>receiving
        de>analysed  receiving+    - - - - - - - - - - op>analysed analysed - id>receiving de>analysed
        id>receiving id>receiving  - - - - - - - - - - - - - id>receiving receiving
        """

    @Test("each state takes each event as the table says")
    func table() throws {
        let rows = StudyStateMachineTests.table.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(Set(rows.map { $0[0] }) == Set(StudyStateMachineTests.states.keys))
        for row in rows {
            let state = try #require(StudyStateMachineTests.states[row[0]])
            #expect(row.count == StudyStateMachineTests.events.count + 1, "\(row[0])")
            for (event, expected) in zip(StudyStateMachineTests.events, row.dropFirst()) {
                expect(event, from: state, gives: expected)
            }
        }
    }

    private func expect(_ event: StudyEvent, from state: StudyState, gives expected: String) {
        var machine = StudyStateMachine(state: state, revision: 5)
        let before = machine
        if expected == "-" {
            #expect(throws: StudyQueueError(.illegalTransition), "\(event) from \(state)") {
                var refused = before
                _ = try refused.handle(event)
            }
            _ = try? machine.handle(event)
            #expect(machine == before, "a refused event changes nothing")
            return
        }
        let opensRevision = expected.hasSuffix("+")
        let name = opensRevision ? String(expected.dropLast()) : expected
        #expect(throws: Never.self, "\(event) from \(state)") { _ = try machine.handle(event) }
        #expect(machine.state == StudyStateMachineTests.states[name], "\(event) from \(state)")
        #expect(machine.revision == (opensRevision ? 6 : 5), "\(event) from \(state)")
    }

    /// Everything that can be reached from a new study, with the event and the actions that lead on.
    static func reachable() -> [(
        from: StudyStateMachine, event: StudyEvent, to: StudyStateMachine, actions: [StudyAction]
    )] {
        var steps: [(StudyStateMachine, StudyEvent, StudyStateMachine, [StudyAction])] = []
        var seen: Set<StudyStateMachine> = [StudyStateMachine()]
        var front = Array(seen)
        while let machine = front.popLast() {
            for event in events {
                var next = machine
                guard let actions = try? next.handle(event) else { continue }
                steps.append((machine, event, next, actions))
                if next.revision <= 3, seen.insert(next).inserted { front.append(next) }
            }
        }
        return steps
    }

    @Test("the table holds every state that can be reached")
    func reachableStatesAreInTheTable() {
        let reached = Set(StudyStateMachineTests.reachable().map(\.to.state))
        #expect(reached == Set(StudyStateMachineTests.states.values))
    }

    @Test("every change is logged exactly once")
    func everyChangeIsLogged() {
        for step in StudyStateMachineTests.reachable() {
            let logs = step.actions.filter { if case .log = $0 { true } else { false } }
            let isChange = step.from != step.to
            #expect(logs.count <= 1 && (logs.count == 1 || !isChange), "\(step.event) from \(step.from.state)")
        }
    }

    @Test("what an operator parks or releases stays so when the command is given again, and nothing is logged")
    func commandsMayBeGivenTwice() throws {
        for step in StudyStateMachineTests.reachable() where [.park(.byOperator), .release].contains(step.event) {
            var machine = step.to
            // One that was parked while it received goes on receiving; told a second time, it is closed.
            if step.event == .release, machine.state == .receiving { continue }
            #expect(try machine.handle(step.event) == [], "\(step.event) from \(step.from.state)")
            #expect(machine == step.to)
        }
    }

    @Test("an image can be taken in every state, and is in a revision that is still to be analysed")
    func imagesAreAlwaysTaken() throws {
        for step in StudyStateMachineTests.reachable() {
            var machine = step.to
            _ = try machine.handle(.instanceHeld)
            switch machine.state {
            case .receiving: break
            case .parked(let parking): #expect(parking.resume == .receiving)
            default: Issue.record("an image after \(step.to.state) leaves the study \(machine.state)")
            }
        }
    }

    @Test("a new revision supersedes the old one and takes its leases back")
    func newRevisionsSupersede() {
        for step in StudyStateMachineTests.reachable() where step.to.revision != step.from.revision {
            #expect(step.to.revision == step.from.revision + 1)
            #expect(step.actions.contains(.revokeLeases))
            #expect(step.actions.contains(.supersede(revision: step.from.revision)))
            #expect(step.actions.contains(.open(revision: step.to.revision)))
        }
    }

    @Test("who parks a study takes the leases back")
    func parkingRevokesLeases() {
        for step in StudyStateMachineTests.reachable() where step.from.state.kind != .parked {
            if step.to.state.kind == .parked { #expect(step.actions.contains(.revokeLeases), "\(step.event)") }
        }
    }

    @Test("from every state there is a way to delivered")
    func deliveredCanBeReached() {
        let steps = StudyStateMachineTests.reachable()
        var good: Set<StudyState> = [.delivered]
        while true {
            let more = Set(steps.filter { good.contains($0.to.state) }.map(\.from.state)).subtracting(good)
            if more.isEmpty { break }
            good.formUnion(more)
        }
        #expect(good == Set(StudyStateMachineTests.states.values))
    }
}

@Suite("Back-off")
struct BackOffTests {
    @Test("it doubles up to the cap")
    func doubles() {
        let backOff = BackOff(base: .seconds(5), cap: .seconds(60), jitter: 0)
        var generator = SystemRandomNumberGenerator()
        let waits = (0...6).map { backOff.delay(afterAttempt: $0, using: &generator) }
        #expect(waits == [5, 5, 10, 20, 40, 60, 60].map { .seconds($0) })
        #expect(backOff.delay(afterAttempt: .max, using: &generator) == .seconds(60))
    }

    @Test("jitter takes off at most its part, and differs")
    func jitter() {
        let backOff = BackOff(base: .seconds(100), cap: .seconds(100), jitter: 0.25)
        var generator = SystemRandomNumberGenerator()
        let waits = (0..<200).map { _ in backOff.delay(afterAttempt: 1, using: &generator) }
        #expect(waits.allSatisfy { (.seconds(75)...Duration.seconds(100)).contains($0) })
        #expect(Set(waits).count > 100)
    }

    @Test("odd arguments are held in bounds")
    func bounds() {
        var generator = SystemRandomNumberGenerator()
        #expect(
            BackOff(base: .seconds(-1), cap: .seconds(-5), jitter: .nan).delay(afterAttempt: 9, using: &generator)
                == .zero)
        #expect(BackOff(base: .seconds(9), cap: .seconds(1), jitter: 7).jitter == 1)
    }
}

@Suite("Reason codes")
struct ReasonCodeTests {
    enum Cause: String, CaseIterable { case bodyPartNotAccepted, nan, withSpace = "has space" }

    @Test("they come from literals and closed enumerations in one form")
    func forms() {
        #expect(ReasonCode(Cause.bodyPartNotAccepted).rawValue == "body-part-not-accepted")
        #expect(ReasonCode(Cause.nan) == "nan")
        #expect(ReasonCode(Cause.withSpace) == .unspecified)
        #expect(ReasonCode(stored: "Doe^John") == nil)
    }
}
