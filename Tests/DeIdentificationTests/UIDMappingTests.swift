import DCMTKBridge
import DICOMCore
import Testing

@testable import DeIdentification

private let referencedInstance = Tag(0x0008, 0x1155)

@Suite struct UIDMappingTests {
    @Test func oneInstanceIsOneUIDWhereverItIsNamed() throws {
        let first = try deidentified(TestElement.instance(instance: "1.2.3.4.5.6"))
        let reference: [TestElement] = [
            .text(Tag(0x0008, 0x1150), "UI", "1.2.840.10008.5.1.4.1.1.2"),
            .text(referencedInstance, "UI", "1.2.3.4.5.6"),
        ]
        let second = try deidentified(
            TestElement.instance(instance: "1.2.3.4.5.7") + [
                .items(Tag(0x0008, 0x1140), [reference]), .items(Tag(0x0008, 0x2112), [reference]),
                .text(Tag(0x0020, 0x0242), "UI", "1.2.3.4.5.6"), .text(Tag(0x0008, 0x1167), "UI", "1.2.3.4.5.6"),
            ])
        let mapped = first.instance.sopInstanceUID.uid.value
        #expect(first.dataSet.string(.sopInstanceUID) == mapped)
        for tag in [Tag(0x0008, 0x1140), Tag(0x0008, 0x2112)] {
            let item = try second.dataSet.item(tag, at: 0)
            #expect(item.string(referencedInstance) == mapped)
            #expect(item.string(Tag(0x0008, 0x1150)) == "1.2.840.10008.5.1.4.1.1.2")
        }
        #expect(second.dataSet.string(Tag(0x0020, 0x0242)) == mapped)
        #expect(second.dataSet.string(Tag(0x0008, 0x1167)) == mapped)
        #expect(second.instance.studyInstanceUID == first.instance.studyInstanceUID)
        #expect(second.instance.sopInstanceUID != first.instance.sopInstanceUID)
    }

    @Test func theMappingIsTheSameAfterARestartAndAnotherUnderOtherKeys() throws {
        let text = try KeyText(fixedKeys()).text
        let restarted = try #require(try KeyText(parsing: text).receiverKeys)
        let uid = Array("1.2.3.4.5.6".utf8)
        #expect(UIDMap(keys: fixedKeys()).mapped(uid) == UIDMap(keys: restarted).mapped(uid))
        #expect(UIDMap(keys: fixedKeys()).mapped(uid) != UIDMap(keys: fixedKeys(2)).mapped(uid))
        // A known answer, so that a change of the algorithm is seen: stored studies would fall apart.
        #expect(UIDMap(keys: fixedKeys()).mapped(uid).value == "2.25.197281594773723184242833550745474724492")
    }

    @Test func theMemoryOfLateMappingsChangesNoAnswer() {
        let map = UIDMap(keys: fixedKeys())
        let first = map.mapped(Array("1.2.0".utf8))
        for number in 1..<(3 * UIDMap.capacity) { _ = map.mapped(Array("1.2.\(number)".utf8)) }
        #expect(map.mapped(Array("1.2.0".utf8)) == first)
    }

    @Test func paddingIsNotPartOfAUID() throws {
        let padded = try deidentified(
            TestElement.instance() + [
                .value(Tag(0x0020, 0x0242), "UI", Array("1.2.3.4.1.1.1\0".utf8)),
                .value(Tag(0x0008, 0x1167), "UI", Array("1.2.3.4.1.1.1 ".utf8)),
            ])
        let mapped = padded.instance.sopInstanceUID.uid.value
        #expect(padded.dataSet.string(Tag(0x0020, 0x0242)) == mapped)
        #expect(padded.dataSet.string(Tag(0x0008, 0x1167)) == mapped)
    }

    @Test func eachValueOfAMultiValuedUIDIsMappedByItself() throws {
        let outcome = try deidentified(
            TestElement.instance() + [
                .text(Tag(0x0008, 0x001A), "UI", "1.2.840.10008.5.1.4.1.1.2\\1.9.9.9"),
                .text(Tag(0x0020, 0x0242), "UI", "1.2.3.4.1.1.1\\1.2.3.4.1"),
            ])
        let values = outcome.dataSet.strings(Tag(0x0020, 0x0242))
        #expect(values == [outcome.instance.sopInstanceUID.uid.value, outcome.instance.studyInstanceUID.uid.value])
        let classes = outcome.dataSet.strings(Tag(0x0008, 0x001A))
        #expect(classes.first == "1.2.840.10008.5.1.4.1.1.2")
        #expect(classes.last?.hasPrefix("2.25.") == true)
    }

    @Test func registeredValuesAreKeptAndOthersUnderTheSameRootAreNot() throws {
        let kept: [(Tag, String)] = [
            (.frameOfReferenceUID, "1.2.840.10008.1.4.1.1"), (Tag(0x0008, 0x010C), "1.2.840.10008.2.16.4"),
            (Tag(0x0008, 0x0117), "1.2.840.10008.6.1.1028"), (Tag(0x0008, 0x0118), "1.2.840.10008.8.1.1"),
        ]
        let outcome = try deidentified(TestElement.instance() + kept.map { .text($0.0, "UI", $0.1) })
        for (tag, value) in kept { #expect(outcome.dataSet.string(tag) == value) }
        let others: [(Tag, String)] = [
            (.frameOfReferenceUID, "1.2.840.10008.5.1.4.1.1.2.20260131101112"),
            (Tag(0x0020, 0x0242), "1.2.840.10008.1.4.1.99"),
            (Tag(0x0008, 0x0117), "1.2.840.10008.6.1.20260131"), (Tag(0x0008, 0x010C), "1.3.6.1.4.1.5962.99"),
        ]
        let mapped = try deidentified(TestElement.instance() + others.map { .text($0.0, "UI", $0.1) })
        for (tag, _) in others { #expect(mapped.dataSet.string(tag)?.hasPrefix("2.25.") == true, "\(tag)") }
        let external = try deidentified(
            TestElement.instance() + [
                .text(Tag(0x0008, 0x010C), "UI", "2.16.840.1.113883.6.96"),
                .text(Tag(0x0020, 0x0242), "UI", "2.16.840.1.113883.6.96"),
            ])
        #expect(external.dataSet.string(Tag(0x0008, 0x010C)) == "2.16.840.1.113883.6.96")
        #expect(external.dataSet.string(Tag(0x0020, 0x0242))?.hasPrefix("2.25.") == true)
    }

    @Test func aValueThatIsNoUIDIsMappedToOne() throws {
        let outcome = try deidentified(
            TestElement.instance() + [.text(Tag(0x0020, 0x0242), "UI", "MUELLER.20260131")])
        let value = try #require(outcome.dataSet.string(Tag(0x0020, 0x0242)))
        #expect(UID(value) != nil && value.hasPrefix("2.25."))
    }
}
