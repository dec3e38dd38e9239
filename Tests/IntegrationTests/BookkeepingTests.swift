import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// The balance on real data folders: what is lost by hand is named, by the command and by the running node.
    @Suite(.serialized) struct BookkeepingTests {
        /// What a person with the sqlite3 shell can do.
        private static let losses = [
            "DELETE FROM instance WHERE journal_seq = 2",
            "DROP TRIGGER journal_no_delete; DELETE FROM journal WHERE seq = 2",
            "DROP TRIGGER journal_no_delete; DELETE FROM journal WHERE seq = 3",
            "DELETE FROM sealed_identity WHERE instance_id = (SELECT id FROM instance WHERE journal_seq = 2)",
            "DELETE FROM revision",
            "DELETE FROM study",
            "UPDATE instance SET digest = zeroblob(32) WHERE journal_seq = 2",
        ]

        @Test(.enabled(if: PeerTool.available("storescu") && PeerTool.pythonAvailable, "needs dcmtk, .deps/python"))
        func whatIsLostByHandIsNamedAndTheExitStatusIsOne() async throws {
            let installation = try NodeInstallation(
                sections: Peers.sections(pacsPort: try freePort(), quiet: "1h"), spareFiles: "0")
            let node = try await installation.start()
            try await node.storescu(3, in: installation.path("dx"))
            try await node.process.killGroup()
            #expect(try await installation.queue("balance").succeeded)

            let instances = try await installation.rows("SELECT id FROM instance ORDER BY journal_seq")
            for sql in Self.losses {
                let lost = try await installation.copy()
                try await lost.sql("PRAGMA foreign_keys = OFF; \(sql)")
                let balance = try await lost.queue("balance")
                #expect(balance.end == .exited(1), "\(sql)\n\(balance.everything)")
                let named = sql.contains("seq = 3") ? instances[2] : instances[1]
                #expect(balance.output.contains("instance=\(named)"), "\(sql)\n\(balance.everything)")
                let json = try await lost.queue("balance", "--json")
                #expect(json.end == .exited(1) && json.output.contains("\"instance\" : \"\(named)\""))
            }
            let lost = try await installation.copy()
            try FileManager.default.removeItem(atPath: lost.spoolFile(instances[1]))
            let balance = try await lost.queue("balance")
            #expect(balance.end == .exited(1) && balance.output.contains("file-missing instance=\(instances[1])"))
        }

        @Test(.enabled(if: PeerTool.available("storescu") && PeerTool.pythonAvailable, "needs dcmtk, .deps/python"))
        func theRunningNodeSaysWhenTheBooksBreakAndWhenTheyHoldAgain() async throws {
            let installation = try NodeInstallation(
                sections: Peers.sections(pacsPort: try freePort(), quiet: "1h"), spareFiles: "0")
            let node = try await installation.start(environment: ["OVERREAD_BALANCE_PERIOD": "1s"])
            try await node.storescu(3, in: installation.path("dx"))
            let (healthy, _) = try await installation.check()
            #expect(healthy == 0)
            let instance = try await installation.rows("SELECT id FROM instance ORDER BY journal_seq")[1]
            let file = installation.spoolFile(instance)
            try FileManager.default.moveItem(atPath: file, toPath: file + ".away")
            let begun = try await node.alert("alert-begun", "balance-broken")
            #expect(begun["finding"] == "file-missing" && begun["instance"] == instance)
            let (broken, lines) = try await installation.check()
            #expect(
                broken == 2 && lines.contains("CRITICAL balance-broken: file-missing instance=\(instance)"), "\(lines)")
            try FileManager.default.moveItem(atPath: file + ".away", toPath: file)
            try await node.alert("alert-ended", "balance-broken")
            #expect(try await installation.check().status == 0)
            // Broken while no node ran: seen at the next start.
            try await node.process.killGroup()
            try FileManager.default.removeItem(atPath: file)
            let again = try await installation.start()
            try await eventually("the loss is seen at start", context: { again.process.tail }) {
                try await installation.check().status == 2
            }
            #expect(installation.queueEvents.count { $0.event == "alert-begun" } == 2)
            // It goes on over a restart: it is neither over nor begun again.
            try await again.process.killGroup()
            let third = try await installation.start(environment: ["OVERREAD_BALANCE_PERIOD": "1s"])
            try await eventually("the loss is seen again", context: { third.process.tail }) {
                third.process.errors.contains("the books do not balance")
            }
            try await Task.sleep(for: .seconds(6))
            #expect(installation.queueEvents.count { $0.event.hasPrefix("alert-") } == 3)
        }

        @Test(.enabled(if: PeerTool.available("storescu") && PeerTool.pythonAvailable, "needs dcmtk, .deps/python"))
        func theCheckSaysHowItIsByItsExitStatus() async throws {
            let installation = try NodeInstallation(
                sections: Peers.sections(pacsPort: try freePort(), quiet: "1s"), models: "/nonexistent", spareFiles: "0"
            )
            #expect(try await installation.check().status == 3)
            let node = try await installation.start()
            #expect(try await installation.check().lines == "OK nothing to do\n")
            try await node.storescu(1, in: installation.path("dx"))
            try await node.event("study-complete")
            // As an analysis that failed for good leaves it.
            try await installation.sql(
                """
                UPDATE study SET state = 'parked', park_reason = 'model-failed', park_cause = 'analysis',
                  park_resume = 'complete'
                """)
            let (parked, line) = try await installation.check()
            #expect(parked == 1 && line.hasPrefix("WARNING study-parked: 1 "), "\(line)")
            try await node.alert("alert-begun", "study-parked")
            let json = try await installation.overread(
                ["queue", "check", "--json", "--data", installation.data, "--keys", installation.keys]
                    + ["--ae-titles", installation.aeTitles])
            #expect(json.end == .exited(1) && json.output.contains("\"kind\" : \"study-parked\""))
            #expect(json.output.contains("\"since\""), "\(json.output)")

            let key = installation.keys + "/vault.key"
            try FileManager.default.moveItem(atPath: key, toPath: key + ".away")
            try await node.alert("alert-begun", "key-missing")
            #expect(try await installation.check().status == 2)
            try FileManager.default.moveItem(atPath: key + ".away", toPath: key)
            try await node.alert("alert-ended", "key-missing")
            try await node.process.stop()
            let (stopped, lines) = try await installation.check()
            #expect(stopped == 2 && lines.hasPrefix("CRITICAL node-stopped"), "\(lines)")
        }
    }
}

