import DCMTKBridge
import DICOMCore
import Testing

@testable import Results

@Suite("Validation before sending")
struct ResultValidationTests {
    private func checkReport(
        forbidden: [[UInt8]] = [], input: ReportInput = Fixture.input(),
        _ seed: (borrowing DataSet) throws -> Void = { _ in }
    ) throws {
        let identity = try Fixture.identity()
        let object = try StructuredReport.build(input, identity: identity)
        try seed(object)
        try ResultValidation.check(
            try object.encoded(as: .explicitVRLittleEndian), as: .explicitVRLittleEndian, input, identity: identity,
            forbidden: forbidden)
    }

    private func checkHeatmap(
        forbidden: [[UInt8]] = [], _ seed: (borrowing DataSet) throws -> Void = { _ in }
    ) throws {
        let identity = try Fixture.identity()
        let object = try SecondaryCapture.build(try Fixture.request(), Fixture.input(), identity: identity)
        try seed(object)
        try ResultValidation.check(
            try object.encoded(as: .implicitVRLittleEndian), as: .implicitVRLittleEndian, Fixture.input(),
            identity: identity, forbidden: forbidden)
    }

    @Test("What the builders make passes, in every shape, outcome and language")
    func passes() throws {
        for outcomes in [
            Fixture.negative, Fixture.failed, Fixture.outOfScope, Fixture.mixed, [.analysed([Fixture.mass])],
        ] {
            for language in ReportLanguage.allCases {
                var input = Fixture.input(outcomes)
                input.language = language
                try checkReport(forbidden: [Array("NOT-IN-THERE".utf8)], input: input)
                input.shape = .comprehensive
                try checkReport(input: input)
            }
        }
        try checkHeatmap(forbidden: [Array("NOT-IN-THERE".utf8)])
    }

