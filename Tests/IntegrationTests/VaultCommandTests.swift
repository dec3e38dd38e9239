import Foundation
import Glibc
import NodeTestSupport
import Testing

extension NodeSuite {
    /// The sealed identity from outside: what a copy of the folders gives away, and the operator's commands.
    @Suite struct VaultCommandTests {
        // MARK: Reading

        @Test(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
        func theFoldersWithoutThePrivateKeyGiveNothingAway() async throws {
            let scene = try await NodeWithPACS()
            let installation = scene.installation
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"), ["--count", "2"])
            #expect(try await scene.node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            try await scene.node.event("study-delivered")
            let planted = try #require(images.identity.first { $0.hasPrefix("PID") })

            // The right key, beside the running node: everything, and the audit knows.
            let study = try await installation.study()
            let answers = try await installation.lookup(study)
            #expect(answers.count == 1)
            #expect(answers.first?.attributes["PatientID"] == planted)
            #expect(answers.first?.attributes["StudyInstanceUID"] == images.studyInstanceUID)
            let instance = try #require(answers.first?.instance)
            let pseudonym = try #require(answers.first?.pseudonym)
            for subject in [instance, pseudonym] {
                #expect(try await installation.lookup(subject).first?.attributes["PatientID"] == planted)
            }
            let audit = try await installation.vault(["audit"])
            #expect(audit.succeeded)
            let uid = getuid()
            #expect(audit.output.contains("node uid \(uid)") && audit.output.contains("delivery \(study) for PACS"))
            for subject in [study, instance, pseudonym] {
                #expect(audit.output.contains(" lookup \(subject)  1  opened"), "\(audit.output)")
            }
            #expect(audit.output.contains("operator uid \(uid)"))

            // Killed, so that everything is as a stolen disk has it: with the write-ahead log.
            try await scene.node.process.killGroup()
            try expectNothing(of: images.identity, in: [installation.data, installation.keys])
            let known = try await installation.queue("find", "--patient-id", planted, "--keys", installation.keys)
            #expect(known.succeeded && known.output.contains(study), "\(known.everything)")

            // With receiver.key alone: a guess can be tested, nothing can be read.
            let key = try Data(contentsOf: URL(filePath: installation.keys + "/vault.key"))
            #expect(unlink(installation.keys + "/vault.key") == 0)
            let found = try await installation.queue("find", "--patient-id", planted, "--keys", installation.keys)
            #expect(found.succeeded && found.output.contains(study), "\(found.everything)")
            try await expectRefusal(installation, of: study, saying: "vault.key is missing", hiding: images.identity)
            // With another pair: closed, and the sentence names the key that is missing.
            let stranger = try NodeInstallation(sections: Peers.sections(pacsPort: try freePort()))
            try await stranger.start().process.stop()
            for name in ["vault.key", "vault.pub"] {
                try? FileManager.default.removeItem(atPath: "\(installation.keys)/\(name)")
                try FileManager.default.copyItem(
                    atPath: "\(stranger.keys)/\(name)", toPath: "\(installation.keys)/\(name)")
            }
            try await expectRefusal(installation, of: study, saying: "restore that one", hiding: images.identity)
            let node = try installation.launch()
            #expect(try await node.wait() != .exited(0))
            #expect(node.errors.contains("sealed under the key") && !node.output.contains("ready"))
            // The other half without its half.
            try key.write(to: URL(filePath: installation.keys + "/vault.key"))
            #expect(chmod(installation.keys + "/vault.key", 0o600) == 0)
            try await expectRefusal(installation, of: study, saying: "not of one pair", hiding: images.identity)
        }

        private func expectRefusal(
            _ installation: NodeInstallation, of study: String, saying sentence: String, hiding identity: [String]
        ) async throws {
            let refused = try await installation.vault(["lookup", study])
            #expect(!refused.succeeded && refused.errors.contains(sentence), "\(refused.everything)")
            #expect(identity.allSatisfy { !refused.everything.contains($0) })
        }

        /// As it is, in UTF-16 of both orders, and in base 64 at each of its three places.
        private func expectNothing(of planted: [String], in folders: [String]) throws {
            var searched = 0
            for folder in folders {
                for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
                    guard let contents = FileManager.default.contents(atPath: "\(folder)/\(name)") else { continue }
                    searched += 1
                    for string in planted {
                        for form in Self.forms(string) {
                            #expect(contents.range(of: form) == nil, "\(name) holds \(string)")
                        }
                    }
                }
            }
            #expect(searched > 6, "nothing was searched")
        }

