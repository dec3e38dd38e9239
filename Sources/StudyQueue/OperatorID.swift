/// Who gave a command: a user of the operating system, by number. Names of users are often names of people.
package struct OperatorID: Hashable, Sendable {
    /// The user's number.
    package let uid: UInt32

    /// A user.
    package init(uid: UInt32) { self.uid = uid }
}

extension OperatorID? {
    /// The field that says who it was; none for the node itself.
    var fields: [QueueEventField] { map { [.by($0)] } ?? [] }
}

/// What an operator writes to a study: a word or the number of a ticket, of letters, digits and hyphens.
///
/// It is the one text of a person in the queue log. A form without spaces and dots keeps sentences, names of patients and
/// UIDs out of it, and what drives a terminal.
package struct OperatorNote: Hashable, Sendable {
    /// The note.
    package let text: String

    /// Nil when it is not of that form, or longer than 32 characters.
    package init?(_ text: String) {
        let isWord = text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
        }
        guard isWord, (1...32).contains(text.utf8.count) else { return nil }
        self.text = text
    }
}
