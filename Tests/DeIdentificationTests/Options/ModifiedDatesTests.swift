import DCMTKBridge
import DICOMCore
import Foundation
import Testing

@testable import DeIdentification

private func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

@Suite struct ModifiedDatesTests {
    private let modified: ConfidentialityProfile

    init() throws { modified = try profile(.retainModifiedDates) }

    @Test func anOffsetIsWholeWeeksBackwardsAndNeverZero() {
        let key = DateOffset.key(from: fixedKeys())
        var seen: Set<Int> = []
        for number in 0..<3000 {
            let days = DateOffset(of: Pseudonym(bits: UInt128(number)), key: key).days
            #expect(days % 7 == 0 && (-3640 ... -364).contains(days))
            seen.insert(days)
        }
        #expect(seen.count > 440, "spread over the 469 that there are")
    }

    @Test func anOffsetNeedsTheKeyAndStaysForAPatient() {
        let other = DateOffset.key(from: fixedKeys(2))
        let numbers = (0..<20).map { Pseudonym(bits: UInt128($0)) }
        let key = DateOffset.key(from: fixedKeys())
        #expect(numbers.map { DateOffset(of: $0, key: key).days } == numbers.map { DateOffset(of: $0, key: key).days })
        #expect(
            numbers.map { DateOffset(of: $0, key: key).days } != numbers.map { DateOffset(of: $0, key: other).days })
    }

    @Test(arguments: [
        ("20230101", -7, "20221225"), ("20240229", -364, "20230302"), ("20240307", -7, "20240229"),
        ("20230307", -7, "20230228"), ("20000229", -3640, "19900313"), ("21000301", -1, "21000228"),
        ("2024.02.29", -7, "20240222"), ("19000101", -364, "18990102"),
    ])
    func aDateIsShiftedOverTheCalendar(_ date: String, _ days: Int, _ shifted: String) {
        #expect(text(DateOffset(days: days).shifted(date: Array(date.utf8))) == shifted)
    }

    /// Another implementation of the calendar, day by day over four centuries.
    @Test func theCalendarIsFoundations() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
        let start = try #require(calendar.date(from: DateComponents(year: 1899, month: 12, day: 25)))
        let first = try #require(CalendarDay(year: 1899, month: 12, day: 25)).number
        for days in stride(from: 0, to: 146_097, by: 1) {
            let date = start.addingTimeInterval(Double(days) * 86_400)
            let parts = calendar.dateComponents([.year, .month, .day], from: date)
            let day = try #require(CalendarDay(number: first + days))
            guard
                day.year != parts.year || day.month != parts.month || day.day != parts.day || day.number != first + days
            else { continue }
            Issue.record("day \(days) is \(day)")
            return
        }
    }

    @Test(arguments: [
        ("20240229235959.123456+0100", "20230302235959.123456+0100"), ("20240229", "20230302"),
        ("20240229235959-0500", "20230302235959-0500"), ("202402292359", "202303022359"), ("2024022923", "2023030223"),
        ("202403", "202303"), ("2024", "2023"), ("20240229+0000", "20230302+0000"),
        ("20240229235960", "20230302235960"),
    ])
    func aDateTimeKeepsItsPrecisionAndZone(_ value: String, _ shifted: String) {
        #expect(text(DateOffset(days: -364).shifted(dateTime: Array(value.utf8))) == shifted)
    }

    @Test(arguments: [
        "20230229", "19000229", "21000229", "20231301", "20230100", "2023", "202301011", "2023-01-01", "2023010a", "",
        "00000101", "20230431",
    ])
    func anImpossibleDateIsNone(_ value: String) {
        #expect(DateOffset(days: -7).shifted(date: Array(value.utf8)) == nil)
    }

    @Test(arguments: [
        "20230229101112", "2023022", "20240229240000", "20240229236000", "20240229235961", "20240229235959.",
        "20240229235959.1234567", "20240229235959+1500", "20240229235959+010", "20240229 2359", "20240229John",
        "202313",
    ])
    func anImpossibleDateTimeIsNone(_ value: String) {
        #expect(DateOffset(days: -7).shifted(dateTime: Array(value.utf8)) == nil)
    }

    @Test func timesAreTimes() {
        for time in ["00", "2359", "235959", "235960", "101112.5", "101112.123456", "10:11:12", "10:11"] {
            #expect(TemporalValue.isTime(Array(time.utf8)), "\(time)")
        }
        for time in ["24", "1", "1060", "101162", "1011.5", "101112.", "101112.1234567", "1011ab", "John", "10:1", ""] {
            #expect(!TemporalValue.isTime(Array(time.utf8)), "\(time)")
        }
    }

    private func study(_ number: Int, date: String, time: String, dateTime: String) -> [TestElement] {
        TestElement.instance(study: "1.2.3.\(number)", series: "1.2.3.\(number).1", instance: "1.2.3.\(number).1.1") + [
            .text(.studyDate, "DA", date), .text(.studyTime, "TM", time),
            .items(
                Tag(0x0054, 0x0016),
                [
                    [
                        .text(Tag(0x0018, 0x1072), "TM", "234501.001"),
                        .text(Tag(0x0018, 0x1078), "DT", dateTime),
                    ]
                ]),
        ]
    }

    private func instant(_ header: Header) throws -> Date {
        let formatter = DateFormatter()
        formatter.calendar = Calendar(identifier: .gregorian)
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.dateFormat = "yyyyMMddHHmmss.SSS"
        let text = try #require(header.string(.studyDate)) + (try #require(header.string(.studyTime)))
        return try #require(formatter.date(from: text))
    }

    /// Over a midnight, a leap day and a year; all studies of a patient by one offset, another patient by another.
    @Test func intervalsBetweenStudiesOfAPatientStayTheSameToTheMillisecond() throws {
        let studies = [("20240228", "235959.999"), ("20240301", "000000.001"), ("20250301", "120000.000")]
        let other = Pseudonym(bits: 99)
        var originals: [Date] = []
        var shifted: [Date] = []
        var others: [Date] = []
        for (number, (date, time)) in studies.enumerated() {
            let elements = study(number, date: date, time: time, dateTime: "\(date)\(time)+0100")
            originals.append(
                try instant(
                    Header(
                        try DataSet(
                            parsing: TestElement.encode(elements, explicitVR: true),
                            transferSyntax: .explicitVRLittleEndian))))
            let outcome = try deidentified(elements, modified)
            shifted.append(try instant(outcome.dataSet))
            others.append(try instant(try deidentified(elements, modified, pseudonym: other).dataSet))
            let item = try outcome.dataSet.item(Tag(0x0054, 0x0016), at: 0)
            #expect(item.string(Tag(0x0018, 0x1072)) == "234501.001")
            #expect(
                item.string(Tag(0x0018, 0x1078))
                    == text(fixedOffset.shifted(dateTime: Array("\(date)\(time)+0100".utf8))))
            #expect(outcome.dataSet.string(.longitudinalTemporalInformationModified) == "MODIFIED")
            #expect(!outcome.encoded.contains(date))
        }
        for index in 1..<3 {
            let interval = originals[index].timeIntervalSince(originals[index - 1])
            #expect(abs(shifted[index].timeIntervalSince(shifted[index - 1]) - interval) < 0.0005)
            #expect(abs(others[index].timeIntervalSince(others[index - 1]) - interval) < 0.0005)
        }
        #expect(originals[0] > shifted[0] && shifted[0] != others[0])
    }

    @Test func whatIsNoDateGoesAsInTheBasicProfile() throws {
        let outcome = try deidentified(
            TestElement.instance() + [
                .text(.studyDate, "DA", "20230229"), .text(.studyTime, "TM", "John"),
                .text(Tag(0x0018, 0x9074), "DT", "20231301"), .text(.seriesDate, "DA", "20260131\\soon"),
                .text(.timezoneOffsetFromUTC, "SH", "John"), .text(.patientBirthDate, "DA", "19310423"),
                .text(Tag(0x0014, 0x4076), "DA", "20260131"),
            ], modified)
        #expect(outcome.dataSet.multiplicity(.studyDate) == 0 && outcome.dataSet.multiplicity(.studyTime) == 0)
        #expect(outcome.dataSet.string(Tag(0x0018, 0x9074)) == "19000101000000")
        #expect(!outcome.dataSet.contains(.seriesDate) && !outcome.dataSet.contains(.timezoneOffsetFromUTC))
        #expect(outcome.dataSet.multiplicity(.patientBirthDate) == 0)
        #expect(outcome.dataSet.string(Tag(0x0014, 0x4076)) == "19000101", "what the table does not list")
    }

    @Test func withoutADateOptionNothingOfADateIsLeftAndWithFullDatesAllOfIt() throws {
        let elements = study(1, date: "20240229", time: "235959.5", dateTime: "20240229235959.5+0100")
        let basic = try deidentified(elements, .basic)
        #expect(basic.dataSet.string(.longitudinalTemporalInformationModified) == "REMOVED")
        #expect(!basic.encoded.contains("20240229") && !basic.encoded.contains("235959.5"))
        let full = try deidentified(elements, try profile(.retainFullDates))
        #expect(full.dataSet.string(.longitudinalTemporalInformationModified) == "UNMODIFIED")
        #expect(full.dataSet.string(.studyDate) == "20240229" && full.encoded.contains("20240229235959.5+0100"))
    }
}
