import ArgumentParser
import OverreadNode

struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Have the running node read AETitles.conf again.",
        discussion: """
            The node reads the file that it was started with, whole, looks host names up again, and puts it in force \
            without dropping an association: what was negotiated stays, each further image is taken by the new file. What \
            waits for a start (ports, certificates) is said. A file with an error is refused with file, line and column, \
            and the one before stays in force; the exit status is 1 then.
            """)
    @OptionGroup var folders: FolderOptions
    @OptionGroup var output: JSONOption

    func run() async throws {
        let configuration = folders.configuration
        try output.tell(try await onThread { try CommandChannel(configuration).send(.reload) })
    }
}

extension JSONOption {
    /// Prints what a node answered; what it refused goes to standard error, with exit status 1.
    func tell(_ answer: CommandAnswer) throws {
        if json {
            try print(answer)
        } else if answer.ok {
            for line in answer.lines { Swift.print(line) }
        } else {
            complain(answer.lines.joined(separator: "\n"))
        }
        if !answer.ok { throw ExitCode(1) }
    }
}
