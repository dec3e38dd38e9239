import Foundation

/// Two network name spaces joined by a line of 10 ms each way (Tests/Peers/delay_line.py).
final class DelayedLink {
    /// How to run a sender in the one and a receiver in the other.
    let link: Link
    private let spaces: [Child]
    private let line: Child
    private let folder: URL

    /// Nil where this user may make none.
    init?(_ options: Options, folder: URL) throws {
        let script = FileManager.default.currentDirectoryPath + "/Tests/Peers/delay_line.py"
        guard getuid() == 0, access("/dev/net/tun", R_OK | W_OK) == 0,
            (try? Child.run(["unshare", "-n", "ip", "link"], folder: folder, name: "unshare")) != nil
        else { return nil }
        self.folder = folder
        // Receivers ask for the sender's name, and no name server is to be reached from there.
        let hosts = folder.appending(path: "hosts")
        try "127.0.0.1 localhost\n10.99.0.1 sender\n10.99.0.2 receiver\n".write(
            to: hosts, atomically: true, encoding: .utf8)
        let spaces = try ["a", "b"].map { name in
            // exec: the process that env becomes is the one in the name space.
            try Child(
                [
                    "unshare", "-n", "-m", "bash", "-c",
                    "mount --bind \"$0\" /etc/hosts && exec sleep 100000", hosts.path,
                ], folder: folder, name: "space-\(name)")
        }
        usleep(300_000)
        let line = try Child(
            [options.python, script, "10"] + spaces.map { "\($0.process.processIdentifier)" }, folder: folder,
            name: "line")
        self.spaces = spaces
        self.line = line
        let enter = spaces.map { ["nsenter", "-n", "-m", "-t", "\($0.process.processIdentifier)"] }
        self.link = Link(sending: enter[0], receiving: enter[1], host: "10.99.0.2")
        try wait(seconds: 10, for: "delay line") {
            (try? String(contentsOf: line.output, encoding: .utf8))?.contains("ready") == true
        }
    }

    /// Seconds of a round trip, as connecting to a closed port tells it: the refusal comes back after one.
    func roundTrip() throws -> Double {
        var times: [Double] = []
        for _ in 0..<5 {
            let begin = Date()
            _ = try Child.run(
                link.sending + ["bash", "-c", "exec 3<>/dev/tcp/\(link.host)/9 || true"], folder: folder, name: "ping")
            times.append(Date().timeIntervalSince(begin))
        }
        return times.min() ?? .nan
    }

    func stop() {
        line.stop()
        for space in spaces { space.stop() }
    }
}
