import Foundation
import NodeTestSupport
import Testing

extension NodeSuite {
    /// Success is said of what is durable only, and a crash at any step loses nothing that Success was said of.
    @Suite struct DurabilityTests {
        private static let traced =
            "openat,read,recvfrom,write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync,ftruncate,rename,unlink"

        @Test(
            .enabled(
                if: PeerTool.available("strace", "storescu") && PeerTool.pythonAvailable,
                "needs strace, dcmtk, .deps/python"))
        func fileFolderAndDatabaseAreSyncedInThisOrderBeforeTheResponse() async throws {
            let installation = try NodeInstallation(
                sections: Peers.sections(pacsPort: try freePort(), quiet: "1h"), spareFiles: "0")
            let node = try await installation.start()
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"), ["--count", "3"])
            let tracer = try await Tracer(node.process, file: installation.path("trace"), calls: Self.traced)
            let sent = try await run(
                PeerTool.find("storescu"),
                ["-aet", "MODALITY", "-aec", NodeInstallation.aeTitle, "127.0.0.1", "\(node.port)"] + images.files)
            #expect(sent.succeeded, "\(sent.everything)")
            let trace = try await tracer.finish()
            let created = trace.calls.filter {
                $0.name == "openat" && $0.arguments.contains("O_CREAT") && $0.arguments.contains("/spool/")
            }
            #expect(created.count == 3)
            let violations = trace.durabilityViolations(
                spool: "\(installation.data)/spool", database: "overread.sqlite", port: node.port)
            #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
        }

        @Test(
            .enabled(
                if: PeerTool.available("strace", "storescu") && PeerTool.pythonAvailable,
                "needs strace, dcmtk, .deps/python"))
        func aFileThatWasMadeAheadIsDurableBeforeItIsUsedAndSyncedWithTheDatabaseBeforeTheResponse() async throws {
            let installation = try NodeInstallation(
                sections: Peers.sections(pacsPort: try freePort(), quiet: "1h"), spareFiles: "8MiB")
            let file = installation.path("trace")
            let node = try await installation.start(
                under: [try PeerTool.find("strace"), "-f", "-yy", "-s", "16", "-o", file, "-e", "trace=\(Self.traced)"])
            let images = try await SyntheticImages.make("ct", in: installation.path("ct"), ["--count", "3"])
            try await installation.untilFilesAreMadeAhead()
            let sent = try await run(
                PeerTool.find("storescu"),
                ["-xe", "-aet", "MODALITY", "-aec", NodeInstallation.aeTitle, "127.0.0.1", "\(node.port)"]
                    + images.files)
            #expect(sent.succeeded, "\(sent.everything)")
            let balance = try await installation.queue("balance")
            #expect(balance.succeeded && balance.output.contains("spare      35,"), "\(balance.everything)")
            try await node.process.killGroup()
            let trace = SystemCallTrace(try String(contentsOfFile: file, encoding: .utf8))
            let violations = trace.durabilityViolations(
                spool: "\(installation.data)/spool", database: "overread.sqlite", port: node.port)
            #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
        }

        /// The steps between the first byte and the response, each with how to know it in a trace.
        enum Step: String, CaseIterable {
            case receive = "a read of the data set"
            case openFile = "the opening of the file"
            case writeFile = "a write of the file"
            case syncFile = "the sync of the file"
            case cutFile = "the cut of the file"
            case syncFolder = "the sync of its folder"
            case writeDatabase = "a write of the database's log"
            case syncDatabase = "the sync of the database's log"
            case respond = "the response"

