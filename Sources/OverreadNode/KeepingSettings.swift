import Configuration
import DICOMNetwork
import Foundation

/// What is kept, for how long and how much of it: times, sizes and counts, as given. Each is read when it is asked for, so
/// that a wrong one is an error in a sentence: a setting that deletes is not guessed.
package struct KeepingSettings: Sendable {
    /// One of them. The raw value is the flag's name; upper case after `OVERREAD_` it is the environment variable.
    package enum Key: String, CaseIterable, Sendable {
        /// Folder of the queue log; empty: the data folder.
        case log
        /// Bytes of a log file before the next is begun.
        case logSize = "log-size"
        /// Time of a log file before the next is begun.
        case logAge = "log-age"
        /// Old log files that stay, of each form.
        case logFiles = "log-files"
        /// Alerts to syslog: on, off.
        case syslog
        /// Time for which files of delivered studies are kept.
        case pixelRetention = "pixel-retention"
        /// Bytes of files that are kept; delivered studies only are taken.
        case pixelLimit = "pixel-limit"
        /// Delivered studies whose identity is kept.
        case identityLimit = "identity-limit"
        /// Time for which events are kept.
        case eventRetention = "event-retention"
        /// Events that are kept.
        case eventLimit = "event-limit"
        /// Time for which lines of the receipt journal are kept.
        case journalRetention = "journal-retention"
        /// Lines of the receipt journal that are kept.
        case journalLimit = "journal-limit"
        /// Time for which instances are known when they come again.
        case memoryRetention = "memory-retention"
        /// Instances that are known when they come again.
        case memoryLimit = "memory-limit"
        /// Time between two increments of the balance.
        case balancePeriod = "balance-period"

        fileprivate var standard: String {
            switch self {
            case .log: ""
            case .logSize: "64MiB"
            case .logAge: "30d"
            case .logFiles: "10"
            case .syslog: "on"
            case .pixelRetention: "30d"
            case .pixelLimit, .identityLimit: "off"
            case .eventRetention, .journalRetention: "400d"
            case .eventLimit, .journalLimit: "5000000"
            case .memoryRetention: "1100d"
            case .memoryLimit: "10000000"
            case .balancePeriod: "1m"
            }
        }
    }

    private let values: [Key: String]

    init(_ reader: ConfigReader) {
        values = Dictionary(
            uniqueKeysWithValues: Key.allCases.map { key in
                (key, reader.string(forKey: ConfigKey(key.rawValue), default: key.standard))
            })
    }

    /// The text.
    package func text(_ key: Key) -> String { values[key] ?? key.standard }

    /// A time; nil for `off`.
    ///
    /// - Throws: ``NodeError/badSetting(_:)``.
    package func time(_ key: Key) throws -> Duration? {
        if text(key) == "off" { return nil }
        guard let time = AETitleValue.duration(text(key)), time >= .seconds(1) else {
            throw NodeError.badSetting(
                "\(key.rawValue) is not a time: write a number and a unit (90d, 12h; at least 1s), or off")
        }
        return time
    }

    /// Bytes; nil for `off`.
    ///
    /// - Throws: ``NodeError/badSetting(_:)``.
    package func size(_ key: Key) throws -> Int? {
        if text(key) == "off" { return nil }
        guard let size = AETitleValue.size(text(key)), size >= 1 << 20 else {
            throw NodeError.badSetting(
                "\(key.rawValue) is not a size: write a number and a unit (64MiB, 500GB; at least 1MiB), or off")
        }
        return Int(size)
    }

    /// How many; nil for `off`.
    ///
    /// - Throws: ``NodeError/badSetting(_:)``.
    package func count(_ key: Key) throws -> Int? {
        if text(key) == "off" { return nil }
        guard let count = Int(text(key)), count > 0 else {
            throw NodeError.badSetting("\(key.rawValue) is not a number: write one from 1, or off")
        }
        return count
    }

    /// `on` or `off`.
    ///
    /// - Throws: ``NodeError/badSetting(_:)``.
    package func isOn(_ key: Key) throws -> Bool {
        switch text(key) {
        case "on": return true
        case "off": return false
        default: throw NodeError.badSetting("\(key.rawValue) is on or off")
        }
    }
}
