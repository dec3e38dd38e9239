import DICOMCore
import Testing

@testable import DICOMNetwork

@Suite struct CommandSetTests {
    @Test func whatIsEncodedIsReadBackAndHasItsGroupLength() throws {
        var command = CommandSet()
        command.set(.commandField, CommandField.cStoreRequest.rawValue)
        command.set(.messageID, 513)
        command.set(.affectedSOPClassUID, try #require(UID("1.2.840.10008.1.1")))
        let bytes = command.encoded()
        #expect(Array(bytes.prefix(12)) == [0, 0, 0, 0, 4, 0, 0, 0, UInt8(bytes.count - 12), 0, 0, 0])
        let read = try CommandSet(parsing: bytes)
        #expect(read == command)
        #expect(read.number(.messageID) == 513)
        #expect(read.text(.affectedSOPClassUID) == "1.2.840.10008.1.1")
        #expect(read.field == .cStoreRequest && read.hasDataSet)
    }

    @Test(arguments: [
        ([UInt8](repeating: 0, count: 7), CommandSetError.truncated),
        ([0, 0, 0, 1, 3, 0, 0, 0, 1, 0], .truncated),
        ([0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF], .notFlat),
        ([8, 0, 0x16, 0, 0, 0, 0, 0], .notFlat),
        ([0, 0, 0x10, 1, 2, 0, 0, 0, 1, 0, 0, 0, 0x10, 1, 2, 0, 0, 0, 2, 0], .notFlat),
        ([0, 0, 0, 1, 0xFE, 0xFF, 0xFF, 0x7F, 1], .truncated),
    ])
    func whatIsNoFlatListOfGroupZeroIsRefused(bytes: [UInt8], error: CommandSetError) {
        #expect(throws: error) { try CommandSet(parsing: bytes) }
    }

    @Test func sequencesNestedFiftyThousandDeepAreRefusedAtTheFirst() {
        let opening: [UInt8] = [0, 0, 1, 0x60, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]
        let bytes = Array(repeatElement(opening, count: 50_000).joined())
        #expect(throws: CommandSetError.notFlat) { try CommandSet(parsing: bytes) }
    }

    @Test func aResponseRepeatsTheRequestsUIDsAndNumber() throws {
        let request = try CommandSet(parsing: ScriptedPeer.cStore(instance: "2.25.5"))
        let response = request.response(.outOfResources, comment: "no room\n\u{e9}\\")
        let read = try CommandSet(parsing: response.encoded())
        #expect(read.field?.rawValue == 0x8001 && read.number(.messageIDBeingRespondedTo) == 7)
        #expect(read.number(.status) == 0xA700 && !read.hasDataSet)
        #expect(read.text(.affectedSOPInstanceUID) == "2.25.5")
        #expect(read.text(.errorComment) == "no room")
    }

    @Test func anErrorCommentHasAtMost64Characters() throws {
        var command = CommandSet()
        command.setErrorComment(String(repeating: "x", count: 100))
        #expect(command.text(.errorComment)?.count == 64)
    }

    @Test func textThatIsNoUIDIsGivenAsItIs() throws {
        let command = try CommandSet(parsing: ScriptedPeer.cStore(instance: "../../etc"))
        #expect(command.text(.affectedSOPInstanceUID) == "../../etc")
        #expect(command.text(.affectedSOPInstanceUID).flatMap { UID($0) } == nil)
    }
}
