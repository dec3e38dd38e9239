import Glibc

/// What the process gives up before it sees a patient's name.
package enum ProcessHardening {
    /// Core dumps off: memory holds identity that the disk must not (DESIGN.md, promise 2). New files are for the
    /// owner only. A peer that closes early must not end the process (SIGPIPE).
    package static func apply() {
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
        umask(0o077)
        signal(SIGPIPE, SIG_IGN)
    }
}
