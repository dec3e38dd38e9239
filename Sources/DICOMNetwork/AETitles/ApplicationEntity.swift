import DICOMCore

/// This node, as the section with `role = self` of AETitles.conf describes it.
package struct NodeEntity: Hashable, Sendable {
    /// The title peers call us by, and the one we call them with.
    package let aeTitle: AETitle
    /// TCP port of the listener. Default 11112; with 0 the system chooses one.
    package let port: UInt16
    /// A second port, for TLS; nil for none.
    package let tls: NodeTLS?
    /// Associations at once, all peers together. Default 32.
    package let maximumAssociations: Int
    /// Studies that may wait for analysis before C-STORE is answered A700. Default 10 000. Backlog may fill half of it.
    package let maximumWaiting: Int
    /// Whether images are only taken: nothing of any source is analysed or returned. Default off.
    package let isHeld: Bool
    /// Free bytes of the data folder's disk below which C-STORE is answered A700. Default 2 GB.
    package let diskReserve: Int64
    /// The language of results unless a destination says otherwise.
    package let language: ResultLanguage
}

/// The port for TLS, and the files that it needs, PEM all of them. Paths are absolute, or as good as: relative ones are from
/// the folder of AETitles.conf.
package struct NodeTLS: Hashable, Sendable {
    /// With 0 the system chooses one.
    package let port: UInt16
    /// Our certificate, and behind it what leads to a root that peers trust.
    package let certificate: String
    /// Its private key, without a password.
    package let key: String
    /// Certificates that a client's one must lead to; nil: no client is asked for one.
    package let trust: String?
}

/// A peer: one section of AETitles.conf that is not `role = self`.
package struct ApplicationEntity: Hashable, Sendable {
    /// What a section may be to us.
    package enum Role: String, CaseIterable, Hashable, Sendable {
        /// This node.
        case node = "self"
        /// Pushes studies to us.
        case source
        /// Takes results.
        case destination
    }

    /// The section's name: the AE title as written in the file, or "*". The operator wrote it, so it may be printed.
    package let name: String
    /// Nil for `[*]`, which stands for any calling AE title that has no section.
    package let aeTitle: AETitle?
    /// Set if the role has `source`.
    package let source: SourceSettings?
    /// Set if the role has `destination`.
    package let destination: DestinationSettings?
}

/// What holds for studies that a peer pushes to us.
package struct SourceSettings: Hashable, Sendable {
    /// Studies without a model that accepts them.
    package enum OutOfScope: String, CaseIterable, Hashable, Sendable {
        /// A report says so.
        case report
        /// An entry in the queue log says so.
        case log
    }

    /// Objects that are not images for a model: presentation states, dose reports and the like.
    package enum OtherObjects: String, CaseIterable, Hashable, Sendable {
        /// Their presentation contexts are not accepted.
        case refuse
        /// They are taken, answered Success, entered in the ledger and dropped.
        case discard
    }

    /// A SOP instance that was received before, with other bytes.
    package enum Duplicates: String, CaseIterable, Hashable, Sendable {
        /// Answered Success; the first one stays.
        case keepFirst = "keep-first"
        /// Answered Success; the new one takes its place.
        case replace
        /// Answered with a failure status.
        case refuse
    }

    /// A study that comes again with another patient: a trauma name put right, a merge, or somebody's mistake.
    package enum IdentityCorrection: String, CaseIterable, Hashable, Sendable {
        /// It is parked until somebody decides.
        case park
        /// It is analysed again, for the patient that it came with last.
        case reanalyse
    }

    /// What shows, beside quiet time, that a study is complete.
    package enum CompleteOn: String, CaseIterable, Hashable, Sendable {
        /// Nothing.
        case quiet
        /// The source has released the last of its associations.
        case release
        /// Everything has come that the source lists in a request for storage commitment.
        case commitmentList = "commitment-list"
        /// Here are as many instances of the study as the archive has.
        case count
    }

    /// Order in the queue; within one priority the older study goes first. Words of PS3.7 (0000,0700).
    package enum Priority: String, CaseIterable, Hashable, Sendable {
        case low
        case medium
        case high
    }

    /// Whether the title may or must be called over TLS.
    package enum TLSUse: String, CaseIterable, Hashable, Sendable {
        case off
        case optional
        case required
    }

    /// Which certificate a caller with this title has to show. Anything but `notAsked` means TLS.
    package enum ClientCertificate: Hashable, Sendable {
        /// It may show none.
        case notAsked
        /// One that `tls-trust` vouches for.
        case any
        /// One of these, which `tls-trust` vouches for too.
        case oneOf(Set<CertificateFingerprint>)
    }

    /// The hosts that may use this title.
    package let hosts: HostRule
    /// A study is complete when no image of it came for this long. Default 30 s.
    package let quiet: Duration
    /// Default `quiet`.
    package let completeOn: CompleteOn
    /// Names of the destinations that get its results: sections of the same table, at least one, in the order of the file.
    package let results: [String]
    /// The destination that has, or gets, the originals of what this source sends: it is asked what it has.
    package let archive: String?
    /// Set if it may ask for storage commitment: `commitment-requests = on`. There is an ``archive`` then.
    package let commitment: CommitmentSettings?
    /// Names of the models to run; nil: every model that accepts the study.
    package let models: [String]?
    /// How its objects are de-identified. Default `basic`; never with an option that keeps identity at rest.
    package let profile: ConfidentialityProfile
    /// Images whose pixels may show who the patient is. Default `refuse`.
    package let pixels: PixelPolicy
    /// Default `report`.
    package let outOfScope: OutOfScope
    /// Default `refuse`.
    package let otherObjects: OtherObjects
    /// Default `keepFirst`.
    package let duplicates: Duplicates
    /// Default `park`.
    package let identityCorrection: IdentityCorrection
    /// Default `medium`.
    package let priority: Priority
    /// Studies whose Study Date is longer ago are backlog: taken while the queue is less than half full, and analysed and
    /// delivered after all others. Nil, the default: none is.
    package let maximumAge: Duration?
    /// Whether its images are only taken: nothing of them is analysed or returned. Default off.
    package let isHeld: Bool
    /// Associations of this peer at once; nil: no limit of its own.
    package let maximumAssociations: Int?
    /// Accepted for storage, preferred first.
    package let transferSyntaxes: [TransferSyntax]
    /// Default `optional`.
    package let tls: TLSUse
    /// Default `notAsked`.
    package let clientCertificate: ClientCertificate
}

