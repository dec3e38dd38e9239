import Glibc

/// The folder of de-identified files: `spool/<two hexadecimal digits>/<instance ID>.dcm`.
package struct SpoolFolder: Sendable {
    /// Absolute path.
    package let root: String

    /// Makes the folder and its 256 subfolders (mode 0700), durably, if they are not there.
    package init(root: String) throws {
        self.root = root
        if mkdir(root, 0o700) == 0 {
            try Self.syncFolder(root + "/..")
        } else if errno != EEXIST {
            throw SpoolError(call: "mkdir", code: errno)
        }
        var made = false
        for number in 0..<256 {
            if mkdir(root + "/" + Self.folderName(number), 0o700) == 0 {
                made = true
            } else if errno != EEXIST {
                throw SpoolError(call: "mkdir", code: errno)
            }
        }
        if made { try Self.syncFolder(root) }
    }

    /// A folder that is there, for who only looks.
    init(existing root: String) { self.root = root }

    /// A new file for an instance. `instanceID` is ours: lower-case hexadecimal, at least two digits.
    package func create(instanceID: String = randomInstanceID()) throws(SpoolError) -> SpoolFile {
        try SpoolFile(in: self, instanceID: instanceID)
    }

    /// 128 random bits in hexadecimal.
    package static func randomInstanceID() -> String {
        let digits = String(UInt128.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }

    /// Whether it is a name that we give: hexadecimal digits, at least two.
    static func isInstanceID(_ name: String) -> Bool {
        name.utf8.count >= 2 && name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// Where an instance's file is, below the spool folder.
    static func relativePath(_ instanceID: String) -> String {
        precondition(isInstanceID(instanceID))
        return "\(instanceID.prefix(2))/\(instanceID).dcm"
    }

    /// Absolute path of a file of ours.
    package func path(_ relativePath: String) -> String { root + "/" + relativePath }

    /// Bytes that the file system still has for us.
    package func freeBytes() -> UInt64? {
        var status = statvfs()
        guard statvfs(root, &status) == 0 else { return nil }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    /// A file's size; nil for what is no file.
    func size(_ relativePath: String) -> Int? {
        var status = stat()
        guard lstat(path(relativePath), &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(status.st_size)
    }

    /// Makes a file that is there durable, and its name.
    func sync(_ relativePath: String) throws(SpoolError) {
        let descriptor = open(path(relativePath), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw SpoolError(call: "open", code: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw SpoolError(call: "fsync", code: errno) }
        try Self.syncFolder(root + "/" + relativePath.prefix { $0 != "/" })
    }

    static func syncFolder(_ path: String) throws(SpoolError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SpoolError(call: "open", code: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw SpoolError(call: "fsync", code: errno) }
    }

    private static func folderName(_ number: Int) -> String {
        (number < 16 ? "0" : "") + String(number, radix: 16)
    }
}
