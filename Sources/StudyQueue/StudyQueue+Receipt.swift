import DICOMCore
import Foundation
import GRDB

extension StudyQueue {
    /// Records a received instance: journal line, instance and study, and the events they cause.
    ///
    /// Runs in the caller's transaction, which also seals the identity; nothing is recorded until that commits. Call it
    /// first in the transaction: for `alreadyCommitted` and `refused` there is nothing to seal, only an event to
    /// commit. The spool file must be synced before the commit. Throws `invalidReceipt`, `notInTransaction` and
    /// SQLite's errors; then roll back.
    package func record(_ receipt: InstanceReceipt, in db: Database, at now: Date) throws -> ReceiptOutcome {
        try prepare(receipt, in: db)
        if let held = try HeldDuplicate.fetch(receipt, in: db) {
            return try recordAgain(receipt, held, in: db, at: now)
        }
        if receipt.duplicates != .replace, try isDiscardedAlready(receipt, in: db) {
            try log(.instanceDuplicate, receipt, in: db, at: now)
            return .alreadyCommitted
        }
        return .committed(try hold(receipt, in: db, at: now))
    }

    /// Records an instance that a policy discards at once: journal line, instance row without a study's state changing,
    /// and an event. Same rules as ``record(_:in:at:)``; the outcome is `discarded` or `alreadyCommitted`.
    package func recordDiscarded(
        _ receipt: InstanceReceipt, policy: DiscardPolicy, in db: Database, at now: Date
    ) throws -> ReceiptOutcome {
        try prepare(receipt, in: db)
        let held = try HeldDuplicate.fetch(receipt, in: db)
        if held?.isIdentical == true {
            try log(.instanceDuplicate, receipt, in: db, at: now)
            return .alreadyCommitted
        }
        if try isDiscardedAlready(receipt, in: db) {
            try log(.instanceDuplicate, receipt, in: db, at: now)
            return .alreadyCommitted
        }
        try discard(receipt, policy: policy, in: db, at: now)
        return .discarded(policy)
    }

    /// Writes the event that a result of ours came back. Nothing is recorded of the object; remove its file.
    package func recordOwnResult(source: String, in db: Database, at now: Date) throws {
        guard InstanceReceipt.isSection(source) else { throw StudyQueueError(.invalidReceipt, "source") }
        try EventTable.insert(.ownResult, study: nil, source: source, fields: [], in: db, at: now)
    }

    /// Writes the event that an object was refused before anything of it was recorded.
    package func recordRefusal(
        _ reason: ReasonCode, status: DIMSEStatus, source: String, in db: Database, at now: Date
    ) throws {
        guard InstanceReceipt.isSection(source) else { throw StudyQueueError(.invalidReceipt, "source") }
        try EventTable.insert(
            .instanceRefused, study: nil, source: source, fields: [.refused(reason), .status(status)], in: db, at: now)
    }

    // MARK: -

    private func prepare(_ receipt: InstanceReceipt, in db: Database) throws {
        guard db.isInsideTransaction else { throw StudyQueueError(.notInTransaction) }
        try receipt.validate()
    }

    private func recordAgain(
        _ receipt: InstanceReceipt, _ held: HeldDuplicate, in db: Database, at now: Date
    ) throws -> ReceiptOutcome {
        // In another transfer syntax, or with another header by a PACS's hand, it is the image that is wanted all the same.
        if held.isNeededAgain, held.isSameStudy, held.isIdentical || held.patient == receipt.patientPseudonym {
            return try replace(held, by: receipt, policy: .pixelsRetired, in: db, at: now)
        }
        if held.isIdentical {
            if held.isDoubted, held.isSameStudy { try settleDoubt(receipt, held, in: db, at: now) }
            try log(.instanceDuplicate, receipt, study: held.study, instance: held.id, in: db, at: now)
            return .alreadyCommitted
        }
        guard held.isSameStudy else { return try refuse(receipt, .otherStudy, study: held.study, in: db, at: now) }
        // Another patient's name is more than another header: the new one takes the place of the old whatever
        // `duplicates` says, or the correction would be lost.
        let isDecision = held.isDoubted && receipt.identityCorrection == .reanalyse
        if isDecision || held.patient != receipt.patientPseudonym, !held.isIdentityErased {
            return try replace(held, by: receipt, policy: .identityCorrection, in: db, at: now)
        }
        switch receipt.duplicates {
        case .refuse:
            return try refuse(receipt, .duplicate, study: held.study, in: db, at: now)
        case .keepFirst:
            if try isDiscardedAlready(receipt, in: db) {
                try log(.instanceDuplicate, receipt, study: held.study, in: db, at: now)
                return .alreadyCommitted
            }
            try discard(receipt, policy: .duplicatesKeepFirst, in: db, at: now)
            return .discarded(.duplicatesKeepFirst)
        case .replace:
            return try replace(held, by: receipt, policy: .duplicatesReplace, in: db, at: now)
        }
    }

