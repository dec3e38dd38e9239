import Foundation
import Glibc

/// The folder of the node's keys, outside the data folder: whoever copies the data folder alone reads no identity in
/// it.
///
/// `receiver.key` (0600) maps and indexes, `vault.pub` seals, `vault.key` (0600) opens. The folder is 0700. While a rotation
/// is unfinished there are `vault.key.next`, not used yet, or `vault.key.previous`, which opens what is not sealed again yet.
package struct KeyFolder: Sendable {
    /// Absolute path.
    package let path: String
    /// Whether ``open(_:dataFolder:dataExist:)`` has just made keys: show ``lossIsFinal`` then.
    package private(set) var hasNewKeys = false

    enum File: String, CaseIterable {
        case receiver = "receiver.key"
        case publicKey = "vault.pub"
        case privateKey = "vault.key"
        case nextKey = "vault.key.next"
        case previousKey = "vault.key.previous"
    }

    /// Opens the folder, and makes it with new keys at the first start.
    ///
    /// - Parameters:
    ///   - path: the key folder.
    ///   - dataFolder: must not hold the key folder.
    ///   - dataExist: whether the data folder already holds studies; new keys would then be of no use, so none
    ///     are made.
    /// - Throws: ``KeyFolderError``, with a sentence that says what to do.
    package static func open(_ path: String, dataFolder: String, dataExist: Bool) throws -> KeyFolder {
        let keys = absolute(path)
        let data = absolute(dataFolder)
        if keys == data || keys.hasPrefix(data + "/") { throw KeyFolderError.insideDataFolder(keys) }
        var folder = KeyFolder(path: keys)
        if folder.isEmpty, dataExist { throw KeyFolderError.keysMissing(keys) }
        folder.hasNewKeys = folder.isEmpty
        if !dataExist { try folder.create() }
        try folder.checkPermissions(of: keys)
        return folder
    }

    /// The keys of the receiving side, and the key to seal with.
    package func receiverKeys() throws -> (keys: ReceiverKeys, publicKey: VaultPublicKey) {
        guard let keys = try read(.receiver).receiverKeys else { throw KeyFolderError.notAKey(file(.receiver)) }
        guard let publicKey = try read(.publicKey).publicKey else { throw KeyFolderError.notAKey(file(.publicKey)) }
        return (keys, publicKey)
    }

    /// The keys that map and index, without any that seals or opens.
    package func indexKeys() throws -> ReceiverKeys {
        guard let keys = try read(.receiver).receiverKeys else { throw KeyFolderError.notAKey(file(.receiver)) }
        return keys
    }

    /// The keys that open sealed identity; one of them must be the other half of `vault.pub`.
    package func privateKeys() throws -> VaultKeyRing {
        let current = try privateKey(.privateKey)
        let ring = VaultKeyRing(current, previous: exists(.previousKey) ? try privateKey(.previousKey) : nil)
        guard let publicKey = try read(.publicKey).publicKey else { throw KeyFolderError.notAKey(file(.publicKey)) }
        guard ring.ids.contains(publicKey.id) else { throw KeyFolderError.keysDiffer(path) }
        return ring
    }

    /// Whether a rotation was begun and not finished.
    package var isRotating: Bool { exists(.nextKey) || exists(.previousKey) }

    /// What an operator must know of the keys, in one sentence.
    package var lossIsFinal: String {
        "back up \(path) now, apart from the data folder, and again after each overread vault rotate: without vault.key no "
            + "identity can ever be read again and no result be built for what waits, without receiver.key every patient "
            + "and UID gets another name; nobody can restore either"
    }

    func privateKey(_ name: File) throws -> VaultPrivateKey {
        guard let key = try read(name).privateKey else { throw KeyFolderError.notAKey(file(name)) }
        return key
    }

    private var isEmpty: Bool { File.allCases.allSatisfy { !exists($0) } }

    func exists(_ name: File) -> Bool { access(file(name), F_OK) == 0 }

    func file(_ file: File) -> String { path + "/" + file.rawValue }

    // MARK: Making

    private func create() throws {
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw KeyFolderError.notWritable(path, errno) }
        try checkPermissions(of: path)
        // What is there stays: a crash may have left a part, and an operator may have taken vault.key away to where results
        // are built. Nothing is stored yet that a new receiver.key could not map.
        if !exists(.publicKey) {
            if !exists(.privateKey) { try write(KeyText(VaultPrivateKey.random()), to: .privateKey, mode: 0o600) }
            guard let privateKey = try read(.privateKey).privateKey else {
                throw KeyFolderError.notAKey(file(.privateKey))
            }
            try write(KeyText(privateKey.publicKey), to: .publicKey, mode: 0o644)
        }
        if !exists(.receiver) { try write(KeyText(ReceiverKeys.random()), to: .receiver, mode: 0o600) }
        try sync()
    }

    /// Makes names in the folder durable.
    func sync() throws {
        let folder = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw KeyFolderError.notWritable(path, errno) }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw KeyFolderError.notWritable(path, errno) }
    }

    func write(_ text: KeyText, to name: File, mode: mode_t) throws {
        let bytes = try text.text
        let part = file(name) + ".part"
        unlink(part)
        let descriptor = Glibc.open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw KeyFolderError.notWritable(part, errno) }
        defer { close(descriptor) }
        // The umask may have taken bits of a public file; it cannot add any to a private one.
        guard fchmod(descriptor, mode) == 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count,
            fsync(descriptor) == 0, rename(part, file(name)) == 0
        else { throw KeyFolderError.notWritable(file(name), errno) }
    }

    // MARK: Reading

    func read(_ name: File) throws -> KeyText {
        let path = file(name)
        let descriptor = Glibc.open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw errno == ENOENT ? KeyFolderError.keyMissing(path) : KeyFolderError.notReadable(path, errno)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw KeyFolderError.notReadable(path, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw KeyFolderError.notAKey(path) }
        if name != .publicKey { try KeyFolder.check(status, path: path, mode: "600") }
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw KeyFolderError.notReadable(path, errno) }
        guard let text = try? KeyText(parsing: Array(bytes.prefix(count))) else { throw KeyFolderError.notAKey(path) }
        return text
    }

    private func checkPermissions(of folder: String) throws {
        var status = stat()
        guard stat(folder, &status) == 0 else { throw KeyFolderError.notReadable(folder, errno) }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw KeyFolderError.notReadable(folder, ENOTDIR) }
        try KeyFolder.check(status, path: folder, mode: "700")
    }

    private static func check(_ status: stat, path: String, mode: String) throws {
        guard status.st_uid == geteuid() else { throw KeyFolderError.otherOwner(path) }
        guard status.st_mode & 0o077 == 0 else { throw KeyFolderError.openToOthers(path, mode) }
    }

    /// The path with links and dots resolved as far as it exists.
    private static func absolute(_ path: String) -> String {
        var existing = URL(fileURLWithPath: path).standardizedFileURL
        var rest: [String] = []
        while access(existing.path, F_OK) != 0, existing.path != "/" {
            rest.insert(existing.lastPathComponent, at: 0)
            existing = existing.deletingLastPathComponent()
        }
        var resolved = existing.path
        if let real = realpath(existing.path, nil) {
            resolved = String(cString: real)
            free(real)
        }
        return rest.reduce(resolved) { $0 == "/" ? "/" + $1 : $0 + "/" + $1 }
    }
}

