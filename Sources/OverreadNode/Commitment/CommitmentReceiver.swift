import DICOMCore
import DICOMNetwork
import DeIdentification
import Foundation
import GRDB
import StudyQueue

/// Takes requests for storage commitment: the list into the queue, in mapped UIDs; the original ones sealed; both durable before
/// the answer. Nothing is promised by it: what an archive confirms is reported later (``CommitmentWorker``).
struct CommitmentReceiver: StorageCommitmentReceiver {
    let store: NodeStore
    let vault: Vault
    let uids: UIDMap
    let table: AETitleDirectory
    let diskReserve: DiskReserve
    /// Raised after each request: what it lists may be here already.
    let clock: WorkSignal

    func receive(
        _ request: StorageCommitmentRequest, from association: AssociationContext
    ) throws(ActionRefusal) {
        let source = table.current.entities.first { $0.name == association.sourceName }?.source
        guard let source, source.commitment != nil else { throw .notAuthorised }
        if diskReserve.isReached() { throw .resourceLimitation }
        let receipt = CommitmentReceipt(
            key: uids.mapped(request.transactionUID).value, source: association.sourceName,
            references: request.references.map { uids.mapped($0.sopInstance.uid).value }, quiet: source.quiet,
            isEvidence: source.completeOn == .commitmentList)
        switch try record(receipt, request) {
        case .recorded: clock.raise()
        case .duplicate: throw .duplicateTransactionUID
        case .tooMany: throw .resourceLimitation
        }
    }

    private func record(
        _ receipt: CommitmentReceipt, _ request: StorageCommitmentRequest
    ) throws(ActionRefusal) -> CommitmentOutcome {
        do {
            let sealed = try vault.seal(request.sealedForm, ofRequest: receipt.id)
            return try store.database.write { db in
                let outcome = try store.queue.recordCommitment(receipt, in: db, at: Date())
                if outcome == .recorded { try vault.record(sealed, in: db) }
                return outcome
            }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
            throw .resourceLimitation
        } catch {
            throw .processingFailure
        }
    }
}

extension StorageCommitmentRequest {
    /// What is sealed: the Transaction UID, then SOP class and instance in turn, a line each.
    var sealedForm: [UInt8] {
        let lines = [transactionUID.value] + references.flatMap { [$0.sopClass.uid.value, $0.sopInstance.uid.value] }
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Nil when the bytes are not what ``sealedForm`` gives.
    init?(sealedForm bytes: [UInt8]) {
        let uids = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { UID($0) }
        guard uids.count % 2 == 1, let transaction = uids[0] else { return nil }
        var references: [SOPReference] = []
        for index in stride(from: 1, to: uids.count, by: 2) {
            guard let sopClass = uids[index], let instance = uids[index + 1] else { return nil }
            references.append(SOPReference(sopClass: SOPClassUID(sopClass), sopInstance: SOPInstanceUID(instance)))
        }
        self.init(transactionUID: transaction, references: references)
    }
}
