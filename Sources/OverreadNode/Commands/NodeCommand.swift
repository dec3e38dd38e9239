import DICOMCore
import StudyQueue

/// What an operator tells a node.
package enum NodeCommand: Hashable, Sendable {
    /// Read AETitles.conf again.
    case reload
    /// Go on with a parked study, or end the waiting time of one that waits for its next attempt.
    case retry(study: String)
    /// The same for parked studies: those that failed, or those that are parked for a reason; after a place in their order.
    case retryParked(reason: String?, after: Int64)
    /// Park a study.
    case park(study: String, note: OperatorNote?)
    /// Close a receiving study, or go on with one that an operator parked.
    case release(study: String)
    /// Take images of a source and neither analyse nor return anything of them; nil: of every source.
    case hold(source: String?)
    /// End what ``hold(source:)`` began; nil: all of it.
    case lift(source: String?)
}

/// A command as it goes over the socket: one line of JSON.
package struct CommandRequest: Codable, Hashable, Sendable {
    /// The version of requests and answers. A node answers its own only.
    package static let version = 1

    /// The names of commands.
    enum Word: String, Codable, CaseIterable {
        case reload, retry, park, release, hold, lift
        case retryParked = "retry-parked"
    }

    let version: Int
    let command: String
    var study: String?
    var source: String?
    var reason: String?
    var note: String?
    var after: Int64?

    /// The request for a command.
    package init(_ command: NodeCommand) {
        version = Self.version
        switch command {
        case .reload:
            self.command = Word.reload.rawValue
        case .retry(let study):
            self.command = Word.retry.rawValue
            self.study = study
        case .retryParked(let reason, let after):
            self.command = Word.retryParked.rawValue
            self.reason = reason
            self.after = after
        case .park(let study, let note):
            self.command = Word.park.rawValue
            self.study = study
            self.note = note?.text
        case .release(let study):
            self.command = Word.release.rawValue
            self.study = study
        case .hold(let source):
            self.command = Word.hold.rawValue
            self.source = source
        case .lift(let source):
            self.command = Word.lift.rawValue
            self.source = source
        }
    }

    /// What is asked for. Whoever sent it, nothing in it is used that is not of its field's form, and nothing of it is
    /// repeated in an error.
    package func nodeCommand() throws(CommandError) -> NodeCommand {
        guard version == Self.version else { throw .otherVersion }
        guard let word = Word(rawValue: command) else { throw .notUnderstood }
        switch word {
        case .reload: return .reload
        case .retry: return .retry(study: try NodeCommand.study(study))
        case .retryParked: return .retryParked(reason: try NodeCommand.reason(reason), after: max(0, after ?? 0))
        case .park: return .park(study: try NodeCommand.study(study), note: try NodeCommand.note(note))
        case .release: return .release(study: try NodeCommand.study(study))
        case .hold: return .hold(source: try NodeCommand.source(source))
        case .lift: return .lift(source: try NodeCommand.source(source))
        }
    }
}

extension NodeCommand {
    /// The opaque identifier of a study. What is typed instead of one may be a patient's name.
    package static func study(_ text: String?) throws(CommandError) -> String {
        guard let text, text.hasPrefix("s-"), (3...32).contains(text.utf8.count),
            text.utf8.dropFirst(2).allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) })
        else { throw .noStudyIdentifier }
        return text
    }

    /// A section of AETitles.conf; nil where none is named.
    package static func source(_ text: String?) throws(CommandError) -> String? {
        guard let text else { return nil }
        guard text == "*" || AETitle(text) != nil else { throw .noSection }
        return text
    }

    /// A reason as the queue log has it; nil where none is named.
    package static func reason(_ text: String?) throws(CommandError) -> String? {
        guard let text else { return nil }
        guard (1...48).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D })
        else { throw .noReason }
        return text
    }

    /// A note; nil where none is given.
    package static func note(_ text: String?) throws(CommandError) -> OperatorNote? {
        guard let text else { return nil }
        guard let note = OperatorNote(text) else { throw .noNote }
        return note
    }
}

/// What the node answers: one line of JSON.
package struct CommandAnswer: Codable, Hashable, Sendable {
    /// See ``CommandRequest/version``.
    package var version = CommandRequest.version
    /// Whether what was asked for is so now.
    package let ok: Bool
    /// Sentences for the operator.
    package let lines: [String]
    /// How many studies, or holds, are another way than before.
    package var changed = 0
    /// Where the next request of a command over many studies begins; nil when there is no more.
    package var next: Int64?

    /// It is done, or was before.
    static func done(_ lines: [String], changed: Int = 0, next: Int64? = nil) -> CommandAnswer {
        CommandAnswer(ok: true, lines: lines, changed: changed, next: next)
    }

    /// The same with more to say.
    func adding(_ more: [String]) -> CommandAnswer {
        CommandAnswer(ok: ok, lines: lines + more, changed: changed, next: next)
    }

    /// It is not done.
    static func refused(_ lines: String...) -> CommandAnswer { CommandAnswer(ok: false, lines: lines) }
}

/// Why a command was not taken; a sentence that says what to do.
package enum CommandError: String, Error, CustomStringConvertible {
    /// Not one line of JSON with a command in it.
    case notUnderstood = "that is no command of this node: use the overread program of the node's own version"
    /// Another version of the protocol.
    case otherVersion =
        "the node speaks another version of commands: use the overread program of the node's own version"
    /// More than a command needs.
    case tooLong = "the command is too long"
    /// It did not come in time.
    case tooSlow = "the command did not come in time"
    /// Another user's.
    case otherUser = "only the node's own user and root may command it"
    /// What is given is no study's name.
    case noStudyIdentifier = "a study is named s-…, as overread queue list names it"
    /// What is given is no AE title.
    case noSection = "a source is named by its section of AETitles.conf: at most 16 characters, or *"
    /// What is given is no reason.
    case noReason = "a reason is one word of lower-case letters, digits and hyphens, as overread queue list shows it"
    /// What is given is no note.
    case noNote =
        "a note is one word of at most 32 letters, digits and hyphens, such as the number of a ticket: it is written to the log"
    /// A node holds the folder, and nobody answers.
    case noAnswer =
        "a node, or another command, holds the data folder and takes no commands: see whether it is starting or stopping, and its log"

    /// The sentence.
    package var description: String { rawValue }
}
