import DICOMCore

/// What a source's `duplicates` key says of an instance that comes again with other contents.
package enum DuplicatePolicy: String, CaseIterable, Codable, Sendable {
    /// The first stays; the new one is answered Success and discarded, with a ledger entry.
    case keepFirst = "keep-first"
    /// The new one takes the place of the old, and the study is analysed again.
    case replace
    /// The new one is answered with a failure; nothing is kept of it.
    case refuse
}

/// What a source's `identity-correction` key says of an instance that names another patient than its study has.
package enum IdentityCorrectionPolicy: String, CaseIterable, Codable, Sendable {
    /// The study is parked until somebody decides.
    case park
    /// The study becomes the patient's that the last instance names, and is analysed again.
    case reanalyse
}

/// The named policies by which a committed instance can end without a result (DESIGN.md, promise 1).
package enum DiscardPolicy: String, CaseIterable, Codable, Sendable {
    /// It came again with other contents, and the first was kept.
    case duplicatesKeepFirst = "duplicates=keep-first"
    /// It came again with other contents, and this was the old one.
    case duplicatesReplace = "duplicates=replace"
    /// It came again for another patient, and this was the old one.
    case identityCorrection = "identity-correction"
    /// Retention had taken its file, and it came again when its study needed it.
    case pixelsRetired = "retention=pixels"
    /// It is no image for a model.
    case otherObjectsDiscard = "other-objects=discard"
    /// Its study is out of scope, and the source wants no report of that.
    case outOfScopeLog = "out-of-scope=log"
}

/// Everything the queue records of one received instance. All of it is de-identified or the node's own.
package struct InstanceReceipt: Sendable {
    /// Opaque random identifier, 8 to 64 lower-case hexadecimal digits; the spool file's base name.
    package var instanceID: String
    /// The mapped SOP Instance UID.
    package var sopInstanceUID: String
    /// Keyed digest of what was received: with the SOP Instance UID it is the instance's identity.
    package var digest: [UInt8]
    /// The mapped Study Instance UID.
    package var studyUID: String
    /// The mapped Series Instance UID.
    package var seriesUID: String
    /// The patient's random pseudonym.
    package var patientPseudonym: String
    /// The section of AETitles.conf, never what the peer typed.
    package var source: String
    /// SOP Class UID.
    package var sopClassUID: String
    /// Transfer syntax UID of the spool file.
    package var transferSyntaxUID: String
    /// The spool file, relative to the spool folder.
    package var file: String
    /// The size of the spool file in bytes; the balance compares it.
    package var byteCount: Int
    /// Whether it is an image object that a model could take.
    package var isAnalysable: Bool
    /// The destinations of the source's results, sections of AETitles.conf.
    package var destinations: [String]
    /// The source's quiet time.
    package var quiet: Duration
    /// Higher is analysed first.
    package var priority: Int
    /// What to do with a duplicate that differs.
    package var duplicates: DuplicatePolicy
    /// What to do when it names another patient than its study has.
    package var identityCorrection: IdentityCorrectionPolicy

    /// A receipt; ``StudyQueue/record(_:in:at:)`` checks it.
    package init(
        instanceID: String, sopInstanceUID: String, digest: [UInt8], studyUID: String, seriesUID: String,
        patientPseudonym: String, source: String, sopClassUID: String, transferSyntaxUID: String, file: String,
        byteCount: Int, isAnalysable: Bool, destinations: [String], quiet: Duration, priority: Int = 0,
        duplicates: DuplicatePolicy = .keepFirst, identityCorrection: IdentityCorrectionPolicy = .park
    ) {
        self.instanceID = instanceID
        self.sopInstanceUID = sopInstanceUID
        self.digest = digest
        self.studyUID = studyUID
        self.seriesUID = seriesUID
        self.patientPseudonym = patientPseudonym
        self.source = source
        self.sopClassUID = sopClassUID
        self.transferSyntaxUID = transferSyntaxUID
        self.file = file
        self.byteCount = byteCount
        self.isAnalysable = isAnalysable
        self.destinations = destinations
        self.quiet = quiet
        self.priority = priority
        self.duplicates = duplicates
        self.identityCorrection = identityCorrection
    }

    /// Throws `invalidReceipt` naming the field, never its value.
    func validate() throws(StudyQueueError) {
        func require(_ condition: Bool, _ field: String) throws(StudyQueueError) {
            if !condition { throw StudyQueueError(.invalidReceipt, field) }
        }
        try require(InstanceReceipt.isInstanceID(instanceID), "instance ID")
        for (uid, field) in [
            (sopInstanceUID, "SOP Instance UID"), (studyUID, "Study Instance UID"), (seriesUID, "Series Instance UID"),
            (sopClassUID, "SOP Class UID"), (transferSyntaxUID, "Transfer Syntax UID"),
        ] {
            try require(UID(uid) != nil, field)
        }
        try require((16...64).contains(digest.count), "digest")
        try require((1...64).contains(patientPseudonym.utf8.count), "pseudonym")
        try require(InstanceReceipt.isSection(source), "source")
        try require(destinations.allSatisfy(InstanceReceipt.isSection), "destinations")
        try require(InstanceReceipt.isSpoolFile(file, of: instanceID), "file")
        try require(byteCount >= 0, "byte count")
        try require((.zero...Duration.seconds(30 * 86_400)).contains(quiet), "quiet time")
    }

    static func isInstanceID(_ text: String) -> Bool {
        (8...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// The name of a section: an AE title, or the `*` of any other source.
    static func isSection(_ text: String) -> Bool { AETitle(text)?.value == text }

    /// A relative path without `.` and `..` whose last part begins with the instance ID.
    private static func isSpoolFile(_ path: String, of instanceID: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard let name = parts.last, path.utf8.count <= 255, !path.utf8.contains(0) else { return false }
        return parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
            && SpoolFolder.instanceID(ofFile: name) == instanceID
    }
}

/// A study and the revision that something belongs to.
package struct StudyReference: Hashable, Sendable, Codable {
    /// The opaque identifier, `s-` and ten characters.
    package let study: String
    /// From 1.
    package let revision: Int

    /// A reference.
    package init(study: String, revision: Int) {
        self.study = study
        self.revision = revision
    }
}

/// What became of a receipt, and so what the receiver does about the file it has written.
package enum ReceiptOutcome: Hashable, Sendable {
    /// Recorded and held: answer Success after the commit.
    case committed(StudyReference)
    /// The same instance is recorded already: remove the new file, answer Success.
    case alreadyCommitted
    /// Recorded and held instead of an older one: answer Success after the commit, then remove the old one's file.
    case replaced(StudyReference, obsoleteFile: String)
    /// Recorded and discarded by policy: answer Success after the commit, then remove the new file.
    case discarded(DiscardPolicy)
    /// Not recorded: remove the new file, answer with a failure.
    case refused(Refusal)

    /// Why a receipt is refused.
    package enum Refusal: String, CaseIterable, Codable, Sendable {
        /// The instance came again with other contents, and the source's policy is `refuse`.
        case duplicate
        /// The SOP Instance UID is held in another study, so one of the two is wrong whatever the policy.
        case otherStudy = "other-study"

        /// What the sender is answered.
        package var status: DIMSEStatus {
            switch self {
            case .duplicate: .processingFailure
            case .otherStudy: .dataSetDoesNotMatchSOPClass
            }
        }
    }

    /// Whether the new file stays in the spool.
    package var keepsFile: Bool {
        switch self {
        case .committed, .replaced: true
        case .alreadyCommitted, .discarded, .refused: false
        }
    }
}
