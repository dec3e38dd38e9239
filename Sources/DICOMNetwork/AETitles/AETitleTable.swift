import DICOMCore

/// AETitles.conf, read and checked whole: who we are, who may push to us, and who gets results.
///
/// A value: a reload makes a new table, and what runs keeps the one it began with.
package struct AETitleTable: Hashable, Sendable {
    /// The one section with `role = self`.
    package let node: NodeEntity
    /// The other sections, in the order of the file.
    package let entities: [ApplicationEntity]

    private let byTitle: [AETitle: ApplicationEntity]
    private let anyOther: ApplicationEntity?

    /// What an A-ASSOCIATE-RQ gets.
    package enum SourceDecision: Hashable, Sendable {
        /// The section that governs, `[*]` included.
        case found(ApplicationEntity)
        /// A-ASSOCIATE-RJ: calling AE title not recognised (PS3.8 9.3.4). Also for a title whose section is not a source.
        case unknownCallingAETitle
        /// The title is known, and not from that host.
        case hostNotAllowed
    }

    init(node: NodeEntity, entities: [ApplicationEntity]) {
        self.node = node
        self.entities = entities
        var byTitle: [AETitle: ApplicationEntity] = [:]
        for entity in entities {
            if let title = entity.aeTitle { byTitle[title] = entity }
        }
        self.byTitle = byTitle
        anyOther = entities.first { $0.aeTitle == nil }
    }

    /// Looks the section up that governs an association, by calling AE title and the peer's numeric address. A title with a
    /// section of its own is governed by that section alone; `[*]` is for the others.
    package func source(calling title: AETitle, address: String) -> SourceDecision {
        guard let entity = byTitle[title] ?? anyOther, let settings = entity.source, title != node.aeTitle else {
            return .unknownCallingAETitle
        }
        return settings.hosts.allows(address) ? .found(entity) : .hostNotAllowed
    }

    /// The destination of that name, as `results` gives it, or as an operator names it.
    package func destination(named name: String) -> ApplicationEntity? {
        entities.first { $0.name == name && $0.destination != nil }
    }
}
