import DCMTKBridge
import DICOMCore
import Glibc
import NodeTestSupport
import Synchronization

@testable import DICOMNetwork

/// Runs what blocks on a thread of its own, and waits for it without blocking the pool that the tests run on.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        do {
            let thread = try SystemThread.start(name: "test", stackSize: 1 << 20) {
                continuation.resume(with: Result { try body() })
            }
            pthread_detach(thread)
        } catch {
            continuation.resume(throwing: error)
        }
    }
}

/// An instance as the receiver of the tests saw it.
struct ReceivedInstance: Sendable {
    enum End: Sendable, Equatable { case pending, finished, abandoned }

    let request: CStoreRequest
    let context: AssociationContext
    var bytes: [UInt8] = []
    var fragments = 0
    var end = End.pending
}

/// Keeps what it is sent in memory, and does what a test wants to see done.
final class MemoryReceiver: InstanceReceiver {
    /// Called with the number of fragments so far, before each is kept.
    typealias FragmentHook = @Sendable (Int) throws -> Void

    private let instances = Mutex<[ReceivedInstance]>([])
    private let outcome: CStoreOutcome
    private let refusal: CStoreOutcome?
    private let keepsBytes: Bool
    private let hook: FragmentHook
    private let finishing: @Sendable () -> Void

    init(
        outcome: CStoreOutcome = .success, refusal: CStoreOutcome? = nil, keepsBytes: Bool = true,
        finishing: @escaping @Sendable () -> Void = {}, hook: @escaping FragmentHook = { _ in }
    ) {
        self.outcome = outcome
        self.refusal = refusal
        self.keepsBytes = keepsBytes
        self.finishing = finishing
        self.hook = hook
    }

    var received: [ReceivedInstance] { instances.withLock { $0 } }
    var finished: [ReceivedInstance] { received.filter { $0.end == .finished } }

    func begin(_ request: CStoreRequest, from context: AssociationContext) -> InstanceDisposition {
        if let refusal { return .refuse(refusal) }
        let index = instances.withLock { instances in
            instances.append(ReceivedInstance(request: request, context: context))
            return instances.count - 1
        }
        return .receive(Reception(receiver: self, index: index))
    }

    private final class Reception: InstanceReception {
        private let receiver: MemoryReceiver
        private let index: Int
        private var fragments = 0

        init(receiver: MemoryReceiver, index: Int) {
            self.receiver = receiver
            self.index = index
        }

        func receive(_ fragment: UnsafeRawBufferPointer) throws {
            fragments += 1
            try receiver.hook(fragments)
            receiver.instances.withLock { instances in
                instances[index].fragments += 1
                if receiver.keepsBytes { instances[index].bytes += fragment }
            }
        }

        func finish() -> CStoreOutcome {
            receiver.finishing()
            end(.finished)
            return receiver.outcome
        }

        func abandon() { end(.abandoned) }

        private func end(_ end: ReceivedInstance.End) {
            receiver.instances.withLock { instances in
                // A second end would hide the first one: it is made visible as what it is not.
                instances[index].end = instances[index].end == .pending ? end : .pending
            }
        }
    }
}

/// Keeps all events.
final class EventLog: AssociationObserver {
    private let log = Mutex<[AssociationEvent]>([])
    var events: [AssociationEvent] { log.withLock { $0 } }
    func observe(_ event: AssociationEvent) { log.withLock { $0.append(event) } }

    var outcomes: [AssociationOutcome] {
        events.compactMap { if case .closed(_, let outcome, _) = $0 { outcome } else { nil } }
    }
    var drops: [ConnectionDropReason] {
        events.compactMap { if case .dropped(_, let reason) = $0 { reason } else { nil } }
    }
    var rejections: [AssociationRejection] {
        events.compactMap { if case .rejected(_, let rejection, _) = $0 { rejection } else { nil } }
    }
    var securities: [TransportSecurity] {
        events.compactMap { if case .opened(let context, _, _) = $0 { context.security } else { nil } }
    }
    var handshakeFailures: [String] {
        events.compactMap { if case .handshakeFailed(_, let error) = $0 { error.description } else { nil } }
    }
    var counts: [AssociationCounts] {
        events.compactMap { if case .closed(_, _, let counts) = $0 { counts } else { nil } }
    }
    var statuses: [DIMSEStatus] {
        events.compactMap { if case .answered(_, _, let status) = $0 { status } else { nil } }
    }
}

/// A policy from a closure.
struct ClosurePolicy: AssociationPolicy {
    let decision: @Sendable (AssociationRequest) -> AssociationDecision
    func decide(_ request: AssociationRequest) -> AssociationDecision { decision(request) }
    static let everybody = ClosurePolicy { _ in .accept(AssociationTerms(sourceName: "ANYBODY")) }
}

/// A listener on the loopback interface, stopped when the value goes.
final class TestNode: Sendable {
    let listener: AssociationListener
    let log = EventLog()
    var port: UInt16 { listener.port }

    init(
        receiver: MemoryReceiver = MemoryReceiver(), policy: ClosurePolicy = .everybody,
        services: [any ServiceProvider] = [], configure: (inout ListenerConfiguration) -> Void = { _ in }
    ) throws {
        try DCMTKRuntime.initialize()
        var configuration = ListenerConfiguration()
        configuration.host = "127.0.0.1"
        configuration.port = 0
        configuration.options.artimTimeout = .milliseconds(200)
        configure(&configuration)
        listener = try AssociationListener(
            configuration: configuration, policy: policy,
            providers: [VerificationSCP(), StorageSCP(receiver: receiver)] + services, observer: log)
        try listener.start()
    }

    deinit { listener.stopBlocking(drainingFor: .zero) }

    /// Runs a program of DCMTK's with the peer's address behind its options.
    func peer(_ name: String, _ options: [String] = [], files: [String] = []) async throws -> Finished {
        try await run(PeerTool.find(name), options + ["127.0.0.1", "\(port)"] + files)
    }
}
