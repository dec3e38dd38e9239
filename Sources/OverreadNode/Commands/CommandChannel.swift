import DICOMNetwork
import Foundation
import Glibc
import StudyQueue

/// Where the command line's commands go: to the node that runs on the data folder, or, where none runs, to the store
/// itself, whose lock is held until the channel goes.
package final class CommandChannel {
    private let configuration: NodeConfiguration
    /// Seconds that a node gets to open its socket.
    private let patience: Double
    private var store: (lock: DataFolderLock, commands: QueueCommands)?

    /// To the node of an installation.
    ///
    /// - Throws: ``NodeError/noDataFolder(_:)`` when none has ever run there.
    package init(_ configuration: NodeConfiguration, patience: Double = 5) throws {
        guard NodeStore.exists(configuration) else { throw NodeError.noDataFolder(configuration.dataFolder) }
        self.patience = patience
        self.configuration = configuration
    }

    /// Has a command done.
    ///
    /// - Throws: ``CommandError`` when a node is there that does not answer, and what opening the store throws.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func send(_ command: NodeCommand) throws -> CommandAnswer {
        // A node that starts or stops has the lock and no socket.
        let deadline = Date(timeIntervalSinceNow: patience)
        repeat {
            if store == nil, let answer = try CommandClient.send(command, to: configuration.dataFolder) {
                return answer
            }
            if let commands = try commandsOfMyOwn() { return commands.perform(command, by: OperatorID(uid: geteuid())) }
            Thread.sleep(forTimeInterval: 0.1)
        } while Date() < deadline
        throw CommandError.noAnswer
    }

    /// Goes on with parked studies page by page until there are no more, so that no transaction is long. The answer is the
    /// last page's, with the count of all.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func retryParked(reason: String?) throws -> CommandAnswer {
        var (count, place): (Int, Int64) = (0, 0)
        while true {
            var answer = try send(.retryParked(reason: reason, after: place))
            count += answer.changed
            answer.changed = count
            guard answer.ok, let next = answer.next else { return answer }
            place = next
        }
    }

    /// Nil when another process holds the data folder.
    @available(*, noasync)
    private func commandsOfMyOwn() throws -> QueueCommands? {
        if let store { return store.commands }
        ProcessHardening.apply()
        let lock: DataFolderLock
        do {
            lock = try DataFolderLock(configuration)
        } catch NodeError.dataFolderInUse {
            return nil
        }
        let file = configuration.aeTitlesFile
        let commands = QueueCommands(queue: try NodeStore(configuration).queue) {
            // Only the names of sections are wanted: no name server is asked.
            let nowhere = HostResolver { Dictionary($0.map { ($0, ["127.0.0.1"]) }) { first, _ in first } }
            return try? AETitleTable(contentsOf: file, resolver: nowhere).sourceNames
        }
        store = (lock, commands)
        return commands
    }
}
