import Foundation

/// What pushes files: each as it comes, nothing tuned.
enum Sender: String, CaseIterable {
    case storescu = "storescu -xe"
    case dcmsend = "dcmsend"
    case pynetdicom = "pynetdicom's storescu"

    func command(_ receiver: Receiver, _ files: URL, host: String, _ options: Options) -> [String] {
        let (port, called) = ("\(receiver.port)", receiver.calledAETitle)
        return switch self {
        case .storescu: ["storescu", "-xe", "-aet", "BENCH", "-aec", called, "+sd", "+r", host, port, files.path]
        case .dcmsend: ["dcmsend", "-aet", "BENCH", "-aec", called, "+sd", "+r", host, port, files.path]
        case .pynetdicom:
            [
                options.python, "-m", "pynetdicom", "storescu", host, port, files.path, "-r", "-q", "-aet", "BENCH",
                "-aec", called,
            ]
        }
    }
}

/// Where sender and receiver stand.
struct Link {
    /// Commands to run either under.
    var sending: [String] = []
    var receiving: [String] = []
    /// The receiver's address.
    var host = "127.0.0.1"

    static let loopback = Link()
}
