import CDCMTKShims

/// What DCMTK, or the boundary to it, said no to.
///
/// `description` names only kind, module and code: DCMTK's own text may quote what a peer sent, so it is behind
/// ``unredactedText``, for tests and debuggers.
package struct DCMTKError: Error, Equatable, CustomStringConvertible {
    /// The kinds of failure that a caller can act on.
    package enum Kind: String, Sendable {
        /// A NULL or a value out of range: our own mistake.
        case invalidArgument = "invalid argument"
        /// DCMTK returned a bad condition.
        case failed
        /// A C++ exception ended at the boundary.
        case exception = "C++ exception"
        /// A callback asked to stop.
        case stopped
        /// The attribute, item or context is not there.
        case notFound = "not found"
        /// Nothing came in time.
        case timeout
        /// The peer asked for release.
        case released
        /// The peer aborted, or the connection is gone.
        case aborted
        /// The peer rejected the association.
        case rejected
        /// There is no connection to the peer.
        case unreachable
    }

    /// What kind of failure.
    package let kind: Kind
    /// DCMTK's module number (0 when it is none of DCMTK's).
    package let module: UInt16
    /// DCMTK's condition code.
    package let code: UInt16
    /// DCMTK's text. May hold what a peer sent: never log it.
    package let unredactedText: String

    init(status: cdcmtk_status, error: cdcmtk_error) {
        self.kind =
            switch status {
            case CDCMTK_INVALID_ARGUMENT: .invalidArgument
            case CDCMTK_EXCEPTION: .exception
            case CDCMTK_STOPPED: .stopped
            case CDCMTK_NOT_FOUND: .notFound
            case CDCMTK_TIMEOUT: .timeout
            case CDCMTK_RELEASED: .released
            case CDCMTK_ABORTED: .aborted
            case CDCMTK_REJECTED: .rejected
            case CDCMTK_UNREACHABLE: .unreachable
            default: .failed
            }
        self.module = error.module
        self.code = error.code
        self.unredactedText = withUnsafeBytes(of: error.text) { text in
            String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// Kind and numbers only.
    package var description: String { "DCMTK: \(kind.rawValue) (\(module):\(code))" }

    /// Equal kind, module and code; the text does not count.
    package static func == (a: DCMTKError, b: DCMTKError) -> Bool {
        a.kind == b.kind && a.module == b.module && a.code == b.code
    }
}

/// Calls a function of the C ABI and throws what it answers, unless it is OK.
func calling(_ body: (UnsafeMutablePointer<cdcmtk_error>) -> cdcmtk_status) throws(DCMTKError) {
    var error = cdcmtk_error()
    let status = body(&error)
    guard status == CDCMTK_OK else { throw DCMTKError(status: status, error: error) }
}
