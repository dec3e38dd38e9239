import CDCMTKShims
import DICOMCore

/// Limits and times of one association.
package struct AssociationOptions: Sendable {
    /// The largest PDU that we take, 4096 to 131072 bytes (DCMTK's own limit).
    package var maximumPDULength: UInt32 = 131_072
    /// For the answer to A-ASSOCIATE-RQ and A-RELEASE-RQ.
    package var acseTimeout: Duration = .seconds(30)
    /// In which a peer must take one PDU of ours.
    package var writeTimeout: Duration = .seconds(60)
    /// In which a command set must have come whole, and of a data set the rest or ``leastProgress``.
    package var dimseTimeout: Duration = .seconds(60)
    /// Bytes of a data set with which ``dimseTimeout`` begins anew: less than the slowest line carries, more than a peer
    /// sends that only wants to hold a place.
    package var leastProgress: UInt32 = 16_384
    /// How long the peer is given to close after a release or abort (PS3.8 9.1.5, ARTIM).
    package var artimTimeout: Duration = .seconds(2)

    /// The defaults.
    package init() {}

    /// The options as C has them, with strings that are valid during the call.
    func withUnsafeOptions(
        _ body: (UnsafePointer<cdcmtk_association_options>) throws(DCMTKError) -> Void
    ) throws(DCMTKError) {
        // One buffer for both names, each with its NUL.
        let names = Array(Implementation.classUID.utf8CString) + Array(Implementation.versionName.utf8CString)
        let second = Implementation.classUID.utf8.count + 1
        try names.withUnsafeBufferPointer { characters throws(DCMTKError) in
            var options = cdcmtk_association_options(
                max_pdu: maximumPDULength, acse_timeout: acseTimeout.milliseconds,
                write_timeout: writeTimeout.milliseconds, artim_timeout: artimTimeout.milliseconds,
                least_progress: leastProgress, implementation_class_uid: characters.baseAddress,
                implementation_version_name: characters.baseAddress.map { $0 + second })
            try body(&options)
        }
    }
}

extension Duration {
    /// Whole milliseconds, rounded up, from 0 to what 32 bits hold.
    var milliseconds: UInt32 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        if overflow { return .max }
        return UInt32(clamping: product + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