    @Test("Each seeded defect of a report is found")
    func reportDefects() throws {
        let name = Tag(0x0010, 0x0010)
        #expect(throws: ResultError.defect(.missing(.instanceNumber))) {
            try checkReport { try $0.remove(.instanceNumber) }
        }
        #expect(throws: ResultError.defect(.missing(.verificationFlag))) {
            try checkReport { try $0.remove(.verificationFlag) }
        }
        #expect(throws: ResultError.defect(.unexpectedValue(.verificationFlag))) {
            try checkReport { try $0.set(.verificationFlag, "VERIFIED") }
        }
        #expect(throws: ResultError.defect(.unexpectedValue(.completionFlag))) {
            try checkReport { try $0.set(.completionFlag, "PARTIAL") }
        }
        #expect(throws: ResultError.defect(.missing(.currentRequestedProcedureEvidenceSequence))) {
            try checkReport { try $0.remove(.currentRequestedProcedureEvidenceSequence) }
        }
        #expect(throws: ResultError.defect(.identityDiffers(name))) { try checkReport { try $0.set(name, "Doe^John") } }
        #expect(throws: ResultError.defect(.identityDiffers(name))) { try checkReport { try $0.set(name, "") } }
        #expect(throws: ResultError.defect(.identityDiffers(.procedureCodeSequence))) {
            try checkReport { try $0.remove(.procedureCodeSequence) }
        }
        #expect(throws: ResultError.defect(.identityDiffers(.patientBreedDescription))) {
            try checkReport { try $0.set(.patientBreedDescription, "left over") }
        }
        #expect(throws: ResultError.defect(.missing(.patientSex))) { try checkReport { try $0.remove(.patientSex) } }
        #expect(throws: ResultError.defect(.unexpectedValue(.sopInstanceUID))) {
            try checkReport { try $0.set(.sopInstanceUID, "1.02.3") }
        }
        #expect(throws: ResultError.defect(.unexpectedValue(.contentQualification))) {
            try checkReport { try $0.set(.contentQualification, "PRODUCT") }
        }
    }

    @Test("Evidence that is not what the content refers to, and a foreign instance, are found")
    func references() throws {
        #expect(throws: ResultError.defect(.evidence)) {
            try checkReport { object in
                let (study, series, extra) = (Fixture.studyUID, "\(Fixture.studyUID).1", "\(Fixture.studyUID).1.99")
                let reference = try DataSet()
                try reference.set(.referencedSOPClassUID, "1.2.840.10008.5.1.4.1.1.1.1")
                try reference.set(.referencedSOPInstanceUID, extra)
                let seriesItem = try DataSet()
                try seriesItem.set(.seriesInstanceUID, series)
                try seriesItem.append(reference, to: .referencedSOPSequence)
                let studyItem = try DataSet()
                try studyItem.set(.studyInstanceUID, study)
                try studyItem.append(seriesItem, to: .referencedSeriesSequence)
                try object.append(studyItem, to: .currentRequestedProcedureEvidenceSequence)
            }
        }
        let identity = try Fixture.identity()
        let object = try StructuredReport.build(Fixture.input(), identity: identity)
        var other = Fixture.input()
        other.images[0].image.sopInstanceUID = SOPInstanceUID(Fixture.uid("1.2.3"))
        let bytes = try object.encoded(as: .explicitVRLittleEndian)
        #expect(throws: ResultError.defect(.foreignReference)) {
            try ResultValidation.check(
                bytes, as: .explicitVRLittleEndian, other, identity: identity, forbidden: [])
        }
        #expect(throws: ResultError.defect(.unreadable)) {
            try ResultValidation.check(
                Array(bytes.dropLast(7)), as: .explicitVRLittleEndian, Fixture.input(), identity: identity,
                forbidden: [])
        }
    }

    @Test("Each seeded defect of a heatmap is found")
    func heatmapDefects() throws {
        #expect(throws: ResultError.defect(.missing(.conversionType))) {
            try checkHeatmap { try $0.remove(.conversionType) }
        }
        #expect(throws: ResultError.defect(.missing(.burnedInAnnotation))) {
            try checkHeatmap { try $0.remove(.burnedInAnnotation) }
        }
        #expect(throws: ResultError.defect(.unexpectedValue(.burnedInAnnotation))) {
            try checkHeatmap { try $0.set(.burnedInAnnotation, "NO") }
        }
        #expect(throws: ResultError.defect(.missing(.pixelData))) { try checkHeatmap { try $0.remove(.pixelData) } }
        #expect(throws: ResultError.defect(.pixelLength)) { try checkHeatmap { try $0.set(.rows, numbers: [3]) } }
        #expect(throws: ResultError.defect(.foreignReference)) {
            try checkHeatmap { object in
                try object.remove(.sourceImageSequence)
                let item = try DataSet()
                try item.set(.referencedSOPInstanceUID, "1.2.3")
                try object.append(item, to: .sourceImageSequence)
            }
        }
        #expect(throws: ResultError.defect(.identityDiffers(.studyInstanceUID))) {
            try checkHeatmap { try $0.set(.studyInstanceUID, "1.2.3") }
        }
    }

    @Test("A pseudonym or mapped UID anywhere in the object is found, nested and at its very end too")
    func forbidden() throws {
        let planted = "ANON-4711"
        let forbidden = [Array("2.25.77".utf8), Array(planted.utf8)]
        #expect(throws: ResultError.defect(.forbiddenBytes)) {
            try checkReport(forbidden: forbidden) { try $0.set(.seriesDescription, "x \(planted)") }
        }
        #expect(throws: ResultError.defect(.forbiddenBytes)) {
            try checkReport(forbidden: forbidden) { object in
                let item = try DataSet()
                try item.set(.textValue, planted)
                try object.append(item, to: .referencedRequestSequence)
            }
        }
        #expect(throws: ResultError.defect(.forbiddenBytes)) {
            try checkHeatmap(forbidden: forbidden) { try $0.set(.imageComments, planted) }
        }
        // The mapped UID of the image as a forbidden string: the original must be in there instead.
        #expect(throws: ResultError.defect(.forbiddenBytes)) {
            try checkReport(forbidden: [Array(Fixture.image().sopInstanceUID.uid.value.utf8)])
        }
    }
}
