import DCMTKBridge
import DICOMCore

/// A side of the patient.
package enum Laterality: String, Codable, Equatable, Sendable {
    /// The patient's right.
    case right
    /// The patient's left.
    case left
    /// Both; of findings, not of regions.
    case bilateral
}

/// Which side of the patient is on which side of a frontal picture.
package struct ImageOrientation: Codable, Equatable, Sendable {
    /// How it is known.
    package enum Basis: String, Codable, Sendable {
        /// Patient Orientation (0020,0020) says so.
        case patientOrientation
        /// It is a PA or AP view without Patient Orientation, and taken as it is hung: the patient's right on the left.
        case assumed
        /// It is not known.
        case unknown
    }

    /// How it is known.
    package let basis: Basis
    /// The patient's side at the picture's left edge; nil where it is not known.
    package let leftEdge: Laterality?

    init(basis: Basis, leftEdge: Laterality?) {
        self.basis = basis
        self.leftEdge = leftEdge
    }

    /// From the direction in which the rows run (PS3.3 C.7.6.1.1.1): rows that run to the patient's left begin at his right.
    init(_ header: borrowing DataSet) {
        let direction = header.strings(.patientOrientation).first?.uppercased() ?? ""
        switch direction.first {
        case "L": self.init(basis: .patientOrientation, leftEdge: .right)
        case "R": self.init(basis: .patientOrientation, leftEdge: .left)
        case nil where ["PA", "AP"].contains(ScopeAttributes(header).view): self.init(basis: .assumed, leftEdge: .right)
        default: self.init(basis: .unknown, leftEdge: nil)
        }
    }

    /// The side of the patient where a point is, from its column. Nil near the middle, for the middle of the picture is not
    /// quite the middle of the patient, and where the orientation is not known.
    func side(x: Double, columns: Int) -> Laterality? {
        guard let leftEdge else { return nil }
        let fraction = x / Double(columns)
        if abs(fraction - 0.5) < 0.05 { return nil }
        let rightEdge: Laterality = leftEdge == .right ? .left : .right
        return fraction < 0.5 ? leftEdge : rightEdge
    }
}
