import Crypto
import DCMTKBridge
import DICOMCore
import Foundation

@testable import DeIdentification

/// Keys that are the same in each run, so that what a test compares with does not change from run to run.
func fixedKeys(_ seed: UInt8 = 1) -> ReceiverKeys {
    func key(_ number: UInt8) -> SymmetricKey {
        SymmetricKey(data: [UInt8](repeating: seed &* 16 &+ number, count: 32))
    }
    return ReceiverKeys(uid: key(1), patientIndex: key(2), studyIndex: key(3), accessionIndex: key(4))
}

let fixedPseudonym = Pseudonym(bits: 0x0123_4567_89AB_CDEF_0123_4567_89AB_CDEF)

/// DCMTK as the node starts it. Every test calls it before the first data set.
func startDCMTK() throws { try DCMTKRuntime.initialize(adding: DictionarySupplement2026d.entries) }

/// A de-identified header and how it came to be.
struct Outcome {
    let dataSet: Header
    let encoded: [UInt8]
    let identity: Identity
    let instance: DeIdentifiedInstance
}

/// Parses, captures, de-identifies and encodes in Explicit VR Little Endian, as a receiver does.
func deidentified(
    _ bytes: [UInt8], transferSyntax: TransferSyntax = .explicitVRLittleEndian, keys: ReceiverKeys = fixedKeys()
) throws -> Outcome {
    try startDCMTK()
    let header = try DataSet(parsing: bytes, transferSyntax: transferSyntax)
    let identity = try Identity.capture(from: header)
    let instance = try DeIdentifier(keys: keys).deidentify(header, identity: identity, pseudonym: fixedPseudonym)
    let encoded = try header.encoded(as: .explicitVRLittleEndian)
    return Outcome(dataSet: Header(header), encoded: encoded, identity: identity, instance: instance)
}

func deidentified(_ elements: [TestElement], explicitVR: Bool = true, keys: ReceiverKeys = fixedKeys()) throws
    -> Outcome
{
    try deidentified(
        TestElement.encode(elements, explicitVR: explicitVR),
        transferSyntax: explicitVR ? .explicitVRLittleEndian : .implicitVRLittleEndian, keys: keys)
}

extension Array where Element == UInt8 {
    /// Whether the bytes of `text` are somewhere in these.
    func contains(_ text: String) -> Bool { contains(bytes: Array(text.utf8)) }

    func contains(bytes: [UInt8]) -> Bool {
        guard !bytes.isEmpty else { return false }
        return Data(self).range(of: Data(bytes)) != nil
    }
}

extension TestElement {
    /// What each instance needs to be taken in.
    static func instance(
        sopClass: String = "1.2.840.10008.5.1.4.1.1.2", study: String = "1.2.3.4.1", series: String = "1.2.3.4.1.1",
        instance: String = "1.2.3.4.1.1.1", patientName: String = "Sauerbruch^Amalie", patientID: String = "MRN7788123"
    ) -> [TestElement] {
        [
            .text(.sopClassUID, "UI", sopClass), .text(.sopInstanceUID, "UI", instance),
            .text(.studyInstanceUID, "UI", study), .text(.seriesInstanceUID, "UI", series),
            .text(.patientName, "PN", patientName), .text(.patientID, "LO", patientID),
        ]
    }
}
