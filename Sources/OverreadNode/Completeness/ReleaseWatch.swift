import DICOMNetwork
import Foundation
import Synchronization

/// Sees when a source has released its last association, and hands every event on. A source may send a study over several
/// associations at once, or one after the other while the first is open: only the last one's release says that it is done. An
/// abort says nothing.
final class ReleaseWatch: AssociationObserver {
    fileprivate struct Source {
        /// Associations that are open.
        var open: Set<String> = []
        /// Whether something was stored since there was none.
        var hasStored = false
    }

    fileprivate struct State {
        var sources: [String: Source] = [:]
        var released: [String: Date] = [:]
    }

    private let state = Mutex(State())
    private let next: any AssociationObserver
    private let clock: WorkSignal

    /// - Parameters:
    ///   - next: gets every event as well.
    ///   - clock: raised for a release.
    init(next: any AssociationObserver, clock: WorkSignal) {
        self.next = next
        self.clock = clock
    }

    func observe(_ event: AssociationEvent) {
        next.observe(event)
        switch event {
        case .opened(let context, _, _):
            state.withLock { _ = $0.sources[context.sourceName, default: Source()].open.insert(context.id) }
        case .closed(let context, let outcome, let counts):
            let isDone = state.withLock { $0.close(context, outcome, counts) }
            if isDone { clock.raise() }
        default: break
        }
    }

    /// Sources that have released their last association since this was asked, and when.
    func takeReleased() -> [String: Date] {
        state.withLock { state in
            defer { state.released = [:] }
            return state.released
        }
    }
}

extension ReleaseWatch.State {
    /// Whether the source is done.
    fileprivate mutating func close(
        _ context: AssociationContext, _ outcome: AssociationOutcome, _ counts: AssociationCounts
    ) -> Bool {
        var source = sources[context.sourceName] ?? ReleaseWatch.Source()
        source.open.remove(context.id)
        source.hasStored = source.hasStored || counts.stored > 0
        guard source.open.isEmpty else {
            sources[context.sourceName] = source
            return false
        }
        sources[context.sourceName] = nil
        guard outcome == .released, source.hasStored else { return false }
        released[context.sourceName] = Date()
        return true
    }
}