            func matches(_ call: SystemCall) -> Bool {
                let target = call.descriptorTarget ?? ""
                let inSpool = target.contains("/spool/")
                return switch self {
                case .receive: ["read", "recvfrom"].contains(call.name) && target.hasPrefix("TCP")
                case .openFile:
                    call.name == "openat" && call.arguments.contains("O_WRONLY") && call.arguments.contains("/spool/")
                case .writeFile: call.name == "write" && inSpool
                case .syncFile: call.synchronizes && inSpool && target.hasSuffix(".dcm")
                case .cutFile: call.name == "ftruncate" && inSpool
                case .syncFolder: call.synchronizes && inSpool && !target.hasSuffix(".dcm")
                case .writeDatabase: call.name == "pwrite64" && target.hasSuffix("overread.sqlite-wal")
                case .syncDatabase: call.synchronizes && target.hasSuffix("overread.sqlite-wal")
                case .respond: ["write", "writev", "sendto", "sendmsg"].contains(call.name) && target.hasPrefix("TCP")
                }
            }

            /// Name and place in its thread of the call to kill at.
            func call(in trace: SystemCallTrace) -> (name: String, ordinal: Int)? {
                let candidates = trace.calls.filter(matches)
                let call: SystemCall? =
                    switch self {
                    // In the middle of the image.
                    case .receive: candidates.dropFirst(candidates.count / 2).first
                    default: candidates.first
                    }
                return call.map { ($0.name, trace.ordinal(of: $0)) }
            }
        }

        @Test(
            .enabled(
                if: PeerTool.available("strace", "Orthanc") && PeerTool.pythonAvailable,
                "needs strace, Orthanc, .deps/python"), arguments: ["0", "8MiB"])
        func aKillAtEachStepLosesNothingThatWasAnsweredWithSuccess(spareFiles: String) async throws {
            let pacs = try await OrthancProcess()
            let installation = try NodeInstallation(
                sections: Peers.sections(pacsPort: pacs.dicomPort), spareFiles: spareFiles)
            let (learned, learnedFrom) = try await rehearse(installation)
            var studies = [learnedFrom]
            // A file that was made ahead needs no sync of its folder, and is cut to its length after its own.
            let passed: Set<Step> = spareFiles == "0" ? [.cutFile] : [.syncFolder]
            for step in Step.allCases where !passed.contains(step) {
                var hit = false
                // How the bytes come in decides how many reads there are: then once more.
                for attempt in 1...4 where !hit {
                    let images = try await SyntheticImages.make(
                        "dx", in: installation.path("\(step)-\(attempt)"), ["--rows", "160", "--columns", "128"])
                    let call = try #require(step.call(in: learned), "no call is \(step.rawValue)")
                    let (died, answered) = try await kill(at: call, sending: images, to: installation)
                    hit = died.contains { step.matches($0) }
                    if answered { studies.append(images.studyInstanceUID) }
                    let balance = try await installation.queue("balance")
                    #expect(balance.succeeded, "after \(step.rawValue): \(balance.everything)")
                }
                #expect(hit, "never killed at \(step.rawValue)")
            }
            // After the response: this one was answered, so it must come out at the end.
            let node = try await installation.start()
            let images = try await SyntheticImages.make("dx", in: installation.path("answered"))
            #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            studies.append(images.studyInstanceUID)
            try await node.process.killGroup()

            try await expectDelivered(studies: studies, from: installation, to: pacs)
        }

        /// The trace of one image that is committed, and its study. The node is killed afterwards.
        private func rehearse(_ installation: NodeInstallation) async throws -> (trace: SystemCallTrace, study: String)
        {
            let node = try await installation.start()
            try await installation.untilFilesAreMadeAhead()
            let images = try await SyntheticImages.make(
                "dx", in: installation.path("rehearsal"), ["--rows", "160", "--columns", "128"])
            let sending = try await HeldSender(images, to: node)
            let tracer = try await Tracer(
                node.process, thread: "dicom-assoc", file: installation.path("trace-rehearsal"), calls: Self.traced)
            #expect(try await sending.release().acknowledged == images.sopInstanceUIDs)
            let trace = try await tracer.finish()
            try await node.process.killGroup()
            return (trace, images.studyInstanceUID)
        }

