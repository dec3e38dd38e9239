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
}
