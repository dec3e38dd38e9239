import ArgumentParser
import Foundation
import Logging
import OverreadNode
import ServiceLifecycle
import UnixSignals

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the node.",
        discussion: """
            Prints "ready port=…" when it listens. SIGTERM or SIGINT stops it: no new association is taken, messages in \
            progress are finished, work that is not done is taken up at the next start. SIGHUP, or overread reload, reads \
            AETitles.conf again.
            """)

    @OptionGroup var folders: FolderOptions
    @Option(
        help: ArgumentHelp(
            "Erase the identity of a study so long after its delivery (90d, or OVERREAD_IDENTITY_RETENTION; off: never).",
            valueName: "time"))
    var identityRetention: String?
    @OptionGroup(title: "What is kept") var keeping: KeepingOptions
    @Option(help: "How much is logged to stderr: debug, info, warning, error.")
    var logLevel: String = "info"

    func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError("--log-level takes debug, info, warning or error")
        }
    }

    func run() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "overread")
        logger.logLevel = Logger.Level(rawValue: logLevel) ?? .info
        let configuration = folders.configuration(
            identityRetention: identityRetention, keeping: keeping.values)
        // Before anything that takes time: a SIGHUP during the start is kept, where it would end the process.
        let hangUps = await UnixSignalsSequence(trapping: .sighup)
        let node = try await onThread { [logger] in try Node(configuration, logger: logger) }
        var group = ServiceGroupConfiguration(
            services: [node, ReloadOnHangUp(node: node, hangUps: hangUps)],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(configuration.stopDeadline * 3)
        try await ServiceGroup(configuration: group).run()
    }
}

/// Has the node read AETitles.conf again at each SIGHUP.
private struct ReloadOnHangUp: Service {
    let node: Node
    let hangUps: UnixSignalsSequence

    func run() async throws {
        for await _ in hangUps.cancelOnGracefulShutdown() { node.requestReload() }
    }
}

/// Runs what blocks on a thread of its own and waits for it without holding a thread of the cooperative pool.
func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        let thread = Thread { continuation.resume(with: Result(catching: body)) }
        thread.stackSize = 8 << 20
        thread.start()
    }
}
