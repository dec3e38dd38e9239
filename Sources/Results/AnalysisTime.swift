/// A moment and the clock it is shown on. No function of this module reads a clock.
package struct AnalysisTime: Hashable, Sendable {
    /// Whole seconds since 1970-01-01T00:00:00Z.
    package var secondsSince1970: Int64
    /// The local clock's minutes ahead of UTC.
    package var utcOffsetMinutes: Int

    /// Takes both.
    package init(secondsSince1970: Int64, utcOffsetMinutes: Int = 0) {
        self.secondsSince1970 = secondsSince1970
        self.utcOffsetMinutes = utcOffsetMinutes
    }

    /// The same moment on another clock; used where the source has (0008,0201), which holds for all dates of an object.
    func on(utcOffsetMinutes: Int) -> AnalysisTime {
        AnalysisTime(secondsSince1970: secondsSince1970, utcOffsetMinutes: utcOffsetMinutes)
    }

    /// DA, eight digits.
    var date: String { AnalysisTime.digits(year, 4) + AnalysisTime.digits(month, 2) + AnalysisTime.digits(day, 2) }
    /// TM, six digits.
    var time: String {
        let second = Int(local - days * 86400)
        return AnalysisTime.digits(second / 3600, 2) + AnalysisTime.digits(second / 60 % 60, 2)
            + AnalysisTime.digits(second % 60, 2)
    }
    /// "2026-11-20 19:18", as a reader sees it.
    var readable: String {
        let (d, t) = (Array(date), Array(time))
        return "\(String(d[0..<4]))-\(String(d[4..<6]))-\(String(d[6..<8])) \(String(t[0..<2])):\(String(t[2..<4]))"
    }

    /// Minutes of an offset "+HHMM" or "-HHMM" (PS3.3 C.12.1.1.8); nil for anything else.
    static func minutes(ofOffset text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 5, bytes[0] == 0x2B || bytes[0] == 0x2D,
            let hours = Int(String(decoding: bytes[1...2], as: UTF8.self)),
            let minutes = Int(String(decoding: bytes[3...4], as: UTF8.self)), hours <= 14, minutes < 60
        else { return nil }
        return (bytes[0] == 0x2D ? -1 : 1) * (hours * 60 + minutes)
    }

    private var local: Int64 { secondsSince1970 + Int64(utcOffsetMinutes) * 60 }
    private var days: Int64 { local >= 0 ? local / 86400 : (local - 86399) / 86400 }

    // Civil date from a day number, proleptic Gregorian: counting from 0000-03-01 puts the leap day last in its year.
    private var civil: (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        let year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
        return (year, month, Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1))
    }
    private var year: Int { civil.year }
    private var month: Int { civil.month }
    private var day: Int { civil.day }

    private static func digits(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
