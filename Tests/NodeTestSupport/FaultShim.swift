import Foundation

/// Tests/FaultShim under a node: a library that is preloaded, writes down what the node does to the files of its data
/// folder, and lets one sync fail when told to.
package struct FaultShim: Sendable {
    private let library: String
    private let journal: String
    private let trigger: String
    private let root: String

    /// Whether there is a C compiler to build it with.
    package static var isAvailable: Bool { PeerTool.available("cc") }

    /// Builds the library. `root` is the data folder, which must not exist yet; `folder` takes library and journal.
    package init(root: String, in folder: String) async throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        library = folder + "/fault_shim.so"
        journal = folder + "/journal"
        trigger = folder + "/trigger"
        self.root = root
        let built = try await run(
            PeerTool.find("cc"),
            [
                "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-shared", "-fPIC", "-o", library,
                Checkout.path("Tests/FaultShim/fault_shim.c"), "-ldl", "-lpthread",
            ])
        guard built.succeeded else { throw TestSupportError("the shim does not compile\n\(built.everything)") }
    }

    /// The environment to start the node with.
    package var environment: [String: String] {
        [
            "LD_PRELOAD": library, "OVERREAD_FAULT_ROOT": root, "OVERREAD_FAULT_JOURNAL": journal,
            "OVERREAD_FAULT_TRIGGER": trigger,
        ]
    }

    /// Lets the next sync of a file whose path contains `part` fail.
    package func failNextSync(of part: String) throws {
        let draft = trigger + ".draft"
        try part.write(toFile: draft, atomically: false, encoding: .utf8)
        try FileManager.default.moveItem(atPath: draft, toPath: trigger)
    }

    /// Whether the sync that was to fail has failed.
    package var hasFailed: Bool { !FileManager.default.fileExists(atPath: trigger) }

    /// What a power cut at the end of the journal leaves.
    package struct Remains: Decodable, Sendable {
        /// Files that are left.
        package let files: Int
        /// Syncs that succeeded.
        package let syncs: Int
        /// What was done to a spool file after its sync had failed, a letter for each call.
        package let usedAfterFailure: [String]
    }

    /// Writes to `out` what is durable. With a seed, a random part of what was not synced is left as well.
    package func remains(in out: String, keepingSome seed: Int? = nil) async throws -> Remains {
        let options = seed.map { ["--keep-some", "\($0)"] } ?? []
        let finished = try await PeerTool.python("durable.py", [journal, root, out] + options)
        guard finished.succeeded else { throw TestSupportError("durable.py failed: \(finished.everything)") }
        return try JSONDecoder().decode(Remains.self, from: Data(finished.output.utf8))
    }
}
