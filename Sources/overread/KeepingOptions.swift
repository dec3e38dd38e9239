import ArgumentParser
import OverreadNode

/// What the node keeps, for how long and how much of it: a flag for each of ``KeepingSettings``.
struct KeepingOptions: ParsableArguments {
    @Option(help: Self.help(.log, "Folder of the queue log", "the data folder", "folder")) var log: String?
    @Option(help: Self.help(.logSize, "Begin a new log file at this size", "64MiB", "size")) var logSize: String?
    @Option(help: Self.help(.logAge, "Begin a new log file after this time", "30d", "time")) var logAge: String?
    @Option(help: Self.help(.logFiles, "Keep so many old log files", "10", "count")) var logFiles: String?
    @Option(help: Self.help(.syslog, "Send alerts to syslog", "on", "on|off")) var syslog: String?
    @Option(help: Self.help(.pixelRetention, "Keep files of delivered studies so long", "30d", "time"))
    var pixelRetention: String?
    @Option(help: Self.help(.pixelLimit, "Keep files of this size, of all studies", "off", "size"))
    var pixelLimit: String?
    @Option(help: Self.help(.identityLimit, "Keep the identity of so many delivered studies", "off", "count"))
    var identityLimit: String?
    @Option(help: Self.help(.eventRetention, "Keep events so long", "400d", "time")) var eventRetention: String?
    @Option(help: Self.help(.eventLimit, "Keep so many events", "5000000", "count")) var eventLimit: String?
    @Option(help: Self.help(.journalRetention, "Keep lines of the receipt journal so long", "400d", "time"))
    var journalRetention: String?
    @Option(help: Self.help(.journalLimit, "Keep so many lines of the receipt journal", "5000000", "count"))
    var journalLimit: String?
    @Option(help: Self.help(.memoryRetention, "Know an instance that comes again so long", "1100d", "time"))
    var memoryRetention: String?
    @Option(help: Self.help(.memoryLimit, "Know so many instances that come again", "10000000", "count"))
    var memoryLimit: String?
    @Option(help: Self.help(.balancePeriod, "Check some of the books so often", "1m", "time"))
    var balancePeriod: String?

    var values: [KeepingSettings.Key: String] {
        let given: [KeepingSettings.Key: String?] = [
            .log: log, .logSize: logSize, .logAge: logAge, .logFiles: logFiles, .syslog: syslog,
            .pixelRetention: pixelRetention, .pixelLimit: pixelLimit, .identityLimit: identityLimit,
            .eventRetention: eventRetention, .eventLimit: eventLimit, .journalRetention: journalRetention,
            .journalLimit: journalLimit, .memoryRetention: memoryRetention, .memoryLimit: memoryLimit,
            .balancePeriod: balancePeriod,
        ]
        return given.compactMapValues { $0 }
    }

    private static func help(
        _ key: KeepingSettings.Key, _ sentence: String, _ standard: String, _ value: String
    ) -> ArgumentHelp {
        let variable = "OVERREAD_" + key.rawValue.uppercased().replacing("-", with: "_")
        return ArgumentHelp("\(sentence) (\(standard), or \(variable)).", valueName: value)
    }
}