    /// A study that was delivered, and whose files retention took, goes on with late images once it has all of them again.
    private func goOnIfWhole(_ id: String, in db: Database, at now: Date) throws {
        var study = try StudyRow.require(id: id, in: db)
        guard case .parked(let parking) = study.state, parking.reason == .pixelsRetired,
            try !Self.lacksPixels(id, in: db)
        else { return }
        try study.apply(.retry, in: db, at: now)
    }

    private func replace(
        _ held: HeldDuplicate, by receipt: InstanceReceipt, policy: DiscardPolicy, in db: Database, at now: Date
    ) throws -> ReceiptOutcome {
        try db.execute(
            sql: "UPDATE instance SET state = 'discarded', policy = ? WHERE id = ?",
            arguments: [policy.rawValue, held.id])
        try log(.instanceReplaced, receipt, study: held.study, instance: held.id, policy: policy, in: db, at: now)
        let reference = try hold(receipt, in: db, at: now)
        try goOnIfWhole(held.study, in: db, at: now)
        return .replaced(reference, obsoleteFile: held.file)
    }

    private func refuse(
        _ receipt: InstanceReceipt, _ refusal: ReceiptOutcome.Refusal, study: String, in db: Database, at now: Date
    ) throws -> ReceiptOutcome {
        try EventTable.insert(
            .instanceRefused, study: study, source: receipt.source,
            fields: [.refusal(refusal), .status(refusal.status)], in: db, at: now)
        return .refused(refusal)
    }

    private func hold(_ receipt: InstanceReceipt, in db: Database, at now: Date) throws -> StudyReference {
        var study = try StudyRow.fetch(uid: receipt.studyUID, in: db) ?? open(receipt, in: db, at: now)
        try study.apply(.instanceHeld, fields: [.instance(receipt.instanceID)], in: db, at: now)
        let destinations = study.destinations + receipt.destinations.filter { !study.destinations.contains($0) }
        try db.cachedStatement(
            sql: "UPDATE study SET last_instance_at = ?, quiet_at = ?, priority = ?, destinations = ? WHERE id = ?"
        ).execute(arguments: [
            now.milliseconds, now.milliseconds + receipt.quiet.milliseconds, max(study.priority, receipt.priority),
            try StudyRow.encodeDestinations(destinations), study.id,
        ])
        try insert(receipt, study: study.id, revision: study.revision, policy: nil, in: db, at: now)
        if study.patient != receipt.patientPseudonym || study.isDoubted {
            try takeCorrection(receipt, of: &study, in: db, at: now)
        }
        return StudyReference(study: study.id, revision: study.revision)
    }

    private func open(_ receipt: InstanceReceipt, in db: Database, at now: Date) throws -> StudyRow {
        let id = StudyIdentifier.random()
        try db.execute(
            sql: """
                INSERT INTO study (id, uid, patient, source, priority, destinations, state, revision, created_at,
                  last_instance_at, quiet_at, ready_at)
                VALUES (?, ?, ?, ?, ?, ?, 'receiving', 1, ?, ?, ?, ?)
                """,
            arguments: [
                id, receipt.studyUID, receipt.patientPseudonym, receipt.source, receipt.priority,
                try StudyRow.encodeDestinations([]), now.milliseconds, now.milliseconds,
                now.milliseconds + receipt.quiet.milliseconds, now.milliseconds,
            ])
        try db.execute(
            sql: "INSERT INTO revision (study, number, opened_at) VALUES (?, 1, ?)", arguments: [id, now.milliseconds])
        let study = try StudyRow.require(id: id, in: db)
        try study.log(.studyOpened, fields: [.instance(receipt.instanceID)], in: db, at: now)
        return study
    }

