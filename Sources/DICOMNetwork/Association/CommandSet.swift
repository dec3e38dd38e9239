import DICOMCore

/// (0000,0100): what a message asks or answers (PS3.7 table E.1-1).
package struct CommandField: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The number; bit 15 is set in responses.
    package let rawValue: UInt16
    /// Any number.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// C-STORE-RQ.
    package static let cStoreRequest = CommandField(rawValue: 0x0001)
    /// C-FIND-RQ.
    package static let cFindRequest = CommandField(rawValue: 0x0020)
    /// N-EVENT-REPORT-RQ.
    package static let nEventReportRequest = CommandField(rawValue: 0x0100)
    /// N-ACTION-RQ.
    package static let nActionRequest = CommandField(rawValue: 0x0130)
    /// C-ECHO-RQ.
    package static let cEchoRequest = CommandField(rawValue: 0x0030)
    /// C-CANCEL-RQ, which has no response.
    package static let cCancelRequest = CommandField(rawValue: 0x0FFF)

    /// The response to this request.
    package var response: CommandField { CommandField(rawValue: rawValue | 0x8000) }
    /// Whether it is a response.
    package var isResponse: Bool { rawValue & 0x8000 != 0 }

    /// The name for the commands of this node, else the number.
    package var description: String {
        switch self {
        case .cStoreRequest: "C-STORE"
        case .cEchoRequest: "C-ECHO"
        case .cFindRequest: "C-FIND"
        case .nEventReportRequest: "N-EVENT-REPORT"
        case .nActionRequest: "N-ACTION"
        case .cCancelRequest: "C-CANCEL"
        default: "command \(String(rawValue, radix: 16))"
        }
    }
}

/// Why a command set cannot be read.
enum CommandSetError: Error, Equatable {
    /// An element ends after the command set.
    case truncated
    /// An element of another group, of undefined length, or given twice.
    case notFlat
}

/// A DIMSE command set (PS3.7 6.3.1 and annex E): elements of group 0000 in Implicit VR Little Endian, flat.
///
/// DCMTK's own reader takes sequences of any depth here and recurses into them, so command sets of a peer are read by this.
package struct CommandSet: Equatable, Sendable {
    /// An element of group 0000 that this node reads or writes (PS3.7 table E.1-1).
    package enum Element: UInt16, Sendable {
        /// UI
        case affectedSOPClassUID = 0x0002
        /// UI
        case requestedSOPClassUID = 0x0003
        /// US
        case commandField = 0x0100
        /// US
        case messageID = 0x0110
        /// US
        case messageIDBeingRespondedTo = 0x0120
        /// US
        case priority = 0x0700
        /// US: 0101H when there is no data set.
        case commandDataSetType = 0x0800
        /// US
        case status = 0x0900
        /// LO
        case errorComment = 0x0902
        /// UI
        case affectedSOPInstanceUID = 0x1000
        /// UI
        case requestedSOPInstanceUID = 0x1001
        /// US
        case eventTypeID = 0x1002
        /// US
        case actionTypeID = 0x1008
    }

    /// (0000,0800) of a message without data set.
    static let noDataSet: UInt16 = 0x0101
    /// Longer command sets are not taken: the longest that PS3.7 has are lists of attributes.
    static let maximumLength = 64 * 1024

    private var elements: [UInt16: [UInt8]] = [:]

    /// An empty command set.
    package init() {}

    /// Reads one that a peer sent.
    init(parsing bytes: [UInt8]) throws(CommandSetError) {
        var offset = 0
        while offset < bytes.count {
            guard bytes.count - offset >= 8 else { throw .truncated }
            let group = UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8
            let element = UInt16(bytes[offset + 2]) | UInt16(bytes[offset + 3]) << 8
            let length = (0..<4).reduce(0) { $0 | Int(bytes[offset + 4 + $1]) << (8 * $1) }
            guard group == 0, length != 0xFFFF_FFFF, elements[element] == nil else { throw .notFlat }
            offset += 8
            guard bytes.count - offset >= length else { throw .truncated }
            elements[element] = Array(bytes[offset..<(offset + length)])
            offset += length
        }
        elements[0] = nil  // the group length, which is made anew
    }

    /// The bytes to send, group length included.
    package func encoded() -> [UInt8] {
        var body: [UInt8] = []
        for (element, value) in elements.sorted(by: { $0.key < $1.key }) {
            CommandSet.append(element, value, to: &body)
        }
        var bytes: [UInt8] = []
        let length = UInt32(body.count)
        CommandSet.append(0, (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }, to: &bytes)
        return bytes + body
    }

    private static func append(_ element: UInt16, _ value: [UInt8], to bytes: inout [UInt8]) {
        bytes += [0, 0, UInt8(truncatingIfNeeded: element), UInt8(truncatingIfNeeded: element >> 8)]
        bytes += (0..<4).map { UInt8(truncatingIfNeeded: value.count >> (8 * $0)) }
        bytes += value
    }

    /// A US value; nil when it is absent or has another length.
    package func number(_ element: Element) -> UInt16? {
        guard let value = elements[element.rawValue], value.count == 2 else { return nil }
        return UInt16(value[0]) | UInt16(value[1]) << 8
    }

    /// A UID, as text without padding; nil when absent. It need not be a valid one.
    package func text(_ element: Element) -> String? {
        guard var value = elements[element.rawValue] else { return nil }
        while let last = value.last, last == 0 || last == 0x20 { value.removeLast() }
        return String(decoding: value, as: UTF8.self)
    }

    /// Sets a US value.
    package mutating func set(_ element: Element, _ number: UInt16) {
        elements[element.rawValue] = [UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8)]
    }

    /// Sets a UID, padded with NUL to an even length.
    package mutating func set(_ element: Element, _ uid: UID) {
        let value = Array(uid.value.utf8)
        elements[element.rawValue] = value.count % 2 == 0 ? value : value + [0]
    }

    /// Sets an error comment: what of it is printable ASCII, at most 64 characters (PS3.5 LO).
    package mutating func setErrorComment(_ comment: String) {
        var value = comment.utf8.filter { (0x20...0x7E).contains($0) && $0 != 0x5C }
        value = Array(value.prefix(64))
        if value.isEmpty { return }
        elements[Element.errorComment.rawValue] = value.count % 2 == 0 ? value : value + [0x20]
    }

    /// What the message asks or answers.
    package var field: CommandField? { number(.commandField).map(CommandField.init) }
    /// Whether a data set follows. Only 0101H says no (PS3.7 E.1).
    package var hasDataSet: Bool { number(.commandDataSetType) != CommandSet.noDataSet }

    /// A response without data set to this request, with the UIDs that the request was about as they were sent.
    package func response(_ status: DIMSEStatus, comment: String = "") -> CommandSet {
        var response = CommandSet()
        response.set(.commandField, (field ?? CommandField(rawValue: 0)).response.rawValue)
        response.set(.messageIDBeingRespondedTo, number(.messageID) ?? 0)
        response.set(.commandDataSetType, CommandSet.noDataSet)
        response.set(.status, status.rawValue)
        for (source, target) in [
            (Element.affectedSOPClassUID, Element.affectedSOPClassUID),
            (.affectedSOPInstanceUID, .affectedSOPInstanceUID),
            (.requestedSOPClassUID, .affectedSOPClassUID), (.requestedSOPInstanceUID, .affectedSOPInstanceUID),
        ] {
            guard let value = elements[source.rawValue], value.count <= 64 else { continue }
            response.elements[target.rawValue] = value
        }
        if !comment.isEmpty { response.setErrorComment(comment) }
        return response
    }
}
