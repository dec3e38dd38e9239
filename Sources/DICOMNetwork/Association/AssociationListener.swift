import DCMTKBridge
import Glibc
import Synchronization

/// Where and how a listener takes connections.
package struct ListenerConfiguration: Sendable {
    /// The IPv4 address to listen at; 0.0.0.0 for all.
    package var host = "0.0.0.0"
    /// The port; 0 lets the system choose one.
    package var port: UInt16 = 11112
    /// The port for TLS; nil for none.
    package var tls: TLSEndpoint?
    /// Limits and times of each association.
    package var options = AssociationOptions()
    /// How many associations at once.
    package var limits = AssociationLimits()
    /// The total time for an A-ASSOCIATE-RQ, from the connection on.
    package var requestTimeout: Duration = .seconds(10)
    /// Connections without an association, at most; the oldest goes when one more comes.
    package var maximumPendingConnections = 256
    /// Bytes of unfinished A-ASSOCIATE-RQs in all, at most; the oldest goes when there are more.
    package var maximumPendingBytes = 16 << 20
    /// The longest A-ASSOCIATE-RQ.
    package var maximumRequestLength = 1 << 20
    /// An association over which nothing comes for so long is aborted.
    package var idleTimeout: Duration = .seconds(300)
    /// Address space for the stack of an association's thread.
    package var threadStackSize = 4 << 20

    /// The defaults.
    package init() {}
}

/// A second port, over which associations come by TLS only.
package struct TLSEndpoint: Sendable {
    /// The port; 0 lets the system choose one.
    package let port: UInt16
    /// Our certificate and whom we trust.
    package let context: TLSContext

    /// An endpoint.
    package init(port: UInt16, context: TLSContext) {
        self.port = port
        self.context = context
    }
}

/// Why a listener cannot listen.
package enum ListenerError: Error, Equatable, CustomStringConvertible {
    /// Somebody listens there already.
    case portInUse(UInt16)
    /// The port may not be had: below 1024 without the right to it.
    case notPermitted(UInt16)
    /// Another reason.
    case failed(SystemError)

    /// In words.
    package var description: String {
        switch self {
        case .portInUse(let port): "port \(port) is in use: another program, or another node, listens there"
        case .notPermitted(let port): "port \(port) is not permitted: ports below 1024 need a privilege"
        case .failed(let error): "cannot listen: \(error)"
        }
    }
}

