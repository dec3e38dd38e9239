/// A Value Representation as the rules need it (PS3.5 6.2).
enum ValueRepresentation: String, Sendable, CaseIterable {
    case AE, AS, AT, CS, DA, DS, DT, FL, FD, IS, LO, LT, OB, OD, OF, OL, OV, OW, PN, SH, SL, SQ, SS, ST, SV, TM, UC, UI,
        UL, UN, UR
    case US, UT, UV

    /// The VR an element carries. Nil for one that PS3.5 does not know; DCMTK's internal names are taken for what they
    /// are
    /// written as.
    init?(element name: String) {
        switch name {
        case "ox", "lt", "px": self = .OW
        case "xs": self = .US
        case "up": self = .UL
        case "??": self = .UN
        default: self.init(rawValue: name)
        }
    }

    /// Whether a value may hold more than one, with a backslash between.
    var isMultiValued: Bool {
        switch self {
        case .AE, .AS, .CS, .DA, .DS, .DT, .IS, .LO, .PN, .SH, .TM, .UC, .UI: true
        default: false
        }
    }

    /// Whether it holds text that a person may have typed.
    var isText: Bool {
        switch self {
        case .AE, .CS, .LO, .LT, .SH, .ST, .UC, .UR, .UT: true
        default: false
        }
    }

    /// Whether it holds bytes without a structure that the rules could look into.
    var isOpaque: Bool {
        switch self {
        case .OB, .OW, .UN, .OD, .OF, .OL, .OV: true
        default: false
        }
    }

    /// Whether senders may take one for the other without a doubt of what the value is.
    func isOfOneKind(with other: ValueRepresentation) -> Bool { self == other || kind == other.kind }

    private enum Kind { case text, personName, moment, age, decimal, uid, sequence, binary }

    private var kind: Kind {
        switch self {
        case .AE, .CS, .LO, .LT, .SH, .ST, .UC, .UR, .UT: .text
        case .PN: .personName
        case .DA, .DT, .TM: .moment
        case .AS: .age
        case .DS, .IS: .decimal
        case .UI: .uid
        case .SQ: .sequence
        case .AT, .FL, .FD, .OB, .OD, .OF, .OL, .OV, .OW, .SL, .SS, .SV, .UL, .UN, .US, .UV: .binary
        }
    }
}
