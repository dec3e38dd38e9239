import Foundation

/// What making one image of 0.5 MB durable takes on this disk, by the ways there are to do it, with nothing else: the
/// evidence of docs/decisions/0003. In each the database's log is a file that exists already, written over.
struct BarrierBenchmark {
    let folder: URL
    private static let count = 100
    private static let image = [UInt8](repeating: 7, count: 540_000)
    private static let log = [UInt8](repeating: 9, count: 56_000)
    private static let madeAhead = 576 << 10

    private enum Way: String, CaseIterable {
        case newFile = "new file: file, folder and log synced"
        case emptyFile = "empty file made ahead: file and log synced"
        case zeroFile = "file of zeros made ahead, cut after its sync: file and log synced (taken)"
        case segment = "appended to a segment that is its own log: segment synced"
        case zeroSegment = "written over a segment of zeros that is its own log: segment synced"
    }

    func run() throws {
        var times: [Way: [Double]] = [:]
        for round in 1...5 {
            for way in Way.allCases { times[way, default: []].append(try seconds(way, round)) }
        }
        print(
            "\none image of 0.5 MB made durable: medians of 5 rounds of \(Self.count)\n\n| way | ms an image |\n|---|---|"
        )
        for way in Way.allCases {
            print("| \(way.rawValue) | \(rounded(median(times[way] ?? []) / Double(Self.count) * 1000)) |")
        }
    }

    private func seconds(_ way: Way, _ round: Int) throws -> Double {
        let place = folder.appending(path: "\(way)-\(round)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        let parent = open(place.path, O_RDONLY | O_DIRECTORY)
        let log = open(place.appending(path: "log").path, O_RDWR | O_CREAT, 0o600)
        defer { for descriptor in [parent, log] { close(descriptor) } }
        fill(log, Self.log.count)
        let segment = open(place.appending(path: "segment").path, O_RDWR | O_CREAT, 0o600)
        defer { close(segment) }
        if way == .zeroSegment { fill(segment, Self.count * Self.image.count) }
        if way == .emptyFile || way == .zeroFile {
            for number in 0..<Self.count {
                let file = open(name(place, number), O_WRONLY | O_CREAT, 0o600)
                if way == .zeroFile { fill(file, Self.madeAhead) }
                fsync(file)
                close(file)
            }
        }
        for descriptor in [log, segment, parent] { fsync(descriptor) }
        let begin = Date()
        for number in 0..<Self.count {
            if way == .segment || way == .zeroSegment {
                write(Self.image, segment, at: number * Self.image.count)
                fdatasync(segment)
                continue
            }
            let file = open(name(place, number), O_WRONLY | O_CREAT, 0o600)
            write(Self.image, file, at: 0)
            if way == .newFile { fsync(file) } else { fdatasync(file) }
            if way == .zeroFile { ftruncate(file, Self.image.count) }
            close(file)
            if way == .newFile { fsync(parent) }
            write(Self.log, log, at: 0)
            fdatasync(log)
        }
        return Date().timeIntervalSince(begin)
    }

    private func name(_ place: URL, _ number: Int) -> String { place.appending(path: "\(number).dcm").path }

    private func fill(_ descriptor: Int32, _ count: Int) {
        let zeros = [UInt8](repeating: 0, count: 64 << 10)
        for offset in stride(from: 0, to: count, by: zeros.count) { write(zeros, descriptor, at: offset) }
    }

    private func write(_ bytes: [UInt8], _ descriptor: Int32, at offset: Int) {
        // In pieces of a PDU, as they come from the network.
        for start in stride(from: 0, to: bytes.count, by: 128 << 10) {
            let count = min(128 << 10, bytes.count - start)
            _ = bytes.withUnsafeBytes { buffer in
                pwrite(
                    descriptor, UnsafeRawBufferPointer(rebasing: buffer[start...]).baseAddress, count, offset + start)
            }
        }
    }
}
