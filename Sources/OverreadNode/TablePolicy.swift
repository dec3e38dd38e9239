import DICOMNetwork

/// Who may associate, by AETitles.conf.
struct TablePolicy: AssociationPolicy {
    let table: AETitleDirectory

    func decide(_ request: AssociationRequest) -> AssociationDecision {
        let table = table.current
        guard request.calledAETitle == table.node.aeTitle else { return .reject(.calledAETitleNotRecognized) }
        guard let calling = request.callingAETitle else {
            return .reject(.callingAETitleNotRecognized, .unknownTitle)
        }
        switch table.source(calling: calling, address: request.peer.host) {
        case .unknownCallingAETitle: return .reject(.callingAETitleNotRecognized, .unknownTitle)
        case .hostNotAllowed: return .reject(.callingAETitleNotRecognized, .hostNotAllowed)
        case .found(let entity):
            guard let settings = entity.source else { return .reject(.callingAETitleNotRecognized, .unknownTitle) }
            if let cause = settings.objection(to: request.security) {
                return .reject(.callingAETitleNotRecognized, cause)
            }
            return .accept(TablePolicy.terms(of: entity, settings))
        }
    }

    private static func terms(of entity: ApplicationEntity, _ settings: SourceSettings) -> AssociationTerms {
        AssociationTerms(
            sourceName: entity.name, maximumAssociations: settings.maximumAssociations,
            transferSyntaxes: settings.transferSyntaxes,
            acceptsStorage: { sopClass in
                settings.otherObjects == .discard || StorageSOPClasses.isImage(sopClass)
                    || StorageSOPClasses.isOwnReport(sopClass)
            }, acceptsCommitment: settings.commitment != nil)
    }
}
