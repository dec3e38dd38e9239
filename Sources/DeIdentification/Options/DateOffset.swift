import Crypto
import Foundation

/// By how much the dates of one patient are shifted: whole weeks backwards, so that days of the week stay and every time of
/// day does, the same in all of the patient's studies.
///
/// It is made from the patient's random pseudonym under a key of its own, which is derived from the receiver's: nobody
/// without the keys can compute or test it, and nothing has to be stored to find it again.
struct DateOffset: Sendable {
    /// One year to ten: never zero.
    static let weeks = 52...520

    /// Days to add; negative.
    let days: Int

    init(days: Int) { self.days = days }

    init(of pseudonym: Pseudonym, key: SymmetricKey) {
        let digest = HMAC<SHA256>.authenticationCode(for: Data(pseudonym.value.utf8), using: key)
        let number = digest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        days = -7 * (Self.weeks.lowerBound + Int(number % UInt64(Self.weeks.count)))
    }

    /// The key for all patients of an installation.
    static func key(from keys: ReceiverKeys) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: keys.uid, info: Data("overread date offset 1".utf8), outputByteCount: 32)
    }

    // MARK: Values

    /// DA, shifted; nil for what is no day of the calendar. The old form with periods (PS3.5 6.2) becomes the present one.
    func shifted(date value: some Collection<UInt8>) -> [UInt8]? {
        guard let day = TemporalValue.date(value) else { return nil }
        return CalendarDay(number: day.number + days)?.digits
    }

    /// DT, shifted, with the precision, fraction and zone that it had.
    func shifted(dateTime value: some Collection<UInt8>) -> [UInt8]? {
        guard let (day, rest) = TemporalValue.dateTime(value) else { return nil }
        guard let shifted = CalendarDay(number: day.number + days) else { return nil }
        let bytes = Array(value)
        return Array(shifted.digits.prefix(bytes.count - rest.count)) + rest
    }
}

/// A day of the Gregorian calendar.
struct CalendarDay: Equatable, Sendable {
    let year: Int
    let month: Int
    let day: Int

    /// Nil for an impossible one.
    init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), day >= 1,
            day <= Self.length(ofMonth: month, year: year)
        else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    private static func length(ofMonth month: Int, year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }

    /// Days since 1 March of the year 0, whose year ends with the leap day.
    var number: Int {
        let (y, m) = month > 2 ? (year, month - 3) : (year - 1, month + 9)
        return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1
    }

    /// The day with this ``number``; nil outside the years 1 to 9999.
    init?(number: Int) {
        guard number >= 306 else { return nil }
        let era = number / 146_097
        let ofEra = number % 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let m = (5 * ofYear + 2) / 153
        let month = m < 10 ? m + 3 : m - 9
        self.init(
            year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month: month, day: ofYear - (153 * m + 2) / 5 + 1)
    }

    /// YYYYMMDD.
    var digits: [UInt8] {
        let text = String(year * 10_000 + month * 100 + day)
        return Array((String(repeating: "0", count: 8 - text.count) + text).utf8)
    }
}

/// DA, TM and DT as PS3.5 6.2 writes them. What is none of these is no date, whatever it may be.
enum TemporalValue {
    static func date(_ value: some Collection<UInt8>) -> CalendarDay? {
        var digits = Array(value)
        if digits.count == 10, digits[4] == 0x2E, digits[7] == 0x2E {
            digits.remove(at: 7)
            digits.remove(at: 4)
        }
        guard digits.count == 8, let year = number(digits[0..<4]), let month = number(digits[4..<6]),
            let day = number(digits[6..<8])
        else { return nil }
        return CalendarDay(year: year, month: month, day: day)
    }

    static func isTime(_ value: some Collection<UInt8>) -> Bool {
        var rest = Array(value)[...]
        guard field(&rest, 0...23) else { return false }
        // The old form has colons (PS3.5 6.2).
        var isFull = true
        for range in [0...59, 0...60] {
            if rest.first == 0x3A { rest.removeFirst() } else if rest.isEmpty { return true }
            isFull = field(&rest, range) && isFull
        }
        return isFull && isFraction(rest)
    }

    /// The day (of a year or month the first), and what comes after year, month and day: time and zone.
    static func dateTime(_ value: some Collection<UInt8>) -> (day: CalendarDay, rest: ArraySlice<UInt8>)? {
        let bytes = Array(value)
        let sign = bytes.lastIndex { $0 == 0x2B || $0 == 0x2D }
        let (local, zone) = (bytes[..<(sign ?? bytes.endIndex)], bytes[(sign ?? bytes.endIndex)...])
        guard zone.isEmpty || isZone(zone) else { return nil }
        let dayDigits = local.prefix(8)
        guard [4, 6, 8].contains(dayDigits.count), let year = number(dayDigits.prefix(4)) else { return nil }
        let month = dayDigits.count > 4 ? number(dayDigits.dropFirst(4).prefix(2)) : 1
        let day = dayDigits.count > 6 ? number(dayDigits.suffix(2)) : 1
        guard let month, let day, let first = CalendarDay(year: year, month: month, day: day) else { return nil }
        let time = local.dropFirst(8)
        guard time.isEmpty || !time.contains(0x3A) && isTime(time) else { return nil }
        return (first, bytes[dayDigits.endIndex...])
    }

    /// &ZZXX of DT and (0008,0201).
    static func isZone(_ value: some Collection<UInt8>) -> Bool {
        guard value.count == 5, let sign = value.first, sign == 0x2B || sign == 0x2D else { return false }
        var rest = Array(value.dropFirst())[...]
        return field(&rest, 0...14) && field(&rest, 0...59)
    }

    /// nnnD, nnnW, nnnM or nnnY.
    static func isAge(_ value: some Collection<UInt8>) -> Bool {
        value.count == 4 && number(Array(value.prefix(3))[...]) != nil
            && Array("DWMY".utf8).contains(Array(value)[3])
    }

    private static func isFraction(_ rest: ArraySlice<UInt8>) -> Bool {
        guard let first = rest.first else { return true }
        return first == 0x2E && (2...7).contains(rest.count) && number(rest.dropFirst()) != nil
    }

    /// Takes two digits off.
    private static func field(_ rest: inout ArraySlice<UInt8>, _ range: ClosedRange<Int>) -> Bool {
        guard rest.count >= 2, let value = number(rest.prefix(2)), range.contains(value) else { return false }
        rest.removeFirst(2)
        return true
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        var number = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            number = number * 10 + Int(digit - 0x30)
        }
        return number
    }
}