extension RunningNode {
    /// Sends new images by the real storescu.
    func storescu(_ count: Int, in folder: String) async throws {
        let images = try await SyntheticImages.make(
            "dx", in: folder, ["--rows", "160", "--columns", "128", "--count", "\(count)"])
        let sent = try await run(
            PeerTool.find("storescu"),
            ["-aet", "MODALITY", "-aec", NodeInstallation.aeTitle, "127.0.0.1", "\(port)"] + images.files)
        guard sent.succeeded else { throw TestSupportError(sent.everything + process.tail) }
    }

    /// Waits for an alert's event and returns its fields.
    @discardableResult
    func alert(_ event: String, _ word: String) async throws -> [String: String] {
        try await value("\(event) \(word)", context: { process.tail }) {
            installation.queueEvents.last { $0.event == event && $0.fields["alert"] == word }?.fields
        }
    }
}

extension NodeInstallation {
    /// The first column of a query's rows.
    func rows(_ query: String) async throws -> [String] {
        let code =
            "import sqlite3, sys\nfor row in sqlite3.connect(sys.argv[1], timeout=10).execute(sys.argv[2]): print(row[0])"
        let finished = try await run(PeerTool.python, ["-c", code, "\(data)/overread.sqlite", query])
        guard finished.succeeded else { throw TestSupportError(finished.everything) }
        return finished.output.split(separator: "\n").map(String.init)
    }

    func spoolFile(_ instance: String) -> String { "\(data)/spool/\(instance.prefix(2))/\(instance).dcm" }

    /// Another data folder with the same contents.
    func copy() async throws -> NodeInstallation {
        let other = try NodeInstallation(sections: "", keys: keys)
        let copied = try await run("/bin/cp", ["-a", data, other.data])
        guard copied.succeeded else { throw TestSupportError(copied.everything) }
        return other
    }

    /// `overread queue check`.
    func check() async throws -> (status: Int32, lines: String) {
        let check = try await overread(
            ["queue", "check", "--data", data, "--keys", keys, "--ae-titles", aeTitles])
        guard case .exited(let status) = check.end else { throw TestSupportError(check.everything) }
        return (status, check.output)
    }
}
