import DICOMNetwork
import Foundation
import GRDB
import StudyQueue

/// Does operators' commands on the queue: for the running node, and for the command line where none runs.
struct QueueCommands: Sendable {
    let queue: StudyQueue
    /// The sources of AETitles.conf; nil when it cannot be read.
    let sources: @Sendable () -> [String]?

    /// Does it, and says in sentences what is so now. ``NodeCommand/reload`` is not the queue's.
    @available(*, noasync, message: "blocks: call it from a thread")
    func perform(_ command: NodeCommand, by person: OperatorID) -> CommandAnswer {
        do {
            let now = Date()
            switch command {
            case .retry(let study):
                return try tell(study, try queue.retry(study, by: person, at: now), else: "there is nothing to retry")
            case .park(let study, let note):
                return try tell(
                    study, try queue.park(study, note: note, by: person, at: now), else: "nothing is changed")
            case .release(let study):
                return try tell(study, try queue.release(study, by: person, at: now), else: "nothing keeps it back")
            case .retryParked(let reason, let place): return try retry(reason, after: place, person, now)
            case .hold(let source): return try hold(source, person, now)
            case .lift(let source): return try lift(source, person, now)
            case .reload:
                return .refused("no node runs on this data folder: it reads AETitles.conf when it starts")
            }
        } catch let error as StudyQueueError {
            return .refused(explanation(of: error, to: command))
        } catch let error as DatabaseError {
            return .refused("the queue cannot be written (\(error.resultCode)): overread doctor")
        } catch {
            return .refused("the queue cannot be written: overread doctor")
        }
    }

    // MARK: One study

    private func tell(
        _ study: String, _ outcome: OperatorOutcome, else nothing: String
    ) throws -> CommandAnswer {
        let (summary, isChanged) = (try queue.show(study).summary, outcome == .changed(outcome.state))
        let state = "\(study) is \(outcome.state.rawValue)\(summary.reason.map { " (\($0))" } ?? "")"
        var lines = [isChanged ? state : "\(state): \(nothing)"]
        if summary.isHeld { lines.append("it waits: \(summary.source) is held, as overread queue list says") }
        return .done(lines, changed: isChanged ? 1 : 0)
    }

    private func explanation(of error: StudyQueueError, to command: NodeCommand) -> String {
        switch (error.code, command) {
        case (.unknownStudy, .retry(let study)), (.unknownStudy, .park(let study, _)),
            (.unknownStudy, .release(let study)):
            "there is no study \(study) here: overread queue list names those that are"
        case (.illegalTransition, .retry(let study)), (.illegalTransition, .park(let study, _)),
            (.illegalTransition, .release(let study)):
            explanation(of: study, to: command)
        default: "\(error)"
        }
    }

    /// Why the study's state does not allow the command, and which one it allows.
    private func explanation(of study: String, to command: NodeCommand) -> String {
        let summary = try? queue.show(study).summary
        if summary?.reason == .identityCorrection {
            return
                "the patient of \(study) is in doubt, which no command decides: see \"Identity\" in docs/operations.md"
        }
        switch (summary?.state, command) {
        case (.receiving, .retry):
            return "\(study) still receives images: overread queue release \(study) closes it"
        case (.parked, .release):
            return "\(study) was not parked by an operator, but failed: overread queue retry \(study)"
        default: return "\(study) is \(summary?.state.rawValue ?? "gone"), and that does not go with this command"
        }
    }

    // MARK: Many

    private func retry(
        _ reason: String?, after place: Int64, _ person: OperatorID, _ now: Date
    ) throws -> CommandAnswer {
        let page = try queue.retryParked(for: reason, after: place, by: person, at: now)
        return .done(
            page.next == nil ? try parkedLines() : [], changed: page.studies, next: page.next)
    }

    /// What is still parked.
    private func parkedLines() throws -> [String] {
        try queue.parkedReasons().sorted { $0.key < $1.key }.map { "still parked: \($0.value) \($0.key)" }
    }

    // MARK: Holds

    private func hold(_ source: String?, _ person: OperatorID, _ now: Date) throws -> CommandAnswer {
        if let source, try !isKnown(source) { return refusedUnknown() }
        let isNew = try queue.hold(source: source, by: person, at: now)
        let (name, option) = (source ?? "every source", source.map { "--source \($0)" } ?? "--all")
        return .done(
            [
                "\(name) is held\(isNew ? "" : " already"): images are taken, nothing of them is analysed or returned; "
                    + "overread queue release \(option) ends it"
            ], changed: isNew ? 1 : 0)
    }

    private func lift(_ source: String?, _ person: OperatorID, _ now: Date) throws -> CommandAnswer {
        let lifted = try queue.liftHold(source: source, by: person, at: now)
        if lifted.isEmpty, let source, try !isKnown(source) { return refusedUnknown() }
        var lines = lifted.map { "\($0.isEmpty ? "every source" : $0) is not held by command any more" }
        if lines.isEmpty { lines = ["no command held \(source == nil ? "anything" : "it")"] }
        lines += try queue.holds().filter { source == nil || $0.source == nil || $0.source == source }.map(
            Self.sentence)
        return .done(lines, changed: lifted.count)
    }

    /// Any name is, while AETitles.conf cannot be read: AI can be switched off then too.
    private func isKnown(_ source: String) throws -> Bool {
        try sources()?.contains(source) != false || queue.knowsSource(source)
    }

    /// What was typed is not repeated: it may be anything.
    private func refusedUnknown() -> CommandAnswer {
        let known = (sources() ?? []).joined(separator: ", ")
        return .refused("AETitles.conf has no source of that name, and no study came from one; it has \(known)")
    }

    /// A hold that is in force, and how to end it.
    static func sentence(_ hold: ActiveHold) -> String {
        let name = hold.source ?? "every source"
        let since = hold.since.formatted(.iso8601)
        switch hold.origin {
        case .conf: return "\(name) is held by AETitles.conf since \(since): hold = off and overread reload end it"
        case .byOperator:
            let option = hold.source.map { "--source \($0)" } ?? "--all"
            return "\(name) is held by command\(hold.uid.map { " of user \($0)" } ?? "") since \(since): "
                + "overread queue release \(option) ends it"
        }
    }
}
