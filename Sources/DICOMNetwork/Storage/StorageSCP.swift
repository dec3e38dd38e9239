import DCMTKBridge
import DICOMCore

extension DIMSEStatus {
    /// 0117: invalid SOP instance: the UID in the command is none.
    package static let invalidSOPInstance = DIMSEStatus(rawValue: 0x0117)
    /// 0212: mistyped argument.
    package static let mistypedArgument = DIMSEStatus(rawValue: 0x0212)
}

/// The Storage service (PS3.4 annex B) in the role of SCP: hands each instance to a receiver, as its bytes come.
package struct StorageSCP: ServiceProvider {
    private let receiver: any InstanceReceiver
    private let sopClasses: Set<String>

    /// - Parameters:
    ///   - receiver: where the instances go.
    ///   - additionalSOPClasses: beyond those that DCMTK knows.
    package init(receiver: any InstanceReceiver, additionalSOPClasses: [SOPClassUID] = []) throws(DCMTKError) {
        self.receiver = receiver
        self.sopClasses = Set(try storageSOPClasses()).union(additionalSOPClasses.map(\.uid.value))
    }

    /// Those of the terms, for the storage SOP classes that the terms allow.
    package func transferSyntaxes(for abstractSyntax: SOPClassUID, terms: AssociationTerms) -> [TransferSyntax]? {
        guard sopClasses.contains(abstractSyntax.uid.value), terms.acceptsStorage(abstractSyntax) else { return nil }
        return terms.transferSyntaxes
    }

    /// C-STORE only.
    package func serves(_ field: CommandField) -> Bool { field == .cStoreRequest }

    /// Receives the data set and answers. Whatever happens to the instance, the association goes on, unless it breaks.
    @available(*, noasync, message: "blocks: use a thread of its own")
    package func serve(
        _ request: ServiceRequest, on connection: borrowing AssociationConnection
    ) throws(AssociationError) -> ServiceResult {
        let contextID = request.presentationContext.id
        let outcome: CStoreOutcome
        var bytes: Int64 = 0
        switch disposition(of: request) {
        case .refuse(let refusal):
            if request.command.hasDataSet { try connection.drainDataSet(timeout: request.timeout) }
            outcome = refusal
        case .receive(let reception):
            (outcome, bytes) = try StorageSCP.receive(request, on: connection, into: reception)
        }
        try connection.send(
            request.command.response(outcome.status, comment: outcome.comment), contextID: contextID)
        return ServiceResult(status: outcome.status, dataSetBytes: bytes)
    }

    /// Checks the command (PS3.7 9.1.1.1) and asks the receiver.
    private func disposition(of request: ServiceRequest) -> InstanceDisposition {
        let command = request.command
        guard command.hasDataSet else {
            return .refuse(CStoreOutcome(status: .mistypedArgument, comment: "No data set"))
        }
        guard let sopClass = command.text(.affectedSOPClassUID).flatMap({ SOPClassUID($0) }),
            sopClass == request.presentationContext.abstractSyntax
        else {
            return .refuse(
                CStoreOutcome(
                    status: .dataSetDoesNotMatchSOPClass, comment: "SOP Class is not that of the presentation context"))
        }
        guard let instance = command.text(.affectedSOPInstanceUID).flatMap({ UID($0) }) else {
            return .refuse(
                CStoreOutcome(status: .invalidSOPInstance, comment: "Affected SOP Instance UID is not a UID"))
        }
        let store = CStoreRequest(
            messageID: command.number(.messageID) ?? 0, affectedSOPClassUID: sopClass,
            affectedSOPInstanceUID: SOPInstanceUID(instance),
            priority: command.number(.priority).flatMap(CStoreRequest.Priority.init) ?? .medium,
            transferSyntax: request.presentationContext.transferSyntax)
        return receiver.begin(store, from: request.association)
    }

    private static func receive(
        _ request: ServiceRequest, on connection: borrowing AssociationConnection, into reception: any InstanceReception
    ) throws(AssociationError) -> (CStoreOutcome, Int64) {
        let bytes: Int64
        let failure: (any Error)?
        do throws(AssociationError) {
            (bytes, failure) = try connection.receiveDataSet(
                contextID: request.presentationContext.id, timeout: request.timeout, sink: reception.receive)
        } catch {
            reception.abandon()
            throw error
        }
        guard let failure else { return (reception.finish(), bytes) }
        reception.abandon()
        let refusal = (failure as? any StorageRefusal)?.outcome
        return (refusal ?? CStoreOutcome(status: .cannotUnderstand, comment: "Cannot be read"), bytes)
    }
}
