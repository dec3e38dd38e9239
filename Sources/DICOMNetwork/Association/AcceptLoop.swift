import DCMTKBridge
import Glibc

/// The work of the threads "dicom-accept" and "dicom-tls", one for each port: handshakes, which take the processor, keep nobody
/// on the other port waiting. Each thread makes its own.
final class AcceptLoop {
    private let listener: AssociationListener
    private let listeningSocket: Int32
    /// Set on the TLS port.
    private let tls: TLSContext?
    /// In the order in which they came.
    private var pending: [PendingConnection] = []
    /// Until then no connection is taken: the system had no descriptor left.
    private var pauseEnd: ContinuousClock.Instant?

    init(listener: AssociationListener, listeningSocket: Int32, tls: TLSContext?) {
        self.listener = listener
        self.listeningSocket = listeningSocket
        self.tls = tls
    }

    private var configuration: ListenerConfiguration { listener.configuration }

    /// Until the listener stops.
    func run() {
        defer {
            close(listeningSocket)
            for connection in pending { connection.closeConnection() }
        }
        while true {
            var descriptors = [
                pollfd(fd: listener.stopDescriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: pauseEnd == nil ? listeningSocket : -1, events: Int16(POLLIN), revents: 0),
            ]
            descriptors += pending.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
            let ready = poll(&descriptors, nfds_t(descriptors.count), timeout())
            if ready < 0, errno != EINTR { usleep(100_000) }  // out of memory: nothing else can make it fail
            if descriptors[0].revents != 0 { return }
            let now = ContinuousClock.now
            if let end = pauseEnd, now >= end { pauseEnd = nil }
            readPending(ready > 0 ? descriptors.dropFirst(2).map { $0.revents != 0 } : [])
            dropLate(now)
            if ready > 0, descriptors[1].revents != 0 { acceptSome() }
        }
    }

    /// Milliseconds until the next deadline.
    private func timeout() -> Int32 {
        let times = pending.map(\.deadline) + [pauseEnd].compactMap { $0 }
        guard let next = times.min() else { return -1 }
        let left = ContinuousClock.now.duration(to: next)
        let (seconds, attoseconds) = left.components
        return Int32(clamping: max(0, seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1))
    }

    /// Not all that wait: those that are taken already must be read as well, however fast others come.
    private func acceptSome() {
        for _ in 0..<AcceptLoop.connectionsPerRound {
            do {
                guard let (descriptor, peer) = try StreamSocket.accept(listeningSocket) else { return }
                pending.append(
                    PendingConnection(
                        descriptor: descriptor, peer: peer, stage: tls == nil ? .request : .hello,
                        deadline: .now + configuration.requestTimeout,
                        accumulator: AssociateRequestAccumulator(maximumLength: configuration.maximumRequestLength)))
                if pending.count > configuration.maximumPendingConnections { evict { _ in 1 } }
            } catch {
                // No descriptor or no memory. One that waits gives its own back; without one, associations hold them all,
                // and the kernel keeps the connection for us.
                if pending.isEmpty {
                    pauseEnd = .now + .milliseconds(100)
                    return
                }
                evict { _ in 1 }
            }
        }
    }

    private static let connectionsPerRound = 32

    private func readPending(_ isReady: [Bool]) {
        // From the end, so that what goes leaves the places before it as they are.
        for index in isReady.indices.reversed() where isReady[index] {
            switch pending[index].stage {
            case .hello: greet(index)
            case .handshake: shakeHands(index)
            case .request: read(index)
            case .closing: if pending[index].discard() { remove(index) }
            }
        }
        while pending.reduce(0, { $0 + $1.accumulator.bytes.count }) > configuration.maximumPendingBytes {
            evict { $0.accumulator.bytes.count }
        }
    }

    /// On the TLS port: a TLS record of a handshake begins with 22. A DICOM peer is answered in its own language.
    private func greet(_ index: Int) {
        switch StreamSocket.peek(pending[index].descriptor) {
        case .byte(AcceptLoop.handshakeRecord): shakeHands(index)
        case .byte(UpperLayerPDU.associateRequestType): abort(index, .unrecognizedPDU, .plainOnTLSPort)
        case .byte: abort(index, .unrecognizedPDU, .noClientHello)
        case .wouldBlock: break
        case .ended: drop(index, .closedByPeer)
        }
    }

    private static let handshakeRecord: UInt8 = 22

