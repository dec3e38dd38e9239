/// The few upper-layer PDUs (PS3.8 9.3) that are sent before DCMTK has the connection.
enum UpperLayerPDU {
    /// PDU-type of A-ASSOCIATE-RQ.
    static let associateRequestType: UInt8 = 0x01
    /// PDU-type and reserved byte, then the length of what follows.
    static let headerLength = 6

    /// A-ASSOCIATE-RJ (PS3.8 table 9-21).
    static func associateReject(_ rejection: AssociationRejection) -> [UInt8] {
        [0x03, 0, 0, 0, 0, 4, 0, rejection.result, rejection.source, rejection.reason]
    }

    /// Reasons of an A-ABORT by the service-provider (PS3.8 table 9-26).
    enum AbortReason: UInt8 {
        case unrecognizedPDU = 1
        case unexpectedPDU = 2
        case invalidParameterValue = 6
    }

    /// A-ABORT, source service-provider.
    static func abort(_ reason: AbortReason) -> [UInt8] { [0x07, 0, 0, 0, 0, 4, 0, 0, 2, reason.rawValue] }
}

/// Collects the bytes of one A-ASSOCIATE-RQ as they come, and never wants more than that.
struct AssociateRequestAccumulator {
    /// What came of the bytes so far.
    enum Progress: Equatable {
        /// Not all of it is there.
        case incomplete
        /// All of it is there.
        case complete
        /// The first PDU is another one.
        case notARequest
        /// The length is beyond what we take.
        case tooLong
    }

    /// What has come.
    private(set) var bytes: [UInt8] = []
    private let maximumLength: Int

    /// - Parameter maximumLength: of the PDU with its header.
    init(maximumLength: Int) { self.maximumLength = maximumLength }

    /// How many more bytes may be read. What the peer has sent after the request stays in the socket.
    var wanted: Int { expectedLength - bytes.count }

    private var expectedLength: Int {
        guard bytes.count >= UpperLayerPDU.headerLength else { return UpperLayerPDU.headerLength }
        return UpperLayerPDU.headerLength + bytes[2...5].reduce(0) { $0 << 8 | Int($1) }
    }

    /// Takes the next bytes, at most ``wanted`` of them.
    mutating func append(_ chunk: UnsafeRawBufferPointer) -> Progress {
        bytes.append(contentsOf: chunk)
        guard let type = bytes.first else { return .incomplete }
        if type != UpperLayerPDU.associateRequestType { return .notARequest }
        if expectedLength > maximumLength { return .tooLong }
        return bytes.count >= UpperLayerPDU.headerLength && wanted == 0 ? .complete : .incomplete
    }
}
