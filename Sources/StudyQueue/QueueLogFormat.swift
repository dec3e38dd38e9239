import Foundation

/// The two forms of a queue log line. Pure: the log writer and `overread queue tail` print the same.
package enum QueueLogFormat: String, CaseIterable, Sendable {
    /// `time=… seq=… event=… study=… source=… key=value …`: for eyes and grep.
    case human
    /// One JSON object a line, with the same keys.
    case json

    /// The line of an event, without its newline.
    package func line(_ event: QueueEvent) -> String {
        let fields = QueueLogFormat.allFields(event)
        switch self {
        case .json: return QueueLogFormat.object(fields)
        case .human: return fields.map { "\($0.key)=\(QueueLogFormat.word($0.value))" }.joined(separator: " ")
        }
    }

    /// The sequence number of a complete line of this form; nil when it is none.
    package func sequence(ofLine line: some StringProtocol) -> Int64? {
        switch self {
        case .human:
            let words = line.split(separator: " ", maxSplits: 2)
            guard words.count >= 2, words[0].hasPrefix("time="), words[1].hasPrefix("seq=") else { return nil }
            return Int64(words[1].dropFirst(4))
        case .json:
            return (try? JSONDecoder().decode(NumberedLine.self, from: Data(line.utf8)))?.seq
        }
    }

    /// The time that a line begins with; nil when it does not.
    func time(ofLineStart line: String) -> Date? {
        let head = self == .human ? "time=" : "{\"time\":\""
        guard line.hasPrefix(head) else { return nil }
        let text = line.dropFirst(head.count).prefix { $0 != " " && $0 != "\"" }
        return try? Date.ISO8601FormatStyle(includingFractionalSeconds: true, timeZone: .gmt).parse(String(text))
    }

    /// Time, number, kind, study, source, then the event's own fields.
    private static func allFields(_ event: QueueEvent) -> [QueueEvent.Field] {
        var fields = [
            QueueEvent.Field(key: "time", value: .text(time(event.time))),
            QueueEvent.Field(key: "seq", value: .number(event.sequence)),
            QueueEvent.Field(key: "event", value: .text(event.kind.rawValue)),
        ]
        if let study = event.study { fields.append(QueueEvent.Field(key: "study", value: .text(study))) }
        if let source = event.source { fields.append(QueueEvent.Field(key: "source", value: .text(source))) }
        return fields + event.fields
    }

    /// ISO 8601 in UTC with milliseconds.
    static func time(_ time: Date) -> String {
        time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true, timeZone: .gmt))
    }

    /// A value as it is when it has no space, quote or control character, and else as a JSON string.
    private static func word(_ value: QueueEvent.Value) -> String {
        switch value {
        case .number(let number): return String(number)
        case .text(let text):
            let plain = text.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }
            return plain && !text.isEmpty ? text : string(text)
        }
    }

    /// A JSON object on one line, keys in the given order.
    static func object(_ fields: [QueueEvent.Field]) -> String {
        let members = fields.map { field -> String in
            switch field.value {
            case .number(let number): "\(string(field.key)):\(number)"
            case .text(let text): "\(string(field.key)):\(string(text))"
            }
        }
        return "{\(members.joined(separator: ","))}"
    }

    /// A JSON string (RFC 8259, 7) whose characters are all printable ASCII or escaped, so that no value can break a
    /// line or drive a terminal.
    private static func string(_ text: String) -> String {
        var result = "\""
        for unit in text.utf16 {
            switch unit {
            case 0x22: result += "\\\""
            case 0x5C: result += "\\\\"
            case 0x20...0x7E: result.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
            default:
                let digits = String(unit, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return result + "\""
    }
}

/// What a JSON line is asked for.
private struct NumberedLine: Decodable { let seq: Int64 }
