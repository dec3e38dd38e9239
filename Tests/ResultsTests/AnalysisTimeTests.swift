import Foundation
import Testing

@testable import Results

@Suite("Time of analysis")
struct AnalysisTimeTests {
    @Test("Dates agree with Foundation's Gregorian calendar, leap days and years before 1970 included")
    func dates() {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.dateFormat = "yyyyMMdd HHmmss"
        for offset in [0, 60, -570] {
            formatter.timeZone = TimeZone(secondsFromGMT: offset * 60)
            for seconds in stride(from: Int64(-2_000_000_000), to: 8_000_000_000, by: 86_398_765) {
                let time = AnalysisTime(secondsSince1970: seconds, utcOffsetMinutes: offset)
                #expect(
                    "\(time.date) \(time.time)" == formatter.string(from: Date(timeIntervalSince1970: Double(seconds))))
            }
        }
    }

    @Test("Every day from 1895 to 2105 is the day after the one before")
    func everyDay() {
        var expected = (year: 1895, month: 1, day: 1)
        let first: Int64 = -27_393
        for day in first..<first + 76_701 {
            let time = AnalysisTime(secondsSince1970: day * 86_400)
            let digits = String(expected.year * 10_000 + expected.month * 100 + expected.day)
            guard time.date == digits else {
                Issue.record("\(time.date) is not \(digits)")
                return
            }
            let isLeap = expected.year % 4 == 0 && (expected.year % 100 != 0 || expected.year % 400 == 0)
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            expected.day += 1
            if expected.day > lengths[expected.month - 1] { expected = (expected.year, expected.month + 1, 1) }
            if expected.month > 12 { expected = (expected.year + 1, 1, 1) }
        }
        #expect(expected.year == 2105)
    }

    @Test("Only a well-formed offset is one")
    func offsets() {
        #expect(AnalysisTime.minutes(ofOffset: "+0130") == 90)
        #expect(AnalysisTime.minutes(ofOffset: "-1200") == -720)
        for bad in ["", "0130", "+130", "+2400", "+0160", "+01:3", "é0130"] {
            #expect(AnalysisTime.minutes(ofOffset: bad) == nil)
        }
    }
}