    private func shakeHands(_ index: Int) {
        guard let tls, let session = pending[index].tls ?? (try? TLSSession(tls, socket: pending[index].descriptor))
        else { return drop(index, .failed) }
        pending[index].tls = session
        pending[index].stage = .handshake
        do {
            switch try session.handshake() {
            case .needsRead: pending[index].events = Int16(POLLIN)
            case .needsWrite: pending[index].events = Int16(POLLOUT)
            case .ended: drop(index, .closedByPeer)
            case .done:
                guard let facts = try? session.facts() else { return drop(index, .failed) }
                pending[index].security = TransportSecurity(facts)
                pending[index].events = Int16(POLLIN)
                pending[index].stage = .request
                read(index)  // the request may have come with the end of the handshake
            }
        } catch {
            listener.observer.observe(.handshakeFailed(pending[index].peer, error))
            say(index, [])  // OpenSSL has sent its alert
        }
    }

    private func read(_ index: Int) {
        var progress = pending[index].readRequest()
        // What TLS has deciphered already, poll(2) does not see.
        while progress == .incomplete, pending[index].tls?.hasBuffered ?? false {
            progress = pending[index].readRequest()
        }
        switch progress {
        case nil: drop(index, .closedByPeer)
        case .incomplete: break
        case .notARequest where pending[index].accumulator.bytes.first == AcceptLoop.handshakeRecord:
            abort(index, .unrecognizedPDU, .tlsOnPlainPort)
        case .notARequest: abort(index, .unrecognizedPDU, .notARequest)
        case .tooLong: abort(index, .invalidParameterValue, .malformed)
        case .complete: decide(index)
        }
    }

    /// A whole A-ASSOCIATE-RQ is there.
    private func decide(_ index: Int) {
        let connection = pending[index]
        guard let request = try? AssociateRequestPDU(parsing: connection.accumulator.bytes) else {
            abort(index, .invalidParameterValue, .malformed)
            return
        }
        if request.protocolVersion & 1 == 0 { return reject(index, .protocolVersionNotSupported) }
        if request.applicationContextName != AssociateRequestPDU.dicomApplicationContextName {
            return reject(index, .applicationContextNameNotSupported)
        }
        let question = AssociationRequest(
            callingAETitle: request.callingAETitle, calledAETitle: request.calledAETitle, peer: connection.peer,
            security: connection.security)
        switch listener.policy.decide(question) {
        case .reject(let rejection, let cause): reject(index, rejection, cause)
        case .accept(let terms): serve(index, request, terms)
        }
    }

    private func serve(_ index: Int, _ request: AssociateRequestPDU, _ terms: AssociationTerms) {
        let connection = pending[index]
        let place: ActiveAssociations.Place
        do {
            place = try listener.active.enter(peer: connection.peer, terms: terms)
        } catch {
            return reject(index, .localLimitExceeded, error)
        }
        let isServed = listener.serve(
            connection, request: request, terms: terms, place: place)
        guard isServed else {
            listener.active.leave(place)
            return reject(index, .temporaryCongestion)
        }
        pending.remove(at: index)
    }

    private func reject(_ index: Int, _ rejection: AssociationRejection, _ cause: RejectionCause? = nil) {
        listener.observer.observe(.rejected(pending[index].peer, rejection, cause))
        say(index, UpperLayerPDU.associateReject(rejection))
    }

    private func abort(_ index: Int, _ reason: UpperLayerPDU.AbortReason, _ drop: ConnectionDropReason) {
        listener.observer.observe(.dropped(pending[index].peer, drop))
        say(index, UpperLayerPDU.abort(reason))
    }

    /// Sends our last word and waits for the peer to close. What it has not read yet, a close of ours would destroy.
    private func say(_ index: Int, _ bytes: [UInt8]) {
        pending[index].say(bytes, closingUntil: .now + configuration.options.artimTimeout)
    }

    private func dropLate(_ now: ContinuousClock.Instant) {
        for index in pending.indices.reversed() where pending[index].deadline <= now {
            drop(index, pending[index].stage == .handshake ? .slowHandshake : .slow)
        }
    }

    private func evict(weighing weight: (PendingConnection) -> Int) {
        if let index = pending.evicted(weighing: weight) { drop(index, .evicted) }
    }

    private func drop(_ index: Int, _ reason: ConnectionDropReason) {
        let connection = pending[index]
        if connection.stage != .closing { listener.observer.observe(.dropped(connection.peer, reason)) }
        remove(index)
    }

    private func remove(_ index: Int) {
        pending[index].closeConnection()
        pending.remove(at: index)
    }
}