        /// Kills a node at the call that has the same name and place in its thread. Returns the calls in which the process
        /// died, and whether Success was said of the image.
        private func kill(
            at call: (name: String, ordinal: Int), sending images: SyntheticImages, to installation: NodeInstallation
        ) async throws -> (died: [SystemCall], answered: Bool) {
            let node = try await installation.start()
            try await installation.untilFilesAreMadeAhead()
            let sending = try await HeldSender(images, to: node)
            let tracer = try await Tracer(
                node.process, thread: "dicom-assoc", file: installation.path("trace-kill"), calls: Self.traced,
                injections: ["\(call.name):signal=KILL:when=\(call.ordinal)"])
            let sent = try await sending.release()
            let died = node.process.ended == .signalled(SIGKILL)
            if !died { try await node.process.killGroup() }
            let trace = try await tracer.finish()
            let answered = !sent.acknowledged.isEmpty
            return (died ? trace.calls.filter { $0.returned == .max } : [], answered)
        }

        private func expectDelivered(
            studies: [String], from installation: NodeInstallation, to pacs: OrthancProcess
        ) async throws {
            let node = try await installation.start()
            _ = try await pacs.instances("a report of each study that was answered", within: .seconds(300)) {
                instances in
                Set(studies).isSubset(of: instances.filter(\.isStructuredReport).map(\.studyInstanceUID))
            }
            // And every study that waits besides: nothing is left that is neither delivered nor parked.
            try await eventually(
                "every study is delivered", within: .seconds(300), every: .milliseconds(500),
                context: { node.process.tail }
            ) {
                let events = installation.queueEvents
                let opened = Set(events.filter { $0.event == "study-opened" }.compactMap { $0.fields["study"] })
                let done = Set(events.filter { $0.event == "study-delivered" }.compactMap { $0.fields["study"] })
                return opened.isSubset(of: done)
            }
            #expect(try await installation.queue("balance").succeeded)
        }

        @Test(
            .enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc and .deps/python"),
            arguments: ["study-complete", "analysis-started", "analysis-finished", "delivery-started"])
        func aKillAfterTheCommitEndsInOneReport(_ event: String) async throws {
            let pacs = try await OrthancProcess()
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: pacs.dicomPort))
            let node = try await installation.start()
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"))
            #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            try await node.event(event)
            try await node.process.killGroup()

