import DCMTKBridge
import DICOMCore

@testable import DeIdentification

let enhancedCTClass = "1.2.840.10008.5.1.4.1.1.2.1"

/// A profile with some options; the combination must be allowed.
func profile(_ options: ConfidentialityOption...) throws -> ConfidentialityProfile {
    try ConfidentialityProfile(Set(options))
}

/// As ``deidentified(_:explicitVR:keys:)``, under a profile and a pseudonym of the test's own.
func deidentified(
    _ elements: [TestElement], _ profile: ConfidentialityProfile, explicitVR: Bool = true,
    pseudonym: Pseudonym = fixedPseudonym
) throws -> Outcome {
    try deidentified(
        TestElement.encode(elements, explicitVR: explicitVR), profile,
        transferSyntax: explicitVR ? .explicitVRLittleEndian : .implicitVRLittleEndian, pseudonym: pseudonym)
}

func deidentified(
    _ bytes: [UInt8], _ profile: ConfidentialityProfile, transferSyntax: TransferSyntax = .explicitVRLittleEndian,
    pseudonym: Pseudonym = fixedPseudonym
) throws -> Outcome {
    try startDCMTK()
    let header = try DataSet(parsing: bytes, transferSyntax: transferSyntax)
    let identity = try Identity.capture(from: header)
    let instance = try DeIdentifier(keys: fixedKeys()).deidentify(
        header, identity: identity, pseudonym: pseudonym, profile: profile)
    let encoded = try header.encoded(as: .explicitVRLittleEndian)
    return Outcome(dataSet: Header(header), encoded: encoded, identity: identity, instance: instance)
}

extension Header {
    /// The first item of a sequence within the first item of a sequence, and so on.
    func item(_ path: Tag...) throws -> Header {
        try path.reduce(self) { try $0.item($1, at: 0) }
    }
}

/// Sequences that table E.1-1 does not list, one in the other.
let nestingPath = [Tag(0x5200, 0x9229), Tag(0x0008, 0x1115), Tag(0x0008, 0x114A)]

/// The elements three levels deep.
func nested(_ elements: [TestElement]) -> TestElement {
    nestingPath.reversed().reduce(elements) { [.items($1, [$0])] }[0]
}

/// The offset of the fixed pseudonym under the fixed keys.
let fixedOffset = DateOffset(of: fixedPseudonym, key: DateOffset.key(from: fixedKeys()))
