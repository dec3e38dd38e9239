import Foundation
import NodeTestSupport

/// pynetdicom with an open association, sending nothing before it is released.
struct HeldSender {
    private let process: ChildProcess
    private let hold: String

    init(_ images: SyntheticImages, to node: RunningNode) async throws {
        hold = node.installation.path("hold-\(UUID().uuidString)")
        process = try ChildProcess(
            PeerTool.python, [Checkout.path("Tests/Peers/send.py"), "\(node.port)"] + images.files + ["--hold", hold])
        let (sender, mark) = (process, hold + ".established")
        try await eventually("the association is open", context: { sender.tail }) {
            FileManager.default.fileExists(atPath: mark)
        }
    }

    /// Lets it send, and returns what became of it.
    func release() async throws -> SendReport {
        guard FileManager.default.createFile(atPath: hold, contents: nil) else {
            throw TestSupportError("cannot write \(hold)")
        }
        guard try await process.wait() == .exited(0) else { throw TestSupportError("send.py failed\n\(process.tail)") }
        return try JSONDecoder().decode(SendReport.self, from: Data(process.output.utf8))
    }
}