        private static func forms(_ string: String) -> [Data] {
            let plain = Data(string.utf8)
            let encoded = (0..<3).map { shift -> Data in
                // Characters that depend on neighbours are cut off at both ends.
                let text = (Data(repeating: 0, count: shift) + plain).base64EncodedString()
                return Data(text.dropFirst(shift == 0 ? 0 : 4).prefix { $0 != "=" }.dropLast(2).utf8)
            }
            return [
                plain, Data(plain.reversed()), string.data(using: .utf16BigEndian) ?? plain,
                string.data(using: .utf16LittleEndian) ?? plain,
            ] + encoded
        }

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func findTakesTheValueAndNeverRepeatsIt() async throws {
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: try freePort(), quiet: "1h"))
            let node = try await installation.start()
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"))
            #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            let study = try await installation.study()
            let accession = try #require(images.identity.first { $0.hasPrefix("ACC") })
            let patient = try #require(images.identity.first { $0.hasPrefix("PID") })
            let issuer = try #require(images.identity.first { $0.hasPrefix("ISSUER") })
            for arguments in [
                ["--accession", accession], ["--study-uid", images.studyInstanceUID], ["--patient-id", patient],
                ["--patient-id", patient, "--issuer", issuer],
            ] {
                let found = try await installation.overread(
                    ["queue", "find"] + arguments + ["--data", installation.data, "--keys", installation.keys])
                #expect(found.succeeded && found.output.contains(study), "\(arguments[0]): \(found.everything)")
                let json = try await installation.overread(
                    ["queue", "find", "--json"] + arguments
                        + ["--data", installation.data, "--keys", installation.keys])
                #expect(json.succeeded && json.output.contains("\"\(study)\""))
                #expect(images.identity.allSatisfy { !(found.everything + json.everything).contains($0) })
            }
            let wrong = "SOMEBODY\(accession)"
            for arguments in [
                ["--accession", wrong], ["--patient-id", patient, "--issuer", wrong], [wrong], ["--acession", wrong],
                ["--patient-id", patient, wrong], ["--accession", wrong, "--patient-id", wrong],
            ] {
                let refused = try await installation.overread(
                    ["queue", "find"] + arguments + ["--data", installation.data, "--keys", installation.keys])
                #expect(!refused.succeeded && !refused.errors.isEmpty, "\(arguments)")
                #expect(!refused.everything.contains(accession) && !refused.everything.contains(patient))
            }
            // From standard input.
            let typed = try await run(
                "/bin/sh",
                [
                    "-c", "printf '%s\\n' \"$1\" | \"$2\" queue find --accession - --data \"$3\" --keys \"$4\"", "sh",
                    accession, try Checkout.overread(), installation.data, installation.keys,
                ])
            #expect(typed.succeeded && typed.output.contains(study), "\(typed.everything)")
            let log = try String(contentsOfFile: installation.data + "/queue.log", encoding: .utf8)
            #expect(!log.contains(accession) && !node.process.errors.contains(accession))
        }

        // MARK: Keys

        @Test(.enabled(if: PeerTool.pythonAvailable, "needs .deps/python"))
        func newKeysAreAnnouncedWithTheWarningThatTheirLossIsFinal() async throws {
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: try freePort()))
            let first = try await installation.start()
            try await first.process.stop()
            #expect(first.process.errors.contains("new keys were made: back up \(installation.keys)"))
            let second = try await installation.start()
            try await second.process.stop()
            #expect(!second.process.errors.contains("new keys"))
            let doctor = try await installation.overread(
                [
                    "doctor", "--data", installation.data, "--keys", installation.keys, "--ae-titles",
                    installation.aeTitles,
                ])
            #expect(doctor.output.contains("Their loss is final: back up \(installation.keys)"), "\(doctor.everything)")
            #expect(doctor.output.contains("erased 90d after"))
        }

        /// Both key folders are whole, and each belongs to another data folder.
        @Test func aReceiverKeyThatWasExchangedIsToldByEveryCommandThatNeedsIt() async throws {
            let sections = Peers.sections(pacsPort: try freePort())
            let installation = try NodeInstallation(sections: sections)
            let other = try NodeInstallation(sections: sections)
            for each in [installation, other] { try await each.start().process.stop() }
            let key = URL(filePath: "\(installation.keys)/receiver.key")
            let own = try Data(contentsOf: key)
            try Data(contentsOf: URL(filePath: "\(other.keys)/receiver.key")).write(to: key)
            let sentence = "receiver.key is not the one that this data folder was written with"

            let refused = try installation.launch()
            #expect(try await refused.wait() != .exited(0))
            #expect(refused.errors.contains(sentence) && !refused.output.contains("ready"), "\(refused.errors)")
            let folders = ["--data", installation.data, "--keys", installation.keys]
            for command in [
                ["doctor", "--ae-titles", installation.aeTitles],
                ["deidentify", installation.aeTitles, installation.path("out")],
                ["queue", "find", "--patient-id", "1"],
            ] {
                let finished = try await installation.overread(command + folders)
                #expect(!finished.succeeded && finished.everything.contains(sentence), "\(finished.everything)")
            }
            try own.write(to: key)
            try await installation.start().process.stop()
        }

        @Test(
            .enabled(if: PeerTool.available("strace") && PeerTool.pythonAvailable, "needs strace and .deps/python"))
        func aRotationThatIsKilledAtAnyStepLosesNothingAndTheSameCommandGoesOn() async throws {
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: try freePort(), quiet: "1h"))
            let node = try await installation.start()
            let images = try await SyntheticImages.make(
                "dx", in: installation.path("dx"), ["--count", "3", "--rows", "160", "--columns", "128"])
            #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            let running = try await installation.vault(["rotate"])
            #expect(!running.succeeded && running.errors.contains("another node is running"), "\(running.everything)")
            try await node.process.stop()
            let study = try await installation.study()
            let patient = try #require(try await installation.lookup(study).first?.attributes["PatientID"])

            var killed: [String: Int] = [:]
            for (call, ordinals) in [
                ("rename", 1...4), ("unlink", 1...6), ("fsync", 1...9), ("fdatasync", 1...4), ("pwrite64", 1...6),
            ] {
                for ordinal in ordinals {
                    let died = try await installation.rotate(killedAt: call, ordinal)
                    killed[call, default: 0] += died ? 1 : 0
                    // A key for every row is there, and what was said of whom is the same.
                    let step = "after \(call) \(ordinal)"
                    #expect(try await installation.lookup(study).first?.attributes["PatientID"] == patient, "\(step)")
                    let again = try await installation.vault(["rotate"])
                    #expect(again.succeeded, "\(step): \(again.everything)")
                    #expect(again.output.contains("changes        vault.key and vault.pub"))
                    #expect(again.output.contains("not changed    receiver.key"))
                    let left = try FileManager.default.contentsOfDirectory(atPath: installation.keys).sorted()
                    #expect(left == ["receiver.key", "vault.key", "vault.pub"], "\(step)")
                    #expect(try await installation.lookup(study).first?.attributes["PatientID"] == patient, "\(step)")
                }
            }
            #expect(killed["rename"] == 4 && (killed["fsync"] ?? 0) >= 6, "\(killed)")
            #expect((killed["unlink"] ?? 0) >= 4 && (killed["fdatasync"] ?? 0) >= 2, "\(killed)")
            #expect((killed["pwrite64"] ?? 0) >= 2, "\(killed)")
            #expect(try await installation.vault(["audit"]).succeeded)

            // A node starts on a rotation that was interrupted, says so, and takes images and studies as ever.
            #expect(try await installation.rotate(killedAt: "rename", 3))
            let other = try await installation.start()
            #expect(other.process.errors.contains("rotation of the vault's keys was interrupted"))
            let more = try await SyntheticImages.make(
                "dx", in: installation.path("more"), ["--rows", "160", "--columns", "128"])
            #expect(try await other.sendWithPynetdicom(more.files).acknowledged == more.sopInstanceUIDs)
            try await other.process.stop()
            #expect(try await installation.vault(["rotate"]).succeeded)
            #expect(try await installation.lookup(study).first?.attributes["PatientID"] == patient)
            let planted = try #require(more.identity.first { $0.hasPrefix("PID") })
            let found = try await installation.queue("find", "--patient-id", planted, "--keys", installation.keys)
            #expect(found.succeeded)
        }

        // MARK: Retention

        @Test(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
        func deliveredIdentityIsErasedFromTheFilesAndALateImageIsNotGuessedAbout() async throws {
            let pacs = try await OrthancProcess()
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: pacs.dicomPort))
            let node = try await installation.start(environment: ["OVERREAD_IDENTITY_RETENTION": "4s"])
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"), ["--count", "2"])
            #expect(try await node.sendWithPynetdicom([images.files[0]]).acknowledged == [images.sopInstanceUIDs[0]])
            try await node.event("study-delivered")
            let traces = try await installation.vaultRows()
            #expect(traces.count >= 6)
            try await node.event("identity-erased")
            let study = try await installation.study()
            try await eventually("nothing is left in the files") {
                let files = ["", "-wal"].map {
                    FileManager.default.contents(atPath: installation.data + "/overread.sqlite" + $0) ?? Data()
                }
                return traces.allSatisfy { trace in files.allSatisfy { $0.range(of: trace) == nil } }
            }
            #expect(try await installation.vaultRows().isEmpty)
            let lookup = try await installation.vault(["lookup", study])
            #expect(!lookup.succeeded && lookup.errors.contains("has identity here"))
            #expect(try await installation.queue("balance").succeeded)

            #expect(try await node.sendWithPynetdicom([images.files[1]]).acknowledged == [images.sopInstanceUIDs[1]])
            let parked = try await node.event("study-parked")
            #expect(parked.fields["reason"] == "identity-erased" && parked.fields["study"] == study)
            #expect(!installation.queueEvents.contains { $0.event == "identity-correction" })
            #expect(try await pacs.instances().filter(\.isStructuredReport).count == 1)
            #expect(try await installation.queue("balance").succeeded)
            try await node.process.stop()

            let refused = try installation.launch(environment: ["OVERREAD_IDENTITY_RETENTION": "soon"])
            #expect(try await refused.wait() != .exited(0))
            #expect(refused.errors.contains("identity-retention is not a time"))
        }

        // MARK: E.1.2

        @Test(.enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"))
        func resultsAreTheOriginalPatientsAndSayNothingOfDeIdentification() async throws {
            let scratch = try TemporaryFolder()
            let scene = try await NodeWithPACS(models: AlteredModel.flagsEverything(in: scratch.path("models")))
            let images = try await SyntheticImages.make(
                "dx", in: scratch.path("dx"), ["--charset", "ISO_IR 100", "--rows", "640"])
            #expect(try await scene.node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            try await scene.node.event("study-delivered")
            var files: [String] = []
            for instance in try await scene.pacs.instances() {
                files.append(scratch.path("\(instance.identifier).dcm"))
                try await scene.pacs.download(instance, to: files[files.count - 1])
            }
            #expect(files.count >= 2)
            let kept = [
                "SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate",
                "PatientSex",
                "StudyInstanceUID", "AccessionNumber", "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName",
            ]
            let gone = [
                "PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence",
                "LongitudinalTemporalInformationModified",
            ]
            let attributes = try await Self.attributes(of: images.files + files, kept + gone)
            let original = try #require(attributes.first)
            #expect(original.count == kept.count, "the image has all of them")
            for (number, result) in attributes.dropFirst().enumerated() {
                #expect(result == original, "result \(number)")
            }
            // And no name of the node's own making: pseudonym or mapped UID.
            for file in files {
                let bytes = try Data(contentsOf: URL(filePath: file))
                #expect(bytes.range(of: Data("OVR-".utf8)) == nil)
            }
        }

        private static func attributes(of files: [String], _ keywords: [String]) async throws -> [[String: String]] {
            let finished = try await PeerTool.python(
                "read_attributes.py", files + ["--keywords", keywords.joined(separator: ",")])
            guard finished.succeeded else { throw TestSupportError(finished.everything) }
            return try JSONDecoder().decode([[String: String]].self, from: Data(finished.output.utf8))
        }
    }
}