/// Requests for storage commitment from a source.
package struct CommitmentSettings: Hashable, Sendable {
    /// Where reports go: name or address as written, the first one of the section's `host`.
    package let host: String
    /// TCP port there.
    package let port: UInt16
    /// How long the archive may take to have what was asked about, before the source is told that it has it not.
    /// Default 15 min.
    package let wait: Duration
}

/// Where and how results are delivered.
package struct DestinationSettings: Hashable, Sendable {
    /// The SOP class of reports.
    package enum StructuredReport: String, CaseIterable, Hashable, Sendable {
        /// Comprehensive 3D SR, 1.2.840.10008.5.1.4.1.1.88.34.
        case comprehensive3D = "comprehensive-3d"
        /// Comprehensive SR, 1.2.840.10008.5.1.4.1.1.88.33.
        case comprehensive
    }

    /// Secondary Capture of the heatmap.
    package enum Heatmap: Hashable, Sendable {
        case off
        /// The node's own size.
        case on
        /// Longest side in pixels.
        case longestSide(Int)
    }

    /// Name or address as written: the first one of the section's `host`.
    package let host: String
    /// TCP port.
    package let port: UInt16
    /// Default `comprehensive3D`.
    package let structuredReport: StructuredReport
    /// Default: the node's.
    package let language: ResultLanguage
    /// Default `on`.
    package let heatmap: Heatmap
    /// How long delivery is tried again, with back-off, before the study is parked. Default 3 days.
    package let retry: Duration
    /// Associations to it at once. Default 1.
    package let parallel: Int
}

/// Language of the words in results.
package enum ResultLanguage: String, CaseIterable, Hashable, Sendable {
    /// English.
    case english = "en"
}

/// Which hosts a calling AE title is accepted from.
package enum HostRule: Hashable, Sendable {
    /// `*`
    case any
    /// These IPv4 addresses in dotted decimal. Names were resolved when the table was read.
    case addresses(Set<String>)

    /// Whether a peer with this numeric address is accepted. IPv4 mapped into IPv6 ("::ffff:10.1.4.21") counts as IPv4.
    package func allows(_ address: String) -> Bool {
        switch self {
        case .any: true
        case .addresses(let addresses):
            addresses.contains(address.lowercased().hasPrefix("::ffff:") ? String(address.dropFirst(7)) : address)
        }
    }
}