/// Takes connections, reads their A-ASSOCIATE-RQ and gives each association a thread of its own.
///
/// One thread for each port, "dicom-accept" and "dicom-tls", polls the listening socket and all connections that have no association yet. So a peer that
/// says nothing costs a descriptor, and keeps nobody waiting. What blocks is on the threads "dicom-assoc-…".
/// A listening socket is closed by the thread that polls it, or by the stop of a listener that was never started.
package final class AssociationListener: Sendable {
    private enum Phase {
        case idle
        case running([pthread_t])
        case stopped
    }

    let configuration: ListenerConfiguration
    let policy: any AssociationPolicy
    let providers: [any ServiceProvider]
    let observer: any AssociationObserver
    let active: ActiveAssociations
    /// Hangs up when the listener stops: the write end of a pipe is closed then, and all that poll the other end wake.
    let stopDescriptor: Int32
    private let stopTrigger: Int32
    private let listeningSocket: Int32
    /// -1 without TLS.
    private let tlsListeningSocket: Int32
    private let phase = Mutex(Phase.idle)
    private let sessions = Atomic<UInt64>(0)
    private let identity: String

    /// The port; the real one where the configuration says 0.
    package let port: UInt16
    /// The port for TLS, likewise; nil without TLS.
    package let tlsPort: UInt16?

    /// Listens; connections wait in the kernel until ``start()``.
    ///
    /// - Parameter providers: the services; the first that knows a SOP class serves it.
    package init(
        configuration: ListenerConfiguration, policy: any AssociationPolicy, providers: [any ServiceProvider],
        observer: any AssociationObserver
    ) throws(ListenerError) {
        self.configuration = configuration
        self.policy = policy
        self.providers = providers
        self.observer = observer
        self.active = ActiveAssociations(limits: configuration.limits)
        self.identity = String(UInt32.random(in: .min ... .max), radix: 16)
        self.listeningSocket = try AssociationListener.listening(configuration.host, configuration.port)
        self.port = StreamSocket.port(of: listeningSocket)
        do throws(ListenerError) {
            self.tlsListeningSocket =
                if let tls = configuration.tls { try AssociationListener.listening(configuration.host, tls.port) } else
                {
                    -1
                }
        } catch {
            close(listeningSocket)
            throw error
        }
        self.tlsPort = configuration.tls == nil ? nil : StreamSocket.port(of: tlsListeningSocket)
        do throws(SystemError) {
            (self.stopDescriptor, self.stopTrigger) = try StreamSocket.pipe()
        } catch {
            close(listeningSocket)
            if tlsListeningSocket >= 0 { close(tlsListeningSocket) }
            throw .failed(error)
        }
    }

    private static func listening(_ host: String, _ port: UInt16) throws(ListenerError) -> Int32 {
        do {
            return try StreamSocket.listening(host: host, port: port, backlog: 128)
        } catch {
            switch error.number {
            case EADDRINUSE: throw .portInUse(port)
            case EACCES: throw .notPermitted(port)
            default: throw .failed(error)
            }
        }
    }

    private func closeListeningSockets() {
        close(listeningSocket)
        if tlsListeningSocket >= 0 { close(tlsListeningSocket) }
    }

    deinit {
        close(stopDescriptor)
        phase.withLock { phase in
            if case .idle = phase {
                closeListeningSockets()
                close(stopTrigger)
            }
        }
    }

    /// Starts to take connections. A second call does nothing.
    package func start() throws(ListenerError) {
        do {
            try phase.withLock { phase throws(SystemError) in
                guard case .idle = phase else { return }
                // Running from here on: a stop after a failure below finds what has been started.
                var threads = [
                    try SystemThread.start(name: "dicom-accept", stackSize: 1 << 20) {
                        AcceptLoop(listener: self, listeningSocket: self.listeningSocket, tls: nil).run()
                    }
                ]
                phase = .running(threads)
                guard let tls = configuration.tls else { return }
                threads.append(
                    try SystemThread.start(name: "dicom-tls", stackSize: 1 << 20) {
                        AcceptLoop(listener: self, listeningSocket: self.tlsListeningSocket, tls: tls.context).run()
                    })
                phase = .running(threads)
            }
        } catch {
            throw .failed(error)
        }
    }

    /// Puts other limits in force, for associations that come.
    package func setLimits(_ limits: AssociationLimits) { active.setLimits(limits) }

    /// Stops: takes no connection any more, lets each association finish the message in progress and aborts it then, and
    /// after the deadline breaks off what is left. Returns when no thread of the listener runs; blocks for that long.
    ///
    /// - Returns: how many associations had to be broken off.
    @available(*, noasync, message: "blocks: use stop(drainingFor:) async")
    @discardableResult
    package func stopBlocking(drainingFor deadline: Duration) -> Int {
        let threads: [pthread_t] = phase.withLock { phase in
            defer { phase = .stopped }
            switch phase {
            case .idle:
                closeListeningSockets()
                close(stopTrigger)
                return []
            case .running(let threads):
                close(stopTrigger)
                return threads
            case .stopped:
                return []
            }
        }
        for thread in threads { pthread_join(thread, nil) }
        if waitUntilEmpty(.now + deadline) { return 0 }
        let broken = active.interrupt()
        // What an association's thread still does is the receiver's own work, which is not broken off.
        _ = waitUntilEmpty(nil)
        return broken
    }

    /// ``stopBlocking(drainingFor:)`` on a thread of its own.
    @discardableResult
    package func stop(drainingFor deadline: Duration) async -> Int {
        await withCheckedContinuation { continuation in
            do {
                let thread = try SystemThread.start(name: "dicom-stop", stackSize: 1 << 20) {
                    continuation.resume(returning: self.stopBlocking(drainingFor: deadline))
                }
                pthread_detach(thread)
            } catch {
                continuation.resume(returning: active.interrupt())
            }
        }
    }

    private func waitUntilEmpty(_ deadline: ContinuousClock.Instant?) -> Bool {
        while active.count > 0 {
            if let deadline, ContinuousClock.now >= deadline { return false }
            usleep(5_000)
        }
        return true
    }

    /// Gives an approved connection its thread.
    ///
    /// - Returns: false if there is no thread to be had; the connection is still the caller's then.
    func serve(
        _ connection: PendingConnection, request: AssociateRequestPDU, terms: AssociationTerms,
        place: ActiveAssociations.Place
    ) -> Bool {
        let number = sessions.add(1, ordering: .relaxed).newValue
        let session = AssociationSession(
            connection: connection, request: request, terms: terms,
            context: AssociationContext(
                id: "a-\(identity)-\(number)", sourceName: terms.sourceName, peer: connection.peer,
                security: connection.security),
            providers: providers, configuration: configuration, observer: observer, stopDescriptor: stopDescriptor)
        do {
            let thread = try SystemThread.start(
                name: "dicom-assoc-\(number % 1000)", stackSize: configuration.threadStackSize
            ) { [self] in
                session.run { active.attach($0, to: place) }
                active.leave(place)
            }
            pthread_detach(thread)
            return true
        } catch {
            return false
        }
    }
}