/// What is wrong with the key folder. Paths are the operator's own configuration.
package enum KeyFolderError: Error, Equatable, CustomStringConvertible {
    /// The key folder lies in the data folder.
    case insideDataFolder(String)
    /// No key is there although studies are stored.
    case keysMissing(String)
    /// One file is missing.
    case keyMissing(String)
    /// Group or others may read it; the second value is the mode it should have.
    case openToOthers(String, String)
    /// It belongs to another user.
    case otherOwner(String)
    /// The content is not a key of this kind and version.
    case notAKey(String)
    /// vault.key and vault.pub are not of one pair.
    case keysDiffer(String)
    /// The system's error number when reading.
    case notReadable(String, Int32)
    /// The system's error number when writing.
    case notWritable(String, Int32)

    /// One sentence, with what to do.
    package var description: String {
        switch self {
        case .insideDataFolder(let path):
            "the key folder \(path) lies in the data folder: put it elsewhere, so that a copy of the data holds no key"
        case .keysMissing(let path):
            "the data folder holds studies but \(path) holds no keys: restore the key folder from its backup; "
                + "without vault.key the identity of stored studies is lost for good"
        case .keyMissing(let path): "\(path) is missing: restore it from the backup of the key folder"
        case .openToOthers(let path, let mode): "others may read \(path): run chmod \(mode) \(path)"
        case .otherOwner(let path): "\(path) belongs to another user: run chown on it, or start the node as that user"
        case .notAKey(let path):
            "\(path) is not a key file of this version: restore it from the backup of the key folder"
        case .keysDiffer(let path):
            "vault.key and vault.pub in \(path) are not of one pair: restore both from one backup"
        case .notReadable(let path, let code): "\(path) cannot be read: \(String(cString: strerror(code)))"
        case .notWritable(let path, let code): "\(path) cannot be written: \(String(cString: strerror(code)))"
        }
    }
}
