import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// A result goes to its own study or nowhere.
    @Suite struct ReassociationTests {
        /// A node that has received so many studies of one image each and was stopped before it looked at them.
        private func received(_ count: Int, for pacs: OrthancProcess) async throws -> NodeInstallation {
            let installation = try NodeInstallation(
                sections: Peers.sections(pacsPort: pacs.dicomPort, quiet: "1h"))
            let node = try await installation.start()
            for number in 0..<count {
                let images = try await SyntheticImages.make("dx", in: installation.path("dx-\(number)"))
                #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            }
            try await node.process.stop()
            try await installation.sql("UPDATE study SET quiet_at = 0")
            return installation
        }

        @Test(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
        func whatDoesNotAgreeIsParkedAndNothingOfItIsSent() async throws {
            let pacs = try await OrthancProcess()
            let installation = try await received(5, for: pacs)
            // By hand in the database, as one would who wants to mix two patients up. The sealed bytes of 1 and 2 are
            // exchanged; 3 is said to be the patient of 4; the row of 5 is missing.
            try await installation.sql(
                """
                CREATE TEMP TABLE t AS SELECT rowid AS r, encapsulated_key AS e, ciphertext AS c FROM sealed_identity;
                UPDATE sealed_identity SET encapsulated_key = (SELECT e FROM t WHERE r = 3 - sealed_identity.rowid),
                  ciphertext = (SELECT c FROM t WHERE r = 3 - sealed_identity.rowid) WHERE rowid IN (1, 2);
                UPDATE study SET patient = (SELECT patient FROM study WHERE number = 4) WHERE number = 3;
                DELETE FROM sealed_identity WHERE rowid = 5;
                """)
            let node = try await installation.start()
            try await eventually(
                "four are parked and one is delivered", within: .seconds(120), context: { node.process.tail }
            ) {
                let events = installation.queueEvents
                return events.count { $0.event == "study-parked" } == 4
                    && events.contains { $0.event == "study-delivered" }
            }
            let opened = installation.queueEvents.filter { $0.event == "study-opened" }.compactMap {
                $0.fields["study"]
            }
            let reasons = Dictionary(
                uniqueKeysWithValues: installation.queueEvents.filter { $0.event == "study-parked" }.map {
                    ($0.fields["study"] ?? "", $0.fields["reason"] ?? "")
                })
            #expect(
                opened.map { reasons[$0] } == [
                    "identity-unreadable", "identity-unreadable", "identity-conflict", nil, "identity-unreadable",
                ])
            #expect(try await pacs.instances().filter(\.isStructuredReport).count == 1)
            let audit = try await installation.vault(["audit"])
            for (study, outcome) in zip(opened, ["not-authentic", "not-authentic", "opened", "opened", "not-stored"]) {
                #expect(audit.output.contains("delivery \(study) for PACS  1  \(outcome)"), "\(audit.output)")
            }
            // The row that is missing is a loss, and named.
            let balance = try await installation.queue("balance")
            #expect(balance.end == .exited(1) && balance.output.contains("LOST       identity-missing"))
        }

        @Test(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
        func withoutAnAuditNothingIsDeliveredAndNothingIsGivenUp() async throws {
            let pacs = try await OrthancProcess()
            let installation = try await received(1, for: pacs)
            try await installation.sql(
                "CREATE TRIGGER full BEFORE INSERT ON vault_audit BEGIN SELECT RAISE(ABORT, 'disk full'); END")
            let node = try await installation.start()
            try await eventually("the delivery cannot go on", within: .seconds(60), context: { node.process.tail }) {
                node.process.errors.contains("delivery cannot go on")
            }
            let lookup = try await installation.vault(["lookup", try await installation.study()])
            #expect(!lookup.succeeded && lookup.output.isEmpty)
            #expect(try await pacs.instances().isEmpty)
            try await installation.sql("DROP TRIGGER full")
            try await node.event("study-delivered", within: .seconds(30))
            #expect(try await pacs.instances().filter(\.isStructuredReport).count == 1)
        }
    }
}

extension NodeInstallation {
    /// Runs statements on the database of a node.
    func sql(_ statements: String) async throws {
        let code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=10).executescript(sys.argv[2])"
        let finished = try await run(PeerTool.python, ["-c", code, "\(data)/overread.sqlite", statements])
        guard finished.succeeded else { throw TestSupportError(finished.everything) }
    }
}
