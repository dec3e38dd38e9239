import DCMTKBridge
import DICOMCore
import DeIdentification
import Foundation
import GRDB
import StudyQueue

/// What `overread vault` does. Every reading of identity is audited before it is shown.
package struct VaultOperation: Sendable {
    private let configuration: NodeConfiguration

    /// On the data and keys of an installation.
    package init(_ configuration: NodeConfiguration) { self.configuration = configuration }

    // MARK: Lookup

    /// One identity, for the operator who asked, and for nothing else: it is encoded to be printed once.
    package struct Answer: Codable, Sendable {
        /// The opaque study that it belongs to.
        package let study: String
        /// The opaque instance that it was sealed with.
        package let instance: String
        /// What the instance's patient is called here.
        package let pseudonym: String
        /// Keyword and value of each attribute that was there, in UTF-8, in the order of the table.
        package let attributes: [String: String]
    }

    /// The attributes that `lookup` shows.
    package static let shown: [(keyword: String, tag: Tag)] = [
        ("PatientName", Tag(0x0010, 0x0010)), ("PatientID", Tag(0x0010, 0x0020)),
        ("IssuerOfPatientID", Tag(0x0010, 0x0021)), ("PatientBirthDate", Tag(0x0010, 0x0030)),
        ("PatientSex", Tag(0x0010, 0x0040)), ("AccessionNumber", Tag(0x0008, 0x0050)),
        ("StudyDate", Tag(0x0008, 0x0020)), ("StudyDescription", Tag(0x0008, 0x1030)),
        ("StudyInstanceUID", Tag(0x0020, 0x000D)), ("SeriesInstanceUID", Tag(0x0020, 0x000E)),
        ("SOPInstanceUID", Tag(0x0008, 0x0018)),
    ]

    /// The original identity of an instance; of a study, its last instance's and one of each other patient that it came
    /// with; of a pseudonym, one of each of its studies.
    ///
    /// - Parameter subject: an opaque study (`s-…`), a pseudonym (`OVR-…`) or an instance (the base name of its file).
    /// - Throws: ``NodeError/unknownSubject`` and what opening throws. Nothing is returned that is not audited.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func lookup(_ subject: String) throws -> [Answer] {
        try DCMTKRuntime.initialize(adding: DictionarySupplement2026d.entries)
        let folder = try keyFolder()
        let reader = VaultReader(
            ring: try folder.privateKeys(), keys: try folder.indexKeys(), actor: .current(.operator))
        let database = try database()
        let found = try database.read { try Self.instances(of: subject, in: $0) }
        if found.isEmpty { throw NodeError.unknownSubject }
        let opened = try reader.open(
            found.map(\.instance), for: .lookup(of: subject), in: database, at: Date())
        return try zip(found, opened).map { try Self.answer($1, study: $0.study) }
    }

    /// The newest instance of each study and pseudonym that `subject` names; or the instance itself. What peers typed is
    /// never part of a statement: it is an argument.
    private static func instances(of subject: String, in db: Database) throws -> [(study: String, instance: String)] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT coalesce(s.id, '-') AS study, v.instance_id, max(v.rowid) FROM sealed_identity v
                LEFT JOIN study s ON s.uid = v.study_uid
                WHERE v.instance_id = ?1 OR v.pseudonym = ?1 OR v.study_uid = (SELECT uid FROM study WHERE id = ?1)
                GROUP BY v.study_uid, v.pseudonym ORDER BY max(v.rowid) DESC
                """, arguments: [subject]
        ).map { (study: $0["study"], instance: $0["instance_id"]) }
    }

    private static func answer(_ identity: OpenedIdentity, study: String) throws -> Answer {
        let dataSet = try identity.dataSet()
        // Text that cannot be converted is shown as it was sent.
        try? dataSet.convertToUTF8()
        var attributes: [String: String] = [:]
        for (keyword, tag) in shown {
            if let value = dataSet.string(tag), !value.isEmpty { attributes[keyword] = value }
        }
        return Answer(
            study: study, instance: identity.instanceID, pseudonym: identity.pseudonym.value, attributes: attributes)
    }

    // MARK: Rotate

    /// What `rotate` says before it begins.
    package static let rotationNotice = """
        changes        vault.key and vault.pub: a new pair; every sealed row is sealed again to it
        does not       receiver.key: from it come the UIDs of de-identified files, of results that the PACS has, and the
        change         indexes that find patients and studies again; another one would cut the node off from all of them
        """

    /// Rotates the vault's keys, or goes on with a rotation that was interrupted. No node may run meanwhile: it holds the
    /// old key in memory.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func rotate(_ step: (VaultRotation.Step) throws -> Void) throws -> VaultRotation.Outcome {
        guard NodeStore.exists(configuration) else { throw NodeError.noDataFolder(configuration.dataFolder) }
        ProcessHardening.apply()
        let lock = try DataFolderLock(configuration)
        defer { withExtendedLifetime(lock) {} }
        let store = try NodeStore(configuration)
        return try VaultRotation(try keyFolder(), store.database, by: .current(.operator)).run(step)
    }

    // MARK: Audit

    /// Gives every line of the audit and whether it follows the one before; returns how many are missing at the end.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func audit(_ visit: (AuditLine, _ isIntact: Bool) throws -> Void) throws -> Int64 {
        guard NodeStore.exists(configuration) else { throw NodeError.noDataFolder(configuration.dataFolder) }
        let database = try StudyDatabase.openForReading(path: configuration.databasePath)
        return try database.read { db in
            try NodeStore.checkVersion(db, of: configuration)
            return try VaultAudit.walk(in: db, visit)
        }
    }

    // MARK: -

    private func keyFolder() throws -> KeyFolder {
        try KeyFolder.open(configuration.keysFolder, dataFolder: configuration.dataFolder, dataExist: true)
    }

    /// Beside a running node too: SQLite lets one line of the audit in between the node's own commits.
    @available(*, noasync)
    private func database() throws -> DatabasePool {
        guard NodeStore.exists(configuration) else { throw NodeError.noDataFolder(configuration.dataFolder) }
        ProcessHardening.apply()
        let database = try StudyDatabase.open(path: configuration.databasePath)
        try database.read { try NodeStore.checkVersion($0, of: configuration) }
        return database
    }
}
