import Crypto
import DCMTKBridge
import DICOMCore

/// The Basic Application Level Confidentiality Profile (PS3.15 Annex E, 2026d) and its options on the header of a composite
/// instance.
///
/// One for the whole node; safe to share between threads. Pixel data are not its business: a pre-parser has split them
/// off.
package struct DeIdentifier: Sendable {
    /// Deepest nesting of sequences that the walk follows; more is refused. The pre-parser bounds it before.
    package static let deepest = 64

    /// The UID mapping, for what is not in the header (a command, a file's name).
    package let uids: UIDMap

    private let dateKey: SymmetricKey

    /// An engine under the receiver's keys.
    package init(keys: ReceiverKeys) {
        self.uids = UIDMap(keys: keys)
        self.dateKey = DateOffset.key(from: keys)
    }

    /// De-identifies a header in place.
    ///
    /// - Parameters:
    ///   - header: the received data set without pixel data. After an error it is half changed and must be thrown away.
    ///   - identity: captured from this header before.
    ///   - pseudonym: of `identity.patient`.
    ///   - profile: which options are carried out.
    /// - Returns: the UIDs under which the de-identified instance is kept.
    /// - Throws: ``DeIdentificationError``: nothing of the object may be kept in clear.
    package func deidentify(
        _ header: borrowing DataSet, identity: borrowing Identity, pseudonym: Pseudonym,
        profile: ConfidentialityProfile = .basic
    ) throws(DeIdentificationError) -> DeIdentifiedInstance {
        guard RegisteredUIDs.isStandardSOPClass(Array(identity.sopClassUID.uid.value.utf8)) else {
            throw .privateSOPClass
        }
        guard header.string(.sopInstanceUID) == identity.sopInstanceUID,
            header.string(.studyInstanceUID) == identity.studyInstanceUID
        else { throw .identityOfAnotherInstance }
        let instance = try instance(of: identity, profile)
        let offset = DateOffset(of: pseudonym, key: dateKey)
        try walk(header, identity: identity, profile: profile, offset: offset)
        do {
            try Markers.write(to: header, pseudonym: pseudonym, profile: profile)
        } catch {
            throw .dcmtk(.mark)
        }
        try check(header, against: instance, pseudonym: pseudonym, profile: profile)
        return instance
    }

    private func instance(
        of identity: borrowing Identity, _ profile: ConfidentialityProfile
    ) throws(DeIdentificationError) -> DeIdentifiedInstance {
        DeIdentifiedInstance(
            sopClassUID: identity.sopClassUID,
            sopInstanceUID: SOPInstanceUID(try uid(identity.sopInstanceUID, .sopInstanceUID, profile)),
            studyInstanceUID: StudyInstanceUID(try uid(identity.studyInstanceUID, .studyInstanceUID, profile)),
            seriesInstanceUID: SeriesInstanceUID(try uid(identity.seriesInstanceUID, .seriesInstanceUID, profile)))
    }

    /// Under Retain UIDs the original, which then must be a valid one.
    private func uid(
        _ original: String, _ tag: Tag, _ profile: ConfidentialityProfile
    ) throws(DeIdentificationError) -> UID {
        if !profile.contains(.retainUIDs) { return uids.mapped(original.utf8) }
        guard let uid = UID(original) else { throw .invalidUID(tag) }
        return uid
    }

    private func walk(
        _ header: borrowing DataSet, identity: borrowing Identity, profile: ConfidentialityProfile, offset: DateOffset
    ) throws(DeIdentificationError) {
        let family = IODTypes.Family(sopClass: identity.sopClassUID.uid.value)
        var rules = ElementRules(uids: uids, terms: identity.terms, family: family, profile: profile, offset: offset)
        do {
            if profile.contains(.retainSafePrivate) {
                rules.privateCharacteristics = try PrivateCharacteristics(of: header)
            }
            try header.rewrite(items: { rules.action(for: $0) }) { rules.action(for: $0) }
            for tag in rules.sequencesToFill { try DummySequence.fill(tag, of: header) }
        } catch {
            throw rules.failure ?? .dcmtk(.rewrite)
        }
    }

    /// The walk is trusted for nothing that can be looked at afterwards: the attributes by which the object will be
    /// filed.
    private func check(
        _ header: borrowing DataSet, against instance: DeIdentifiedInstance, pseudonym: Pseudonym,
        profile: ConfidentialityProfile
    ) throws(DeIdentificationError) {
        let expected: [(Tag, String)] = [
            (.sopClassUID, instance.sopClassUID.uid.value), (.sopInstanceUID, instance.sopInstanceUID.uid.value),
            (.studyInstanceUID, instance.studyInstanceUID.uid.value),
            (.seriesInstanceUID, instance.seriesInstanceUID.uid.value),
            (.patientID, pseudonym.value), (.patientName, pseudonym.personName), (.patientIdentityRemoved, "YES"),
            (.longitudinalTemporalInformationModified, Markers.temporalInformation(profile)),
        ]
        for (tag, value) in expected where header.string(tag) != value { throw .notAsDecided(tag) }
    }
}

/// How a de-identified instance is named: also what its file meta information says (PS3.10 7.1).
package struct DeIdentifiedInstance: Hashable, Sendable {
    /// (0002,0002): unchanged.
    package let sopClassUID: SOPClassUID
    /// (0002,0003): mapped.
    package let sopInstanceUID: SOPInstanceUID
    /// Mapped.
    package let studyInstanceUID: StudyInstanceUID
    /// Mapped.
    package let seriesInstanceUID: SeriesInstanceUID
}
