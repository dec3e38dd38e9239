import DCMTKBridge
import DICOMCore
import Foundation
import GRDB
import NodeTestSupport

@testable import DeIdentification

/// A vault's database and key folder in a folder of their own.
struct VaultFixture {
    let temporary: TemporaryFolder
    let database: DatabasePool
    let folder: KeyFolder

    init() throws {
        try startDCMTK()
        temporary = try TemporaryFolder()
        var configuration = Configuration()
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA secure_delete = ON") }
        database = try DatabasePool(path: temporary.path("node.sqlite"), configuration: configuration)
        var migrator = DatabaseMigrator()
        Vault.register(in: &migrator)
        try migrator.migrate(database)
        folder = try KeyFolder.open(temporary.path("keys"), dataFolder: temporary.path("data"), dataExist: false)
    }

    func vault() throws -> Vault {
        let (keys, publicKey) = try folder.receiverKeys()
        return Vault(keys: keys, publicKey: publicKey)
    }

    func reader() throws -> VaultReader {
        VaultReader(
            ring: try folder.privateKeys(), keys: try folder.indexKeys(), actor: AuditActor(description: "test"))
    }

    /// Takes one instance in as the node does.
    @discardableResult
    func takeIn(_ elements: [TestElement], as instanceID: String, vault: Vault? = nil) throws -> SealedIdentity {
        let header = try DataSet(
            parsing: TestElement.encode(elements, explicitVR: true), transferSyntax: .explicitVRLittleEndian)
        let vault = try vault ?? self.vault()
        let identity = try Identity.capture(from: header)
        let pseudonym = try vault.pseudonym(for: identity.patient, in: database)
        let instance = try DeIdentifier(keys: try folder.indexKeys()).deidentify(
            header, identity: identity, pseudonym: pseudonym)
        let sealed = try vault.seal(identity, instanceID: instanceID, as: instance, pseudonym: pseudonym)
        try database.write { try vault.record(sealed, in: $0) }
        return sealed
    }

    /// `count` instances, each of a study and patient of its own.
    func takeIn(_ count: Int) throws {
        let vault = try vault()
        for number in 0..<count {
            try takeIn(
                TestElement.instance(
                    study: "1.2.3.\(number)", instance: "1.2.3.\(number).1", patientName: "Family\(number)^Given",
                    patientID: "MRN\(number)"),
                as: "i\(number)", vault: vault)
        }
    }

    /// The patient's name of each of the first `count` instances, opened by what lies in the folder.
    func names(_ count: Int) throws -> [String?] {
        let opened = try reader().open(
            (0..<count).map { "i\($0)" }, for: .lookup(of: "test"), in: database, at: Date())
        return try opened.map { Header(try $0.dataSet()).string(.patientName) }
    }

    func audit() throws -> [AuditLine] {
        var lines: [AuditLine] = []
        _ = try database.read { try VaultAudit.walk(in: $0) { line, _ in lines.append(line) } }
        return lines
    }

    func count(_ sql: String, _ arguments: StatementArguments = []) throws -> Int {
        try database.read { try Int.fetchOne($0, sql: sql, arguments: arguments) ?? 0 }
    }

    /// All bytes of the database's files.
    func rawFiles() throws -> Data {
        try FileManager.default.contentsOfDirectory(atPath: temporary.url.path).filter { $0.hasPrefix("node.sqlite") }
            .reduce(into: Data()) { $0 += try Data(contentsOf: temporary.url.appending(path: $1)) }
    }
}
