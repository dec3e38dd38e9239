import DCMTKBridge
import DICOMCore
import Testing

@testable import DeIdentification

@Suite struct RefusalTests {
    private func refusal(_ elements: [TestElement]) throws -> DeIdentificationError? {
        do {
            _ = try deidentified(elements)
            return nil
        } catch let error as DeIdentificationError {
            return error
        }
    }

    @Test func anObjectThatNamesNoInstanceIsRefused() throws {
        for tag: Tag in [.sopClassUID, .sopInstanceUID, .studyInstanceUID, .seriesInstanceUID] {
            #expect(try refusal(TestElement.instance().filter { $0.tag != tag }) == .missingAttribute(tag))
            #expect(try refusal(TestElement.instance() + [.text(tag, "UI", "")]) == .missingAttribute(tag))
            #expect(try refusal(TestElement.instance() + [.text(tag, "UI", "../../etc")]) == .invalidUID(tag))
            let long = String(repeating: "1.", count: 32) + "1"
            #expect(try refusal(TestElement.instance() + [.text(tag, "UI", long)]) == .invalidUID(tag))
        }
    }

    @Test func aPrivateSOPClassIsRefused() throws {
        #expect(try refusal(TestElement.instance(sopClass: "1.3.12.2.1107.5.9.1")) == .privateSOPClass)
    }

    @Test func anUnknownCharacterSetIsRefusedAlsoInAnItem() throws {
        let unknown = TestElement.text(.specificCharacterSet, "CS", "ISO_IR 999")
        #expect(try refusal(TestElement.instance() + [unknown]) == .unknownCharacterSet)
        #expect(
            try refusal(TestElement.instance() + [.items(Tag(0x0008, 0x1115), [[unknown]])]) == .unknownCharacterSet)
        #expect(
            try refusal(TestElement.instance() + [.text(.specificCharacterSet, "CS", "\\ISO 2022 IR 87")]) == nil)
    }

    @Test func pixelDataInTheHeaderAreRefused() throws {
        #expect(
            try refusal(TestElement.instance() + [.value(Tag(0x7FE0, 0x0010), "OW", [0, 0])]) == .pixelDataInHeader)
    }

    @Test func sequencesNestedTooDeepAreRefused() throws {
        var elements: [TestElement] = [.text(.patientName, "PN", "Deep^Down")]
        for _ in 0...DeIdentifier.deepest { elements = [.items(Tag(0x0008, 0x1115), [elements])] }
        #expect(try refusal(TestElement.instance() + elements) == .nestedTooDeep)
    }

    @Test func theIdentityOfAnotherInstanceIsRefused() throws {
        try startDCMTK()
        func header(_ instance: String) throws -> DataSet {
            try DataSet(
                parsing: TestElement.encode(TestElement.instance(instance: instance), explicitVR: true),
                transferSyntax: .explicitVRLittleEndian)
        }
        let other = try Identity.capture(from: try header("1.2.3.9"))
        #expect(throws: DeIdentificationError.identityOfAnotherInstance) {
            _ = try DeIdentifier(keys: fixedKeys()).deidentify(
                try header("1.2.3.8"), identity: other, pseudonym: fixedPseudonym)
        }
    }

    @Test func whatIsPrintedOfIdentityIsNothing() throws {
        let outcome = try deidentified(TestElement.instance())
        var dumped = ""
        dump(outcome.identity, to: &dumped)
        dump(outcome.identity.patient, to: &dumped)
        dump(fixedKeys(), to: &dumped)
        for text in ["\(outcome.identity)", "\(outcome.identity.patient)", "\(outcome.instance)", dumped] {
            for identity in ["Sauerbruch", "MRN7788123", "1.2.3.4.1"] { #expect(!text.contains(identity)) }
        }
    }
}
