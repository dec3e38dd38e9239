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

    @Test("Only a well-formed offset is one")
    func offsets() {
        #expect(AnalysisTime.minutes(ofOffset: "+0130") == 90)
        #expect(AnalysisTime.minutes(ofOffset: "-1200") == -720)
        for bad in ["", "0130", "+130", "+2400", "+0160", "+01:3", "é0130"] {
            #expect(AnalysisTime.minutes(ofOffset: bad) == nil)
        }
    }
}