    private func discard(_ receipt: InstanceReceipt, policy: DiscardPolicy, in db: Database, at now: Date) throws {
        let study = try StudyRow.fetch(uid: receipt.studyUID, in: db)
        try insert(receipt, study: study?.id, revision: study?.revision, policy: policy, in: db, at: now)
        try log(
            .instanceDiscarded, receipt, study: study?.id, instance: receipt.instanceID, policy: policy, in: db, at: now
        )
    }

    private func insert(
        _ receipt: InstanceReceipt, study: String?, revision: Int?, policy: DiscardPolicy?, in db: Database,
        at now: Date
    ) throws {
        let line = try Journal.append(
            instance: receipt.instanceID, digest: receipt.digest, bytes: receipt.byteCount, in: db, at: now)
        try db.cachedStatement(
            sql: """
                INSERT INTO instance (id, study, sop_instance_uid, series_uid, sop_class_uid, transfer_syntax_uid,
                  digest, source, file, bytes, analysable, state, policy, revision, received_at, journal_seq)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            receipt.instanceID, study, receipt.sopInstanceUID, receipt.seriesUID, receipt.sopClassUID,
            receipt.transferSyntaxUID, Data(receipt.digest), receipt.source, receipt.file, receipt.byteCount,
            receipt.isAnalysable, policy == nil ? "held" : "discarded", policy?.rawValue, revision, now.milliseconds,
            line,
        ])
    }

    private func isDiscardedAlready(_ receipt: InstanceReceipt, in db: Database) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT EXISTS (SELECT 1 FROM instance
                      WHERE sop_instance_uid = ? AND digest = ? AND state = 'discarded')
                    """),
            arguments: [receipt.sopInstanceUID, Data(receipt.digest)]) ?? false
    }

    private func log(
        _ kind: QueueEventKind, _ receipt: InstanceReceipt, study: String? = nil, instance: String? = nil,
        policy: DiscardPolicy? = nil, in db: Database, at now: Date
    ) throws {
        var fields: [QueueEventField] = []
        if let instance { fields.append(.instance(instance)) }
        if let policy { fields.append(.policy(policy)) }
        try EventTable.insert(kind, study: study, source: receipt.source, fields: fields, in: db, at: now)
    }
}

/// The held instance that has a receipt's SOP Instance UID.
struct HeldDuplicate {
    let id: String
    let study: String
    let file: String
    let isIdentical: Bool
    let isSameStudy: Bool
    /// The pseudonym of the study's patient.
    let patient: String
    let isIdentityErased: Bool
    /// Whether the study is parked because it came with two patients.
    let isDoubted: Bool
    /// Whether retention took its file and its study, which was delivered then, is on its way again.
    let isNeededAgain: Bool

    static func fetch(_ receipt: InstanceReceipt, in db: Database) throws -> HeldDuplicate? {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT i.id, i.study, i.file, i.digest, i.disposal, s.state, s.uid, s.patient, s.park_cause,
                      s.identity_erased_at FROM instance i JOIN study s ON s.id = i.study
                    WHERE i.sop_instance_uid = ? AND i.state = 'held'
                    """),
            arguments: [receipt.sopInstanceUID])
        return row.map { row in
            HeldDuplicate(
                id: row["id"], study: row["study"], file: row["file"],
                isIdentical: [UInt8](row["digest"] as Data) == receipt.digest,
                isSameStudy: row["uid"] == receipt.studyUID, patient: row["patient"],
                isIdentityErased: (row["identity_erased_at"] as Int64?) != nil,
                isDoubted: (row["park_cause"] as String?) == Parking.Cause.identity.rawValue,
                isNeededAgain: row["disposal"] as Int64? != nil && row["state"] != "delivered")
        }
    }
}

/// Opaque study identifiers.
enum StudyIdentifier {
    /// `s-` and ten random characters of Crockford's base 32 (50 bits): short enough to read out over a telephone.
    static func random() -> String {
        let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz")
        return "s-" + String((0..<10).map { _ in alphabet[Int.random(in: 0..<32)] })
    }
}
