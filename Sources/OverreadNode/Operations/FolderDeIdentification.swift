import DICOMCore
import Foundation
import Glibc

/// De-identifies every file of a folder, one after the other; what is refused is noted and the rest goes on.
///
/// The copy has the folder's shape and none of its names, since names of folders and files may hold identity: folders are
/// numbered, files are named by their new SOP Instance UID.
package struct FolderDeIdentification {
    /// A file of which nothing was written.
    package struct Refusal: Codable, Sendable {
        /// Its path, as the caller named the folder.
        package let file: String
        /// A sentence without any value of the file.
        package let reason: String
    }

    /// What became of a folder.
    package struct Summary: Codable, Sendable {
        /// How many files were written.
        package var deidentified = 0
        /// The others.
        package var refused: [Refusal] = []
    }

    private struct Job {
        let input: String
        let output: Output
    }

    private enum Output {
        case folder(String)
        case file(String)
    }

    private let engine: FileDeIdentification
    private let jobs: [Job]

    /// Lists what there is to do.
    ///
    /// - Throws: a sentence, when the folder cannot be listed or the output is inside it.
    package init(_ engine: FileDeIdentification, from input: String, to output: String) throws {
        self.engine = engine
        let (from, to) = (Self.resolved(input), Self.resolved(output))
        guard to != from, !to.hasPrefix(from + "/") else {
            throw FolderError("\(output) is inside \(input): the copy would be part of what is copied")
        }
        jobs = try Self.jobs(input, to)
    }

    /// A single file, to a name that the caller has chosen.
    package init(_ engine: FileDeIdentification, file: String, to output: String) throws {
        self.engine = engine
        jobs = [Job(input: file, output: .file(output))]
    }

    /// The path without symbolic links as far as it exists.
    private static func resolved(_ path: String) -> String {
        URL(filePath: path).standardizedFileURL.resolvingSymlinksInPath().path
    }

    private static func jobs(_ input: String, _ output: String) throws -> [Job] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: input).sorted() else {
            throw FolderError("\(input) cannot be listed")
        }
        var jobs: [Job] = []
        var folders = 0
        for name in names {
            let path = "\(input)/\(name)"
            var status = stat()
            // Links are not followed: they may lead out of the folder, or round in it.
            guard lstat(path, &status) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFREG: jobs.append(Job(input: path, output: .folder(output)))
            case S_IFDIR:
                folders += 1
                jobs += try Self.jobs(path, "\(output)/\(String(folders + 10_000).dropFirst())")
            default: break
            }
        }
        return jobs
    }

    /// How many files there are.
    package var count: Int { jobs.count }

    /// Does it. `progress` is told after each file how many are done, and the refusal if it was one.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func run(progress: (Int, Refusal?) -> Void) -> Summary {
        var summary = Summary()
        let buffer = InputBuffer()
        var written: Set<String> = []
        var made: Set<String> = []
        for (index, job) in jobs.enumerated() {
            do {
                try engine.deidentify(job.input, reading: buffer) { instance in
                    switch job.output {
                    case .file(let path): return path
                    case .folder(let folder):
                        if made.insert(folder).inserted {
                            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                        }
                        return Self.freeName("\(folder)/\(instance.uid.value)", &written)
                    }
                }
                summary.deidentified += 1
                progress(index + 1, nil)
            } catch {
                let refusal = Refusal(file: job.input, reason: Self.reason(error))
                summary.refused.append(refusal)
                progress(index + 1, refusal)
            }
        }
        return summary
    }

    /// A second file of the same instance gets a number; one of an earlier run is written over.
    private static func freeName(_ path: String, _ written: inout Set<String>) -> String {
        var name = "\(path).dcm"
        var number = 1
        while !written.insert(name).inserted {
            number += 1
            name = "\(path)-\(number).dcm"
        }
        return name
    }

    /// Foundation's errors name paths; everything of ours is a sentence.
    private static func reason(_ error: any Error) -> String {
        if error is OwnResultReturned { return "the object is a result of Overread's own" }
        return error is CocoaError ? "the output folder cannot be made" : "\(error)"
    }
}

/// A sentence for the operator.
package struct FolderError: Error, CustomStringConvertible {
    /// The sentence.
    package let description: String
    init(_ description: String) { self.description = description }
}
