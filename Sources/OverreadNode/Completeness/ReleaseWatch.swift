import DICOMNetwork
import Foundation
import Synchronization

/// Sees when a source has released its last association, and hands every event on. A source may send a study over several
/// associations at once, or one after the other while the first is open: only the last one's release says that it is done. An
/// abort, or an instance that was refused, says that something may come again: then the release is none, and no later one is
/// one for what had come by then. So it is with what a stopped node was sent.
final class ReleaseWatch: AssociationObserver {
    fileprivate struct Source {
        /// Associations that are open.
        var open: Set<String> = []
        /// Whether something was stored since there was none.
        var hasStored = false
        /// Whether all that were closed since then were released, and nothing was refused over them.
        var isClean = true
    }

    fileprivate struct State {
        var sources: [String: Source] = [:]
        var released: [String: Release] = [:]
        /// When a source was last done without being clean; else when this began.
        var uncleanSince: [String: Date] = [:]
        let began = Date()
    }

    /// A source has released its last association.
    struct Release: Equatable {
        /// What came until then says nothing: it may come again.
        let start: Date
        /// When it was released.
        let time: Date
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
            state.withLock { $0.open(context) }
        case .closed(let context, let outcome, let counts):
            let isDone = state.withLock { $0.close(context, outcome, counts) }
            if isDone { clock.raise() }
        default: break
        }
    }

    /// Sources that have released their last association since this was asked, and have none since.
    func takeReleased() -> [String: Release] {
        state.withLock { state in
            defer { state.released = [:] }
            return state.released
        }
    }
}

extension ReleaseWatch.State {
    fileprivate mutating func open(_ context: AssociationContext) {
        var source = sources[context.sourceName] ?? ReleaseWatch.Source()
        source.open.insert(context.id)
        // It goes on before anybody has acted on its release.
        if released.removeValue(forKey: context.sourceName) != nil { source.hasStored = true }
        sources[context.sourceName] = source
    }

    /// Whether the source is done.
    fileprivate mutating func close(
        _ context: AssociationContext, _ outcome: AssociationOutcome, _ counts: AssociationCounts
    ) -> Bool {
        var source = sources[context.sourceName] ?? ReleaseWatch.Source()
        let wasOpen = source.open.remove(context.id) != nil
        if wasOpen, outcome != .released || counts.refused > 0 { source.isClean = false }
        source.hasStored = source.hasStored || counts.stored > 0
        guard source.open.isEmpty else {
            sources[context.sourceName] = source
            return false
        }
        sources[context.sourceName] = nil
        let now = Date()
        guard source.isClean else {
            uncleanSince[context.sourceName] = now
            return false
        }
        guard outcome == .released, source.hasStored else { return false }
        released[context.sourceName] = ReleaseWatch.Release(
            start: uncleanSince[context.sourceName] ?? began, time: now)
        return true
    }
}
