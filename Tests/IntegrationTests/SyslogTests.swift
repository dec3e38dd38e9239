import Foundation
import Glibc
import NodeTestSupport
import Testing

extension NodeSuite {
    /// Alerts as syslog has them: a real node in a mount namespace of its own, whose /dev/log is the test's.
    @Suite(.serialized) struct SyslogTests {
        /// A /dev with what the node needs of it and the socket as /dev/log, for this process and its children alone.
        private static let namespace = """
            set -e; mount -t tmpfs tmpfs "$1"
            for name in null zero full random urandom; do : > "$1/$name"; mount --bind "/dev/$name" "$1/$name"; done
            mkdir "$1/shm"; : > "$1/log"; mount --bind "$2" "$1/log"; mount --rbind "$1" /dev
            shift 2; exec "$@"
            """

        private static let receiver = """
            import socket, sys
            server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            server.bind(sys.argv[1])
            print("bound", flush=True)
            while True: print(server.recv(4096).decode().rstrip("\\0"), flush=True)
            """

        @Test(
            .enabled(if: getuid() == 0, "a mount namespace needs root"),
            .enabled(
                if: PeerTool.available("unshare", "mount") && PeerTool.pythonAvailable, "needs unshare, .deps/python"))
        func anAlertIsAMessageWhenItBeginsAndWhenItIsOver() async throws {
            let installation = try NodeInstallation(
                sections: Peers.sections(pacsPort: try freePort(), quiet: "1h"), spareFiles: "0")
            let (socket, devices) = (installation.path("log.socket"), installation.path("dev"))
            try FileManager.default.createDirectory(atPath: devices, withIntermediateDirectories: true)
            let syslog = try ChildProcess(PeerTool.python, ["-c", Self.receiver, socket])
            _ = try await syslog.line { $0 == "bound" }
            let node = try await installation.start(
                under: [
                    try PeerTool.find("unshare"), "-m", "/bin/sh", "-c", Self.namespace, "sh", devices, socket,
                ], environment: ["OVERREAD_SYSLOG": "on"])
            let key = installation.keys + "/vault.key"
            try FileManager.default.moveItem(atPath: key, toPath: key + ".away")
            // Facility daemon (3), severity critical (2), then notice (5): RFC 3164, 4.1.1.
            let begun = try await syslog.line { $0.contains("key-missing: ") }
            #expect(begun.hasPrefix("<26>") && begun.contains("overread[\(node.process.identifier)]: "), "\(begun)")
            try FileManager.default.moveItem(atPath: key + ".away", toPath: key)
            let over = try await syslog.line { $0.contains("over: key-missing") }
            #expect(over.hasPrefix("<29>"), "\(over)")
            try await node.process.stop()
            #expect(syslog.output.split(separator: "\n").count == 3, "\(syslog.output)")
            try await syslog.killGroup()
        }
    }
}