            let again = try await installation.start()
            try await again.event("study-delivered")
            let reports = try await pacs.instances().filter(\.isStructuredReport)
            #expect(reports.map(\.studyInstanceUID) == [images.studyInstanceUID], "one report, whatever was repeated")
            #expect(try await installation.queue("balance").succeeded)
        }

        @Test(
            .enabled(if: PeerTool.available("strace") && PeerTool.pythonAvailable, "needs strace and .deps/python"),
            arguments: ["fsync:error=ENOSPC", "fsync:error=EIO", "fdatasync:error=EIO", "pwrite64:error=ENOSPC"])
        func whenNothingCanBeMadeDurableTheAnswerIsARefusalAndNothingIsKept(_ injection: String) async throws {
            let installation = try NodeInstallation(sections: Peers.sections(pacsPort: try freePort(), quiet: "1h"))
            let node = try await installation.start()
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"))
            let tracer = try await Tracer(
                node.process, file: installation.path("trace"), calls: "fsync,fdatasync,pwrite64",
                injections: [injection])
            let sent = try await node.sendWithPynetdicom(images.files)
            _ = try await tracer.finish()
            let status = try #require(sent.statuses.first?.status, "no answer: \(sent)")
            #expect(["A700", "0110"].contains(status) || status.hasPrefix("C"), "\(status)")
            if injection.contains("ENOSPC") { #expect(status == "A700") }
            // When the database's own sync fails its rows may be on the disk or not. Until the next start has read them
            // the file stays, so that no row can be there without one.
            let isInDoubt = injection.hasPrefix("fdatasync")
            #expect(try node.spoolFiles().isEmpty == !isInDoubt)
            try await node.expectServiceGoesOn()
            try await node.process.stop()
            let again = try await installation.start()
            let balance = try await installation.queue("balance")
            #expect(balance.succeeded, "\(balance.everything)")
            // What is left is the one image that the check of the service sent.
            #expect(try again.spoolFiles().count == 1)
        }

        @Test(
            .enabled(if: getuid() == 0 || PeerTool.isRequired, "mounting a small file system needs root"),
            .enabled(if: PeerTool.available("Orthanc") && PeerTool.pythonAvailable, "needs Orthanc, .deps/python"))
        func underTheReserveImagesAreRefusedAndResultsGoOnUntilThereIsRoom() async throws {
            let disk = try await SmallDisk(megabytes: 96)
            do {
                try await fillAndEmpty(disk.path)
            } catch {
                await disk.unmount()
                throw error
            }
            await disk.unmount()
        }

        /// 96 MB, of which 40 are the reserve.
        private func fillAndEmpty(_ data: String) async throws {
            let pacs = try await OrthancProcess()
            let installation = try NodeInstallation(sections: "", data: data, spareFiles: "0")
            try installation.write(
                configuration: "[\(NodeInstallation.aeTitle)]\nrole = self\nport = 0\ndisk-reserve = 40MB\n\n"
                    + Peers.sections(pacsPort: pacs.dicomPort, quiet: "3s") + "\n")
            let node = try await installation.start()
            let images = try await SyntheticImages.make("dx", in: installation.path("dx"))
            let next = try await SyntheticImages.make("dx", in: installation.path("next"))
            // One object larger than all the room that senders have stops at the reserve, not at the end of the disk.
            let large = try await PeerTool.python("stream_large.py", ["\(node.port)", "--megabytes", "200"])
            #expect(large.output.contains("\"A700\"") && large.output.contains("disk reserve reached"), "\(large)")
            #expect(try node.spoolFiles().isEmpty)

            #expect(try await node.sendWithPynetdicom(images.files).acknowledged == images.sopInstanceUIDs)
            let free = try FileManager.default.attributesOfFileSystem(forPath: data)[.systemFreeSize] as? Int ?? 0
            let filled = try await run(
                "/bin/bash", ["-c", "head -c \(free - 20_000_000) /dev/zero > '\(data)/filler'"])
            try #require(filled.succeeded, "\(filled.everything)")
            #expect(try await node.sendWithPynetdicom(next.files).statuses.map(\.status) == ["A700"])
            // What was taken before is analysed and delivered in the reserve.
            try await node.event("study-delivered")
            #expect(try await pacs.instances().contains(where: \.isStructuredReport))
            #expect(try await node.sendWithPynetdicom(next.files).statuses.map(\.status) == ["A700"])

            // Nothing at all is left: refused as well, and nobody ends.
            _ = try await run("/bin/bash", ["-c", "head -c 200M /dev/zero >> '\(data)/filler'"])
            #expect(try await node.sendWithPynetdicom(next.files).statuses.map(\.status) == ["A700"])
            #expect(node.process.ended == nil, "\(node.process.tail)")

            try FileManager.default.removeItem(atPath: "\(data)/filler")
            #expect(try await node.sendWithPynetdicom(next.files).acknowledged == next.sopInstanceUIDs)
            let balance = try await installation.queue("balance")
            #expect(balance.succeeded, "\(balance.everything)")
            #expect(node.process.errors.contains("disk reserve reached"))
            #expect(node.process.errors.contains("the disk has room again"))
            try await node.process.stop()
        }
    }
}

/// A file system in memory that is soon full.
struct SmallDisk {
    let path: String
    private let scratch: TemporaryFolder

    init(megabytes: Int) async throws {
        scratch = try TemporaryFolder()
        path = scratch.path("small")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let mounted = try await run(
            PeerTool.find("mount"), ["-t", "tmpfs", "-o", "size=\(megabytes)m,mode=0700", "tmpfs", path])
        try #require(mounted.succeeded, "\(mounted.everything)")
    }

    func unmount() async {
        _ = try? await run("/bin/umount", ["-l", path])
    }
}
