import DCMTKBridge
import Synchronization

/// How many associations there may be at once.
package struct AssociationLimits: Sendable {
    /// In all.
    package var total = 64
    /// From one address, where its source has no limit of its own.
    package var perHost = 32

    /// The defaults.
    package init() {}
}

/// The associations that have a thread. Any thread may ask.
final class ActiveAssociations: Sendable {
    /// The right to one association; given back with ``leave(_:)``.
    struct Place: Sendable, Hashable {
        fileprivate let number: UInt64
    }

    private struct Entry {
        let host: String
        let sourceName: String
        var interrupter: AssociationInterrupter?
    }

    private struct State {
        var entries: [UInt64: Entry] = [:]
        var next: UInt64 = 1
        var isBroken = false
        var limits: AssociationLimits
    }

    private let state: Mutex<State>

    init(limits: AssociationLimits) { state = Mutex(State(limits: limits)) }

    /// Puts other limits in force, for those that come: nobody loses a place.
    func setLimits(_ limits: AssociationLimits) { state.withLock { $0.limits = limits } }

    /// How many there are.
    var count: Int { state.withLock { $0.entries.count } }

    /// A place for one more, unless that is over a limit. A source with a limit of its own is held to that alone: others may
    /// call from the same host. For one without, the limit of each host keeps one peer from taking the places of all.
    func enter(peer: PeerAddress, terms: AssociationTerms) throws(RejectionCause) -> Place {
        try state.withLock { state throws(RejectionCause) in
            let entries = state.entries.values
            if entries.count >= state.limits.total { throw .limitOfNode }
            if let most = terms.maximumAssociations {
                if entries.count(where: { $0.sourceName == terms.sourceName }) >= most { throw .limitOfSource }
            } else if entries.count(where: { $0.host == peer.host }) >= state.limits.perHost {
                throw .limitOfHost
            }
            defer { state.next += 1 }
            state.entries[state.next] = Entry(host: peer.host, sourceName: terms.sourceName)
            return Place(number: state.next)
        }
    }

    /// Lets ``interrupt()`` reach the association that has this place.
    func attach(_ interrupter: AssociationInterrupter, to place: Place) {
        let isBroken = state.withLock { state in
            state.entries[place.number]?.interrupter = interrupter
            return state.isBroken
        }
        if isBroken { interrupter.interrupt() }
    }

    /// Gives the place back.
    func leave(_ place: Place) { state.withLock { _ = $0.entries.removeValue(forKey: place.number) } }

    /// Breaks all of them off, those that are still being taken up too.
    ///
    /// - Returns: how many there were.
    @discardableResult
    func interrupt() -> Int {
        let (count, interrupters) = state.withLock { state in
            state.isBroken = true
            return (state.entries.count, state.entries.values.compactMap(\.interrupter))
        }
        for interrupter in interrupters { interrupter.interrupt() }
        return count
    }
}
