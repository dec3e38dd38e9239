import DICOMCore
import DICOMNetwork
import DeIdentification
import StudyQueue

/// What an archive says of each instance that a request for storage commitment names. Nothing is committed by our own word:
/// only what the archive names in answer to a query is.
struct ArchiveVerdict {
    /// What the archive has.
    private(set) var committed: [SOPReference] = []
    /// What it has not, or what could not be asked.
    private(set) var failed: [StorageCommitmentReport.Failed] = []

    /// Whether time may bring what is missing.
    var mayChange: Bool { failed.contains { $0.reason == .noSuchObjectInstance } }

    /// The archive's answers to the series that the references are of.
    ///
    /// - Parameter answers: by mapped Series Instance UID; nil or missing where the archive could not be asked.
    init(
        _ references: [SOPReference], _ instances: [CommitmentInstance?],
        answers: [String: [SOPInstanceUID: FoundInstance]]
    ) {
        // They go pair by pair. Where they do not, nobody can say which is which.
        guard references.count == instances.count else {
            failed = references.map { .init($0, .processingFailure) }
            return
        }
        for (reference, instance) in zip(references, instances) {
            if let reason = Self.failure(of: reference, instance, answers) {
                failed.append(.init(reference, reason))
            } else {
                committed.append(reference)
            }
        }
    }

    /// Nil when the archive has it.
    private static func failure(
        of reference: SOPReference, _ instance: CommitmentInstance?,
        _ answers: [String: [SOPInstanceUID: FoundInstance]]
    ) -> CommitmentFailure? {
        // It never came here, so nobody can say of which study it is, and what to ask for.
        guard let instance else { return .noSuchObjectInstance }
        guard instance.sopClassUID == reference.sopClass.uid.value else { return .classInstanceConflict }
        guard let answer = answers[instance.seriesUID] else { return .processingFailure }
        return switch answer[reference.sopInstance] {
        case nil, .unavailable: .noSuchObjectInstance
        case .classNotTold: nil
        case .classUnreadable: .classInstanceConflict
        case .ofClass(let sopClass): sopClass == reference.sopClass ? nil : .classInstanceConflict
        }
    }
}
