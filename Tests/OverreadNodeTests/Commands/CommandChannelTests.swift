import DICOMNetwork
import Foundation
import GRDB
import NodeTestSupport
import StudyQueue
import Testing

@testable import OverreadNode

/// Commands where no node runs: the same as a node does them, on a store that is held meanwhile.
@Suite struct CommandChannelTests {
    private let folder: TemporaryFolder
    private let configuration: NodeConfiguration

    init() throws {
        folder = try TemporaryFolder()
        configuration = NodeConfiguration(
            flags: .init(data: folder.path("data"), aeTitles: folder.path("AETitles.conf")), environment: [:])
        let sections =
            "[NODE]\nrole = self\n[PACS]\nrole = destination\nhost = 127.0.0.1\nport = 104\n"
            + "[CT]\nrole = source\nhost = ct.invalid\nresults = PACS\n"
        try sections.write(toFile: configuration.aeTitlesFile, atomically: true, encoding: .utf8)
    }

    /// A study that receives.
    private func study(_ number: Int = 1) throws -> String {
        let store = try NodeStore(configuration)
        let id = String(repeating: "0", count: 15) + "\(number)"
        let receipt = InstanceReceipt(
            instanceID: id, sopInstanceUID: "2.25.9\(number)", digest: [UInt8](repeating: 1, count: 32),
            studyUID: "2.25.7\(number)", seriesUID: "2.25.8\(number)", patientPseudonym: "OVR-\(number)", source: "OLD",
            sopClassUID: "1.2.840.10008.5.1.4.1.1.1.1", transferSyntaxUID: "1.2.840.10008.1.2.1", file: "\(id).dcm",
            byteCount: 100, isAnalysable: true, destinations: ["PACS"], quiet: .seconds(3600))
        let outcome = try store.database.write { try store.queue.record(receipt, in: $0, at: Date()) }
        guard case .committed(let reference) = outcome else { throw TestSupportError("not committed") }
        return reference.study
    }

    private func send(_ command: NodeCommand) throws -> CommandAnswer {
        try CommandChannel(configuration).send(command)
    }

    @Test func commandsSayWhatIsSoNowAndWhatToDo() throws {
        let study = try study()
        func expect(_ command: NodeCommand, _ ok: Bool, _ changed: Int, _ text: String, line: Int = #line) throws {
            let answer = try send(command)
            let said = answer.lines.joined(separator: "\n")
            #expect(answer.ok == ok && answer.changed == changed && said.contains(text), "line \(line): \(answer)")
        }
        try expect(.retry(study: study), false, 0, "overread queue release \(study) closes it")
        try expect(.park(study: study, note: OperatorNote("T-1")), true, 1, "\(study) is parked (by-operator)")
        try expect(.park(study: study, note: OperatorNote("T-1")), true, 0, "nothing is changed")
        try expect(.release(study: study), true, 1, "\(study) is receiving")
        try expect(.release(study: study), true, 1, "\(study) is complete")
        try expect(.release(study: study), true, 0, "nothing keeps it back")
        try expect(.retry(study: "s-none"), false, 0, "there is no study s-none here")
        try expect(.hold(source: "OTHER"), false, 0, "AETitles.conf has no source of that name")
        try expect(.lift(source: "OTHER"), false, 0, "AETitles.conf has no source of that name")
        try expect(.hold(source: "CT"), true, 1, "CT is held: images are taken")
        try expect(.hold(source: "CT"), true, 0, "CT is held already")
        // Of a section that is gone, and whose studies wait.
        try expect(.hold(source: "OLD"), true, 1, "OLD is held")
        try expect(.retry(study: study), true, 1, "it waits: OLD is held")
        try expect(.hold(source: nil), true, 1, "every source is held")
        #expect(try QueueReading(configuration).holdSentences().count == 3)
        #expect(Doctor(configuration).examine(callsPeers: false).count { $0.subject == "hold" } == 3)
        try expect(.lift(source: "CT"), true, 1, "every source is held by command of user \(geteuid())")
        try expect(.lift(source: nil), true, 2, "OLD is not held by command any more")
        try expect(.lift(source: nil), true, 0, "no command held anything")
        try expect(.reload, false, 0, "no node runs")
        let events = try QueueReading(configuration).events(after: 0, study: nil, source: nil)
        #expect(events.count { $0["by"] == "\(geteuid())" } == 3 + 3 + 1 + 3)
    }

    @Test func aHoldNeedsNoGoodAETitlesConf() throws {
        _ = try study()
        try "broken".write(toFile: configuration.aeTitlesFile, atomically: true, encoding: .utf8)
        #expect(try send(.hold(source: nil)).ok)
        #expect(try send(.hold(source: "OLD")).ok)
        #expect(try send(.hold(source: "UNHEARD_OF")).ok, "nothing says that there is none")
    }

    @Test func theStoreIsHeldMeanwhileAndWhoHoldsItIsNotPassedBy() throws {
        let study = try study()
        let channel = try CommandChannel(configuration, patience: 0)
        _ = try channel.send(.park(study: study, note: nil))
        #expect(throws: NodeError.self) { try DataFolderLock(configuration) }
        #expect(throws: CommandError.noAnswer) {
            try CommandChannel(configuration, patience: 0.2).send(.release(study: study))
        }
        #expect(try channel.send(.release(study: study)).ok)
    }

    @Test func whereNoNodeEverRanThereIsNothingToCommand() throws {
        #expect(throws: NodeError.self) { try CommandChannel(configuration) }
        #expect(!FileManager.default.fileExists(atPath: configuration.dataFolder))
    }

    @Test(arguments: ["Doe^Jane", "", "s-", "S-1", "s-1 ", "s-../x", String(repeating: "s-", count: 40)])
    func whatIsTypedInsteadOfAStudyIsNotRepeated(_ text: String) throws {
        let error = #expect(throws: CommandError.self) { try NodeCommand.study(text) }
        #expect(error == .noStudyIdentifier && !"\(CommandError.noStudyIdentifier)".contains("Doe"))
    }
}
