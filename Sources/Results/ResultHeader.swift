import DCMTKBridge
import DICOMCore

/// What a report and a heatmap have in common: patient, study, equipment, contributing equipment, dates.
struct ResultHeader {
    var sopClassUID: SOPClassUID
    var sopInstanceUID: UID
    var seriesInstanceUID: UID
    var seriesNumber: Int
    var seriesDescription: String
    var instanceNumber: Int
    var modality: String

    /// Writes into an object that has no header yet.
    func write(
        into object: borrowing DataSet, _ input: ReportInput, _ identity: borrowing PreparedIdentity
    ) throws(ResultError) {
        try check(input)
        try orRefused("header") { () throws(DCMTKError) in
            try copyIdentity(identity, into: object)
            try writeDates(ResultHeader.time(input, identity), into: object)
            try object.set(.sopClassUID, sopClassUID.uid.value)
            try object.set(.sopInstanceUID, sopInstanceUID.value)
            try object.set(.seriesInstanceUID, seriesInstanceUID.value)
            try object.set(.seriesNumber, String(seriesNumber))
            try object.set(.seriesDescription, seriesDescription)
            try object.set(.instanceNumber, String(instanceNumber))
            try object.set(.modality, modality)
            try object.set(.manufacturer, input.node.manufacturer)
            try object.set(.manufacturerModelName, input.node.modelName)
            try object.set(.deviceSerialNumber, input.node.serialNumber)
            try object.set(.softwareVersions, input.node.softwareVersion)
            try object.set(.stationName, input.node.stationName)
            try object.set(.contentQualification, "RESEARCH")
            try object.append(
                try ResultHeader.contributingEquipment(input, identity), to: .contributingEquipmentSequence)
        }
    }

    /// The time of analysis on the source's clock: (0008,0201) holds for every date of an object.
    static func time(_ input: ReportInput, _ identity: borrowing PreparedIdentity) -> AnalysisTime {
        identity.utcOffsetMinutes.map { input.analysisTime.on(utcOffsetMinutes: $0) } ?? input.analysisTime
    }

    /// A Series Description with the revision behind it from the second on.
    static func seriesDescription(_ text: String, _ input: ReportInput) -> String {
        input.revision > 1 ? "\(text) \(input.language.wording.revision(input.revision))" : text
    }

    /// An item of a code sequence (PS3.3 8.8).
    static func codeItem(_ code: CodedConcept) throws(DCMTKError) -> DataSet {
        let item = try DataSet()
        try item.set(.codeValue, code.value)
        try item.set(.codingSchemeDesignator, code.scheme)
        try item.set(.codeMeaning, code.meaning)
        return item
    }

    /// An item that names an instance (PS3.3 10.8).
    static func reference(_ sopClassUID: SOPClassUID, _ sopInstanceUID: UID) throws(DCMTKError) -> DataSet {
        let item = try DataSet()
        try item.set(.referencedSOPClassUID, sopClassUID.uid.value)
        try item.set(.referencedSOPInstanceUID, sopInstanceUID.value)
        return item
    }

    private func check(_ input: ReportInput) throws(ResultError) {
        guard !input.images.isEmpty else { throw .noImages }
        guard input.inputDigest.count >= 16 else { throw .inputDigestTooShort }
        let texts: [(String, Int, String)] = [
            (input.algorithm.name, 64, "the model's name"), (input.algorithm.version, 64, "the model's version"),
            (input.algorithm.manufacturer, 64, "the model's manufacturer"),
            (input.node.manufacturer, 64, "the node's manufacturer"),
            (input.node.modelName, 64, "the node's model name"),
            (input.node.softwareVersion, 64, "the node's version"),
            (input.node.serialNumber, 64, "the node's serial number"),
            (input.node.stationName, 16, "the station name"), (seriesDescription, 64, "the series description"),
        ]
        for (text, limit, name) in texts { try ContentCheck.checkText(text, limit: limit, name: name) }
    }

    private func copyIdentity(
        _ identity: borrowing PreparedIdentity, into object: borrowing DataSet
    ) throws(DCMTKError) {
        try identity.attributes.copyAttributes(
            ResultIdentity.copied + [.specificCharacterSet, .timezoneOffsetFromUTC], to: object)
        // Empty it says no more than if it were absent, and its type 1C forbids that.
        if object.multiplicity(.specificCharacterSet) == 0 { try object.remove(.specificCharacterSet) }
        for tag in ResultIdentity.presentEvenIfEmpty where !object.contains(tag) { try object.set(tag, "") }
    }

    private func writeDates(_ time: AnalysisTime, into object: borrowing DataSet) throws(DCMTKError) {
        for tag in [Tag.instanceCreationDate, .seriesDate, .contentDate] { try object.set(tag, time.date) }
        for tag in [Tag.instanceCreationTime, .seriesTime, .contentTime] { try object.set(tag, time.time) }
    }

    /// The model, with the same values as in the report's tree (IHE AIR 6.5.3.1).
    private static func contributingEquipment(
        _ input: ReportInput, _ identity: borrowing PreparedIdentity
    ) throws(DCMTKError) -> DataSet {
        let item = try DataSet()
        try item.append(try codeItem(Concept.processingEquipment), to: .purposeOfReferenceCodeSequence)
        try item.set(.manufacturer, input.algorithm.manufacturer)
        try item.set(.manufacturerModelName, input.algorithm.name)
        try item.set(.softwareVersions, input.algorithm.version)
        try item.set(.deviceUID, input.algorithm.deviceUID.value)
        let moment = time(input, identity)
        try item.set(.contributionDateTime, moment.date + moment.time)
        return item
    }
}
