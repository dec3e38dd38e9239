import DICOMCore
import Foundation
import GRDB

/// The private keys that open what is stored: one, and while a rotation is unfinished the one before too.
package struct VaultKeyRing: Sendable, CustomStringConvertible, CustomReflectable {
    /// The key that new rows are sealed to once vault.pub is its other half.
    let current: VaultPrivateKey
    /// The key of rows that a rotation has not come to yet.
    let previous: VaultPrivateKey?

    /// A ring.
    package init(_ current: VaultPrivateKey, previous: VaultPrivateKey? = nil) {
        self.current = current
        self.previous = previous
    }

    /// The names of its keys.
    package var ids: [String] { [current.publicKey.id] + (previous.map { [$0.publicKey.id] } ?? []) }

    /// The name of the key that opens new rows.
    package var currentID: String { current.publicKey.id }

    /// Opens with the key that sealed.
    package func open(
        _ sealed: SealedBytes, for purpose: SealingPurpose, boundTo parts: [String]
    ) throws(SealingError) -> [UInt8] {
        let key = sealed.keyID == previous?.publicKey.id ? previous : current
        return try (key ?? current).open(sealed, for: purpose, boundTo: parts)
    }

    /// Prints nothing.
    package var description: String { "<vault keys>" }
    /// Shows nothing.
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// The only way from sealed rows to identity outside this module. Each reading leaves a line in the audit that is durable
/// before anything is handed out; when the line cannot be written, nothing is.
package struct VaultReader: Sendable {
    private let ring: VaultKeyRing
    private let index: VaultIndex
    private let uids: UIDMap
    private let actor: AuditActor

    /// Why identity is read.
    package struct Request: Sendable {
        let purpose: AuditLine.Purpose
        let subject: String
        let recipient: String?

        /// To build a study's results for a destination.
        package static func delivery(of study: String, to destination: String) -> Request {
            Request(purpose: .delivery, subject: study, recipient: destination)
        }

        /// To ask an archive for what a request for storage commitment (opaque) names, and to answer it.
        package static func commitment(of request: String, by archive: String) -> Request {
            Request(purpose: .commitment, subject: request, recipient: archive)
        }

        /// To ask an archive how many instances of a study it has.
        package static func count(of study: String, by archive: String) -> Request {
            Request(purpose: .count, subject: study, recipient: archive)
        }

        /// To show it to the operator, who named `subject` (opaque).
        package static func lookup(of subject: String) -> Request {
            Request(purpose: .lookup, subject: subject, recipient: nil)
        }
    }

    /// A reader in the name of `actor`.
    package init(ring: VaultKeyRing, keys: ReceiverKeys, actor: AuditActor) {
        self.ring = ring
        self.index = VaultIndex(keys: keys)
        self.uids = UIDMap(keys: keys)
        self.actor = actor
    }

    /// The identities of instances, in their order; all or none.
    ///
    /// - Throws: ``VaultError``, ``SealingError``; the database's error when the audit cannot be written.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func open(
        _ instances: [String], for request: Request, in database: any DatabaseWriter, at now: Date
    ) throws -> [OpenedIdentity] {
        // Opened outside the transaction that writes the audit, so that a large study does not hold up receivers.
        let opened = Result {
            try database.read { db in
                try instances.map { try SealedIdentity.open(instanceID: $0, with: ring, in: db) }
            }
        }
        return try audited(opened, identities: instances.count, for: request, in: database, at: now)
    }

    /// What ``Vault/record(_:in:)`` stored of a request for storage commitment.
    ///
    /// - Throws: ``VaultError``, ``SealingError``; the database's error when the audit cannot be written.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func open(
        request id: String, for request: Request, in database: any DatabaseWriter, at now: Date
    ) throws -> [UInt8] {
        let opened = Result { try database.read { try SealedRequest.open(id: id, with: ring, in: $0) } }
        return try audited(opened, identities: 1, for: request, in: database, at: now)
    }

    /// Hands out what was opened once the audit says so.
    private func audited<Opened>(
        _ opened: Result<Opened, any Error>, identities: Int, for request: Request, in database: any DatabaseWriter,
        at now: Date
    ) throws -> Opened {
        let outcome: AuditLine.Outcome
        switch opened {
        case .success: outcome = .opened
        case .failure(VaultError.unknownInstance): outcome = .notStored
        case .failure(SealingError.otherKey): outcome = .otherKey
        case .failure(is SealingError), .failure(is VaultError): outcome = .notAuthentic
        case .failure(let error): throw error
        }
        try database.write { db in
            try VaultAudit.append(
                request.purpose, of: request.subject, for: request.recipient, by: actor, identities: identities,
                outcome: outcome, in: db, at: now)
        }
        return try opened.get()
    }

    /// Whether an opened identity is of the study, the patient and the instance that its row is stored for. Each is found
    /// again from the originals by the receiver's keys, so a row that somebody else sealed does not pass.
    package func belongs(_ identity: OpenedIdentity, sopInstanceUID: String, in db: Database) throws -> Bool {
        let stored = try VaultIndex.storedPseudonym(index.digest(identity.patient), in: db)
        return stored == identity.pseudonym
            && uids.mapped(identity.studyInstanceUID.utf8) == identity.studyUID.uid
            && uids.mapped(identity.sopInstanceUID.utf8).value == sopInstanceUID
    }

    /// Whether the ring opens the oldest and the newest row: a key folder that was exchanged is noticed before anything
    /// is received.
    ///
    /// - Throws: ``SealingError/otherKey(_:)`` with the name of the key that is missing.
    package static func checkKeys(_ ring: VaultKeyRing, in db: Database) throws {
        for order in ["ASC", "DESC"] {
            let sql = "SELECT key_id FROM sealed_identity ORDER BY rowid \(order) LIMIT 1"
            if let id = try String.fetchOne(db, sql: sql), !ring.ids.contains(id) { throw SealingError.otherKey(id) }
        }
    }
}
