import Foundation
import Glibc
import NodeTestSupport
import Synchronization
import Testing

@testable import OverreadNode

@Suite struct SpareFilesTests {
    private let folder: TemporaryFolder
    private let spool: SpoolFolder
    private static let small = 16 << 10
    private static let large = 576 << 10
    /// Room for 3 small files and 1 large one, in the shares that there are.
    private static let reserve = 1 << 20

    init() throws {
        folder = try TemporaryFolder()
        spool = try SpoolFolder(root: folder.path("spool"))
    }

    private func spares(_ reserve: Int = reserve, adopting: [String] = [], keepFree: UInt64 = 0) -> SpareFiles {
        SpareFiles(in: spool, reserve: reserve, adopting: adopting, keepFree: keepFree)
    }

    /// Runs the maker until `condition` holds, and ends it.
    private func run(_ spares: SpareFiles, until condition: () -> Bool) async throws {
        let thread = WorkerThread("spare-files") { spares.run() }
        try await eventually("files are made") { condition() }
        spares.stop()
        #expect(
            await withCheckedContinuation { done in
                _ = WorkerThread("join") { done.resume(returning: thread.join(seconds: 10)) }
            })
    }

    private var files: [String: Int] {
        var sizes: [String: Int] = [:]
        for path in FileManager.default.subpaths(atPath: spool.root) ?? [] where path.hasSuffix(".dcm") {
            sizes[path] = (try? FileManager.default.attributesOfItem(atPath: spool.path(path))[.size] as? Int) ?? -1
        }
        return sizes
    }

    @Test func filesOfZerosAreMadeUpToTheReserve() async throws {
        let spares = spares()
        try await run(spares) { spares.count == 4 }
        #expect(files.values.sorted() == [Self.small, Self.small, Self.small, Self.large])
        for path in files.keys {
            #expect(try Data(contentsOf: URL(filePath: spool.path(path))).allSatisfy { $0 == 0 })
        }
    }

    @Test(arguments: [0, 1, 100, 16 << 10, (16 << 10) + 1, 70_000, 576 << 10, (576 << 10) + 1, 900_000])
    func whatIsWrittenIntoAFileMadeAheadIsAllThatIsInIt(_ size: Int) async throws {
        let spares = spares()
        try await run(spares) { spares.count == 4 }
        let before = Set(files.keys)
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
        // The sender may not know how long it is: then it may be longer than the file.
        for announced in [size, nil] {
            let file = try spares.file(for: announced)
            if let announced { #expect(before.contains(file.relativePath) == (announced <= Self.large)) }
            for start in stride(from: 0, to: size, by: 7_001) {
                try file.write(Array(bytes[start..<min(size, start + 7_001)]))
            }
            try file.commit()
            #expect(file.byteCount == size)
            #expect(try Array(Data(contentsOf: URL(filePath: spool.path(file.relativePath)))) == bytes)
        }
    }

    @Test func theSmallestThatFitsIsTakenAndANewOneWhereNoneIsLeft() async throws {
        let spares = spares()
        try await run(spares) { spares.count == 4 }
        let made = files
        let tiny = try spares.file(for: 100)
        #expect(made[tiny.relativePath] == Self.small)
        let slice = try spares.file(for: 530_000)
        #expect(made[slice.relativePath] == Self.large)
        let second = try spares.file(for: 530_000)
        #expect(made[second.relativePath] == nil)
        let unknown = try spares.file(for: nil)
        #expect(made[unknown.relativePath] == nil)
        #expect(Set([tiny, slice, second, unknown].map(\.instanceID)).count == 4)
        #expect(spares.count == 2)
    }

    @Test func aFileThatIsDiscardedIsNotUsedAgain() async throws {
        let spares = spares()
        try await run(spares) { spares.count == 4 }
        let file = try spares.file(for: 530_000)
        try file.write([1, 2, 3])
        file.discard()
        #expect(files[file.relativePath] == nil)
        #expect(spares.count == 3)
    }

    @Test func theFilesOfAFormerProcessAreTakenOverWhereNothingWasBegunInThem() async throws {
        let former = spares()
        try await run(former) { former.count == 4 }
        let begun = try former.file(for: 530_000)
        try begun.write([UInt8](repeating: 0, count: 200_000) + [1])
        try begun.commit()
        let odd = "00/00aa.dcm"
        try Data(count: Self.small + 1).write(to: URL(filePath: spool.path(odd)))
        let strange = "00/not ours.dcm"
        try Data(count: Self.small).write(to: URL(filePath: spool.path(strange)))
        let kept = Set(files.keys).subtracting([begun.relativePath, odd, strange])

        let spares = spares(adopting: Array(files.keys))
        try await run(spares) { spares.count == 4 }
        #expect(kept.isSubset(of: files.keys))
        #expect(files[begun.relativePath] == nil)
        #expect(files[odd] == nil)
        #expect(files[strange] == nil)

        let none = self.spares(0, adopting: Array(files.keys))
        try await run(none) { files.isEmpty }
        #expect(none.count == 0)
    }

    @Test func aDiskThatIsNearlyFullGetsItsRoomBack() async throws {
        let former = spares()
        try await run(former) { former.count == 4 }
        let spares = spares(adopting: Array(files.keys), keepFree: .max)
        try await run(spares) { files.isEmpty }
        #expect(spares.count == 0)
    }

    @Test func aDiskWithoutRoomForAllOfThemGetsNone() async throws {
        // Room for half of them above what is kept free. What is written takes room, as on a disk.
        let (keepFree, room, root) = (UInt64(10 << 20), UInt64(512 << 10), spool.root)
        let made = Atomic(0)
        let spares = SpareFiles(in: spool, reserve: Self.reserve, keepFree: keepFree) {
            let paths = FileManager.default.subpaths(atPath: root)?.filter { $0.hasSuffix(".dcm") } ?? []
            made.add(paths.count, ordering: .relaxed)
            return keepFree + room - UInt64(paths.count * Self.small)
        }
        let looks = Atomic(0)
        let thread = WorkerThread("spare-files") {
            spares.run()
            looks.store(1, ordering: .relaxed)
        }
        try await Task.sleep(for: .seconds(1))
        spares.stop()
        try await eventually("it stops") { looks.load(ordering: .relaxed) == 1 }
        _ = thread
        #expect(made.load(ordering: .relaxed) == 0 && files.isEmpty)
    }
}
