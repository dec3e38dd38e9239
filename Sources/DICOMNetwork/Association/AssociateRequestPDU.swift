import DICOMCore

/// Why an A-ASSOCIATE-RQ cannot be read.
enum AssociateRequestError: Error, Equatable {
    /// An item is longer than what holds it, or shorter than its fields.
    case badLength
    /// No presentation context, more than 128, or one without syntaxes.
    case badPresentationContexts
    /// An identifier that is even or used twice.
    case badContextID
}

/// What an A-ASSOCIATE-RQ says (PS3.8 9.3.2 and annex D, PS3.7 annex D), read before DCMTK sees it.
///
/// DCMTK parses the request again; it leaks memory when items are malformed, so what does not pass here never reaches it.
struct AssociateRequestPDU: Equatable {
    /// A presentation context item.
    struct Context: Equatable {
        let id: UInt8
        let abstractSyntax: String
        let transferSyntaxes: [String]
    }

    /// Bit 0 for version 1.
    let protocolVersion: UInt16
    /// Nil when it is no AE title.
    let calledAETitle: AETitle?
    /// Nil when it is no AE title.
    let callingAETitle: AETitle?
    /// DICOM's is 1.2.840.10008.3.1.1.1.
    let applicationContextName: String
    /// 1 to 128, in the requestor's order.
    let contexts: [Context]

    /// DICOM's application context name (PS3.7 A.2.1).
    static let dicomApplicationContextName = "1.2.840.10008.3.1.1.1"

    /// Reads a whole PDU with its header.
    init(parsing bytes: [UInt8]) throws(AssociateRequestError) {
        // Header, version, reserved, two titles, 32 reserved bytes.
        let fixedLength = 6 + 2 + 2 + 16 + 16 + 32
        guard bytes.count >= fixedLength else { throw .badLength }
        self.protocolVersion = UInt16(bytes[6]) << 8 | UInt16(bytes[7])
        self.calledAETitle = AETitle(String(decoding: bytes[10..<26], as: UTF8.self))
        self.callingAETitle = AETitle(String(decoding: bytes[26..<42], as: UTF8.self))
        var applicationContextName = ""
        var contexts: [Context] = []
        for item in try Item.all(in: bytes[fixedLength...]) {
            switch item.type {
            case 0x10: applicationContextName = try item.text()
            case 0x20: contexts.append(try AssociateRequestPDU.context(item.value))
            case 0x50: try AssociateRequestPDU.checkUserInformation(item.value)
            default: break
            }
        }
        guard (1...128).contains(contexts.count) else { throw .badPresentationContexts }
        guard contexts.allSatisfy({ $0.id & 1 == 1 }), Set(contexts.map(\.id)).count == contexts.count else {
            throw .badContextID
        }
        self.applicationContextName = applicationContextName
        self.contexts = contexts
    }

    /// PS3.8 table 9-13: the identifier and three reserved bytes, then one abstract syntax and transfer syntaxes.
    private static func context(_ value: ArraySlice<UInt8>) throws(AssociateRequestError) -> Context {
        guard value.count >= 4, let id = value.first else { throw .badLength }
        var abstractSyntax: String?
        var transferSyntaxes: [String] = []
        for item in try Item.all(in: value.dropFirst(4)) {
            switch item.type {
            case 0x30: abstractSyntax = try item.text()
            case 0x40: transferSyntaxes.append(try item.text())
            default: break
            }
        }
        guard let abstractSyntax, (1...maximumTransferSyntaxes).contains(transferSyntaxes.count) else {
            throw .badPresentationContexts
        }
        return Context(id: id, abstractSyntax: abstractSyntax, transferSyntaxes: transferSyntaxes)
    }

    /// More than there are; DCMTK's own tables end at 50.
    private static let maximumTransferSyntaxes = 50

    /// Only the lengths: what the sub-items say is for DCMTK, or for nobody.
    private static func checkUserInformation(_ value: ArraySlice<UInt8>) throws(AssociateRequestError) {
        for item in try Item.all(in: value) {
            switch item.type {
            case 0x51: guard item.value.count == 4 else { throw .badLength }  // Maximum Length
            case 0x52, 0x55: _ = try item.text()  // Implementation Class UID, Version Name
            case 0x53: guard item.value.count == 4 else { throw .badLength }  // Asynchronous Operations Window
            case 0x54:  // SCP/SCU Role Selection: a UID and two bytes
                guard try item.lengthPrefixed().count == 2 else { throw .badLength }
            case 0x56: _ = try item.lengthPrefixed()  // SOP Class Extended Negotiation: a UID and its information
            case 0x58:  // User Identity: type, response, two fields
                let rest = try Item(type: 0x58, value: item.value.dropFirst(2)).lengthPrefixed()
                guard try Item(type: 0x58, value: rest).lengthPrefixed().isEmpty else { throw .badLength }
            default: break
            }
        }
    }
}

/// An item or sub-item: type, reserved byte, length in two bytes, value.
private struct Item {
    let type: UInt8
    let value: ArraySlice<UInt8>

    /// Splits bytes that must be items without a gap or rest.
    static func all(in bytes: ArraySlice<UInt8>) throws(AssociateRequestError) -> [Item] {
        var items: [Item] = []
        var rest = bytes
        while !rest.isEmpty {
            guard rest.count >= 4 else { throw .badLength }
            let start = rest.startIndex
            let length = Int(rest[start + 2]) << 8 | Int(rest[start + 3])
            guard rest.count - 4 >= length else { throw .badLength }
            items.append(Item(type: rest[start], value: rest[(start + 4)..<(start + 4 + length)]))
            rest = rest[(start + 4 + length)...]
        }
        return items
    }

    /// A UID or name: at most 64 bytes, padding removed.
    func text() throws(AssociateRequestError) -> String {
        guard value.count <= 64 else { throw .badLength }
        let trimmed = value.prefix { $0 != 0 }
        return String(decoding: trimmed, as: UTF8.self)
    }

    /// What follows a field that has its length in the two bytes before it.
    func lengthPrefixed() throws(AssociateRequestError) -> ArraySlice<UInt8> {
        guard value.count >= 2 else { throw .badLength }
        let length = Int(value[value.startIndex]) << 8 | Int(value[value.startIndex + 1])
        guard value.count - 2 >= length else { throw .badLength }
        return value.dropFirst(2 + length)
    }
}
