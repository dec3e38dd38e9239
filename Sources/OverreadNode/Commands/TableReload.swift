import DICOMNetwork
import Foundation
import Glibc
import Logging
import StudyQueue

/// Reads AETitles.conf again while the node runs, and puts it in force whole or not at all.
///
/// No association is dropped: what was negotiated stays as it was, and each further object is taken by the new table.
struct TableReload: Sendable {
    let file: String
    let table: AETitleDirectory
    let queue: StudyQueue
    let listener: AssociationListener
    let deliveries: DeliveryPool
    let signals: WorkSignals
    let logger: Logger
    /// What was read at the start, and is in force until the next one.
    let started: StartedNode
    /// Of a broken file, so many errors are told.
    private static let maximumLines = 50

    /// Reads, checks, puts in force. Blocks while host names are looked up.
    @available(*, noasync, message: "blocks: call it from a thread")
    func run(by person: OperatorID?) -> CommandAnswer {
        let new: AETitleTable
        do {
            new = try AETitleTable(contentsOf: file)
        } catch {
            return refuse(error, by: person)
        }
        do {
            let sources = new.sourceNames
            let destinations = new.destinationNames
            try queue.recordReload(
                hold: new.hold, sources: sources.count, destinations: destinations.count, by: person, at: Date())
            listener.setLimits(new.limits)
            table.replace(with: new)
            deliveries.adjust(to: new)
            let orphans = parkOrphans()
            signals.raise()
            let answer = CommandAnswer.done(
                ["AETitles.conf is in force: sources \(sources.count), destinations \(destinations.count)"]
                    + new.holdSentences + started.differences(to: new.node)
                    + orphans, changed: 1)
            for line in answer.lines { logger.notice("reload", metadata: ["said": "\(line)"]) }
            return answer
        } catch {
            logger.error("AETitles.conf not reloaded", metadata: ["error": "\(error)"])
            return .refused("AETitles.conf is good, and the queue cannot be written: overread doctor")
        }
    }

    /// What waits for destinations that AETitles.conf has no more would wait for ever. Says what became of it, if there was any.
    @available(*, noasync, message: "blocks: call it from a thread")
    func parkOrphans() -> [String] {
        do {
            let count = try queue.failDeliveries(
                toDestinationsOtherThan: Set(table.current.destinationNames), at: Date())
            return count > 0 ? ["results for destinations that are gone are parked: \(count) objects"] : []
        } catch {
            logger.error("results for destinations that are gone are not parked", metadata: ["error": "\(error)"])
            return ["results for destinations that are gone could not be parked: overread reload again"]
        }
    }

    private func refuse(_ error: any Error, by person: OperatorID?) -> CommandAnswer {
        let diagnostics = (error as? AETitleTableError)?.diagnostics.map(\.description) ?? ["\(error)"]
        for line in diagnostics.prefix(Self.maximumLines) {
            logger.error("AETitles.conf", metadata: ["error": "\(line)"])
        }
        logger.error("AETitles.conf not reloaded: the one before stays in force")
        try? queue.recordRefusedReload(errors: diagnostics.count, by: person, at: Date())
        signals.clock.raise()
        return CommandAnswer(
            ok: false,
            lines: diagnostics.prefix(Self.maximumLines)
                + ["AETitles.conf is not reloaded, and the one before stays in force (errors: \(diagnostics.count))"])
    }
}

/// What of the node's own section, and of the files that it names, is read at the start only.
struct StartedNode: Sendable {
    private let node: NodeEntity
    private let stamps: [String: Stamp]

    /// Tells whether a file is the one that was read.
    private struct Stamp: Equatable {
        let inode: UInt64
        let seconds: Int
        let nanoseconds: Int
    }

    /// As the node starts.
    init(_ node: NodeEntity) {
        self.node = node
        stamps = Self.stamps(node.tls)
    }

    /// A sentence for each difference that only a start puts in force.
    func differences(to new: NodeEntity) -> [String] {
        var sentences: [String] = []
        func tell(_ key: String, _ old: String, _ now: String) {
            if old != now { sentences.append("\(key) is \(old) until the node is restarted, and \(now) then") }
        }
        tell("port", "\(node.port)", "\(new.port)")
        tell("tls-port", Self.text(node.tls.map { "\($0.port)" }), Self.text(new.tls.map { "\($0.port)" }))
        tell("tls-certificate", Self.text(node.tls?.certificate), Self.text(new.tls?.certificate))
        tell("tls-key", Self.text(node.tls?.key), Self.text(new.tls?.key))
        tell("tls-trust", Self.text(node.tls?.trust), Self.text(new.tls?.trust))
        let now = Self.stamps(node.tls)
        for path in stamps.keys.sorted() where now[path] != stamps[path] {
            sentences.append("\(path) has changed: the node reads it when it is restarted")
        }
        return sentences
    }

    private static func text(_ value: String?) -> String { value ?? "none" }

    private static func stamps(_ tls: NodeTLS?) -> [String: Stamp] {
        var stamps: [String: Stamp] = [:]
        for path in [tls?.certificate, tls?.key, tls?.trust].compactMap({ $0 }) {
            var status = stat()
            guard stat(path, &status) == 0 else { continue }
            stamps[path] = Stamp(
                inode: UInt64(status.st_ino), seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
        }
        return stamps
    }
}

extension AETitleTable {
    /// The names of its sources.
    var sourceNames: [String] { entities.filter { $0.source != nil }.map(\.name) }

    /// The names of its destinations.
    var destinationNames: [String] { entities.filter { $0.destination != nil }.map(\.name) }

    /// Whose studies it holds.
    var hold: Hold { node.isHeld ? .everything : .sources(Set(heldSources)) }

    /// `hold = on`, in sentences.
    var holdSentences: [String] {
        if node.isHeld { return ["hold = on: images are taken, nothing is analysed or returned"] }
        if heldSources.isEmpty { return [] }
        return ["hold = on for \(heldSources.joined(separator: ", ")): nothing of them is analysed or returned"]
    }

    /// How many associations it allows.
    var limits: AssociationLimits {
        var limits = AssociationLimits()
        limits.total = node.maximumAssociations
        limits.perHost = (node.maximumAssociations + 1) / 2
        return limits
    }

    private var heldSources: [String] { entities.filter { $0.source?.isHeld == true }.map(\.name) }
}
