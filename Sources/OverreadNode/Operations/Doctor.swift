import DCMTKBridge
import DICOMCore
import DICOMNetwork
import DeIdentification
import Detection
import Foundation
import GRDB
import Glibc
import StudyQueue

/// Looks at an installation and says in sentences what is wrong with it, and what to do.
package struct Doctor: Sendable {
    /// One thing looked at.
    package struct Finding: Codable, Sendable {
        /// How bad it is.
        package enum Severity: String, Codable, Sendable {
            /// Nothing to do.
            case good
            /// It works, and something should be known.
            case note
            /// The node cannot do its work.
            case problem
        }

        /// What was looked at.
        package let subject: String
        /// How bad it is.
        package let severity: Severity
        /// A sentence; for a problem it ends with what to do.
        package let sentence: String
    }

    private let configuration: NodeConfiguration

    /// A doctor for an installation.
    package init(_ configuration: NodeConfiguration) { self.configuration = configuration }

    /// Looks at everything. Peers are called only when `callsPeers`: an echo to a hospital's PACS is the operator's to allow.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func examine(callsPeers: Bool) -> [Finding] {
        var findings = [dcmtk(), dataFolder(), keys(), retention(), model(), syncRate(), memory(), clock()]
        findings += holds()
        do {
            let table = try AETitleTable(contentsOf: configuration.aeTitlesFile)
            findings.append(good("AETitles.conf", "\(configuration.aeTitlesFile) is good."))
            findings.append(port(table.node.port))
            if let tls = table.node.tls { findings += [port(tls.port, "TLS port"), self.tls(tls)] }
            findings.append(disk(table.node.diskReserve))
            for entity in table.entities where callsPeers && entity.destination != nil {
                findings.append(echo(entity.name))
            }
        } catch {
            findings.append(problem("AETitles.conf", "\(error)"))
        }
        return findings
    }

    // MARK: Each part

    private func dcmtk() -> Finding {
        do {
            try DCMTKRuntime.initialize(adding: DictionarySupplement2026d.entries)
            return good("DCMTK", "DCMTK \(DCMTKRuntime.version) and its data dictionary are there.")
        } catch {
            return problem(
                "DCMTK", "The data dictionary is missing: install libdcmtk17, and unset DCMDICTPATH if it is set.")
        }
    }

    private func dataFolder() -> Finding {
        let path = configuration.dataFolder
        guard FileManager.default.fileExists(atPath: path) else {
            return note("data folder", "\(path) does not exist yet; the node makes it at its first start.")
        }
        guard access(path, W_OK) == 0 else {
            return problem(
                "data folder", "\(path) cannot be written by this user: change its owner, or give another with --data.")
        }
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & 0o077 != 0 {
            return problem("data folder", "\(path) is open to others: run chmod 700 on it.")
        }
        return good("data folder", "\(path) can be written and is closed to others.")
    }

    @available(*, noasync)
    private func keys() -> Finding {
        let path = configuration.keysFolder
        guard FileManager.default.fileExists(atPath: path) else {
            return NodeStore.exists(configuration)
                ? problem(
                    "keys",
                    "\(path) is missing while the data folder holds studies: bring the key folder back from its backup."
                )
                : note(
                    "keys",
                    "\(path) does not exist yet; the node makes it at its first start. Back it up then: without it no identity can be read again."
                )
        }
        do {
            let folder = try KeyFolder.open(
                path, dataFolder: configuration.dataFolder, dataExist: NodeStore.exists(configuration))
            let (keys, _) = try folder.receiverKeys()
            let ring = try folder.privateKeys()
            if NodeStore.exists(configuration) {
                let database = try StudyDatabase.openForReading(path: configuration.databasePath)
                try database.read {
                    try VaultReader.checkKeys(ring, in: $0)
                    try ReceiverCheck.check(keys, in: $0)
                }
            }
            if folder.isRotating {
                return note(
                    "keys", "A rotation in \(path) was interrupted: stop the node and run overread vault rotate again.")
            }
            return good(
                "keys",
                "The keys in \(path) are whole and closed to others. Their loss is final: \(folder.lossIsFinal).")
        } catch {
            return problem("keys", "\(error)")
        }
    }

    private func retention() -> Finding {
        do {
            // Each of them is read, so that a wrong one is said before the node refuses it.
            _ = try Retention.Limits(configuration)
            guard let time = try configuration.identityRetention else {
                return note(
                    "retention", "The identity of delivered studies is never erased (identity-retention = off).")
            }
            let text = AETitleValue.text(time)
            return good("retention", "The identity of a study is erased \(text) after its results were delivered.")
        } catch {
            return problem("retention", "\(error)")
        }
    }

    @available(*, noasync)
    private func model() -> Finding {
        do {
            let folder = try ModelFolder.load(try ModelSelection.only(in: configuration.modelsFolder))
            let engine = try OpenVINOEngine.installed(for: folder)
            return good(
                "model", "\(folder.manifest.name) \(folder.manifest.version) is whole; \(engine) is there for it.")
        } catch {
            return problem("model", "\(error)")
        }
    }

    @available(*, noasync)
    private func holds() -> [Finding] {
        guard NodeStore.exists(configuration), let queue = try? QueueReading(configuration),
            let sentences = try? queue.holdSentences()
        else { return [] }
        return sentences.map { note("hold", "Nothing is analysed or returned: \($0).") }
    }

    private func tls(_ tls: NodeTLS) -> Finding {
        do {
            let seconds = Double(try tls.open().certificateEnd ?? 0) - Date().timeIntervalSince1970
            let days = Int(seconds / 86_400)
            if seconds < 0 { return problem("TLS", "The certificate of \(tls.certificate) has expired: renew it.") }
            return days < 30
                ? note("TLS", "The certificate of \(tls.certificate) ends in \(days) days: renew it.")
                : good("TLS", "Certificate and key fit together, and are valid for \(days) days.")
        } catch {
            return problem("TLS", "\(error).")
        }
    }

    private func port(_ port: UInt16, _ subject: String = "port") -> Finding {
        if port == 0 { return note(subject, "The system chooses the port at each start (port = 0).") }
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if bound == 0 { return good(subject, "Port \(port) is free.") }
        return errno == EADDRINUSE
            ? note(
                subject,
                "Port \(port) is in use: by this node if it runs; if not, stop the other program or choose another port."
            )
            : problem(
                subject,
                "Port \(port) is not permitted to this user: choose one above 1023, or allow it with setcap cap_net_bind_service."
            )
    }

    private func disk(_ reserve: Int64) -> Finding {
        var status = statvfs()
        guard statvfs(existingFolder(), &status) == 0 else {
            return problem("disk", "The disk of the data folder cannot be asked.")
        }
        let free = Int64(status.f_bavail) * Int64(status.f_frsize)
        let text = "\(free >> 20) MiB are free, the reserve is \(reserve >> 20) MiB."
        return free < reserve
            ? problem("disk", text + " C-STORE is answered A700 until space is freed or disk-reserve lowered.")
            : good("disk", text)
    }

    /// What one durable commit costs here: the node syncs before each Success.
    private func syncRate() -> Finding {
        let path = existingFolder() + "/.overread-doctor-\(getpid())"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return problem("disk sync", "No file can be made in \(existingFolder()).") }
        defer {
            close(descriptor)
            unlink(path)
        }
        let block = [UInt8](repeating: 0, count: 4096)
        let begin = Date()
        let count = 50
        for _ in 0..<count {
            _ = block.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard fdatasync(descriptor) == 0 else { return problem("disk sync", "The disk refuses to sync: check it.") }
        }
        let rate = Int(Double(count) / max(Date().timeIntervalSince(begin), 1e-6))
        let text = "The disk syncs \(rate) times a second."
        return rate < 100
            ? note("disk sync", text + " At three syncs an image ingest will be slow: use a faster disk.")
            : good("disk sync", text)
    }

    private func memory() -> Finding {
        let pages = sysconf(Int32(_SC_PHYS_PAGES))
        let bytes = Int64(pages) * Int64(sysconf(Int32(_SC_PAGESIZE)))
        let text = "\(bytes >> 20) MiB of memory."
        return bytes < 1 << 30
            ? problem("memory", text + " The node with its model wants 1 GiB: give it more.") : good("memory", text)
    }

    private func clock() -> Finding {
        // 2026-01-01: a clock before the software's own time gives results a wrong date.
        Date() < Date(timeIntervalSince1970: 1_767_225_600)
            ? problem("clock", "The clock is before 2026: set it, results carry its time.")
            : good("clock", "The clock is plausible.")
    }

    @available(*, noasync)
    private func echo(_ name: String) -> Finding {
        do {
            let (status, seconds) = try PeerCalls(name, configuration).echo()
            let text = "\(name) answered \(status) in \(Int((seconds * 1000).rounded())) ms."
            return status == .success
                ? good("echo", text) : problem("echo", text + " Ask its administrator what is wrong with it.")
        } catch {
            return problem(
                "echo", "\(name) does not answer (\(error)): check host, port and whether it knows our AE title.")
        }
    }

    private func existingFolder() -> String {
        var url = URL(filePath: configuration.dataFolder)
        while !FileManager.default.fileExists(atPath: url.path), url.path != "/" { url.deleteLastPathComponent() }
        return url.path
    }

    private func good(_ subject: String, _ sentence: String) -> Finding {
        Finding(subject: subject, severity: .good, sentence: sentence)
    }
    private func note(_ subject: String, _ sentence: String) -> Finding {
        Finding(subject: subject, severity: .note, sentence: sentence)
    }
    private func problem(_ subject: String, _ sentence: String) -> Finding {
        Finding(subject: subject, severity: .problem, sentence: sentence)
    }
}