/// What `overread vault lookup --json` gives.
struct LookupAnswer: Decodable {
    let study: String
    let instance: String
    let pseudonym: String
    let attributes: [String: String]
}

extension NodeInstallation {
    /// `overread vault …` on this installation.
    func vault(_ arguments: [String]) async throws -> Finished {
        let folders = arguments.first == "audit" ? ["--data", data] : ["--data", data, "--keys", keys]
        return try await overread(["vault"] + arguments + folders)
    }

    func lookup(_ subject: String) async throws -> [LookupAnswer] {
        let finished = try await vault(["lookup", subject, "--json"])
        guard finished.succeeded else { throw TestSupportError("lookup failed: \(finished.everything)") }
        return try JSONDecoder().decode([LookupAnswer].self, from: Data(finished.output.utf8))
    }

    /// The opaque name of the only study.
    func study() async throws -> String {
        try await value("a study is opened") { queueEvents.first { $0.event == "study-opened" }?.fields["study"] }
    }

    /// Runs a rotation that is killed at the so-manieth call of a name. False when it has come to its end before.
    func rotate(killedAt call: String, _ ordinal: Int) async throws -> Bool {
        let child = try ChildProcess(
            PeerTool.find("strace"),
            [
                "-f", "-o", "/dev/null", "-e", "trace=\(call)", "-e", "inject=\(call):signal=KILL:when=\(ordinal)",
                try Checkout.overread(), "vault", "rotate", "--data", data, "--keys", keys,
            ])
        let end = try await child.wait()
        if end == .exited(0) { return false }
        guard end == .signalled(SIGKILL) else { throw TestSupportError("the rotation ended (\(end))\n\(child.tail)") }
        return true
    }

    /// Sealed keys, ciphertexts and indexes in the database now.
    func vaultRows() async throws -> [Data] {
        let finished = try await PeerTool.python("vault_rows.py", ["\(data)/overread.sqlite"])
        guard finished.succeeded else { throw TestSupportError(finished.everything) }
        return try JSONDecoder().decode([String].self, from: Data(finished.output.utf8)).map { text in
            Data(
                stride(from: 0, to: text.count, by: 2).compactMap { offset in
                    let start = text.index(text.startIndex, offsetBy: offset)
                    return UInt8(text[start..<text.index(start, offsetBy: 2)], radix: 16)
                })
        }
    }
}
