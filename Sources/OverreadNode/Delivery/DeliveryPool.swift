import DICOMCore
import DICOMNetwork
import Synchronization

/// The delivery workers: as many threads for each destination as AETitles.conf says, also after a reload.
///
/// A worker keeps the settings that it began with. Where they change it is retired: it ends when the delivery that it is at
/// is done, and another has its place meanwhile.
final class DeliveryPool: Sendable {
    typealias Make = @Sendable (ApplicationEntity, NodeEntity) -> DeliveryWorker?

    private struct Place: Hashable {
        let destination: String
        let number: Int
    }

    /// All that a worker goes by: when it changes, another takes its place.
    private struct Settings: Equatable {
        let destination: DestinationSettings?
        let calling: AETitle
    }

    private struct Running {
        let settings: Settings
        let worker: DeliveryWorker
        let thread: WorkerThread
    }

    private struct State {
        var running: [Place: Running] = [:]
        var retired: [Running] = []
        var isStopped = false
    }

    private let state = Mutex(State())
    private let make: Make
    private let work: WorkSignal

    /// - Parameters:
    ///   - work: wakes workers that are to end.
    ///   - make: a worker for a destination; nil for an entity that is none.
    init(work: WorkSignal, make: @escaping Make) {
        self.work = work
        self.make = make
    }

    /// Starts the workers that a table asks for, and retires those that it does not.
    func adjust(to table: AETitleTable) {
        state.withLock { state in
            guard !state.isStopped else { return }
            var wanted: [Place: ApplicationEntity] = [:]
            for entity in table.entities {
                for number in 0..<(entity.destination?.parallel ?? 0) {
                    wanted[Place(destination: entity.name, number: number)] = entity
                }
            }
            let title = table.node.aeTitle
            for (place, running) in state.running
            where wanted[place].map({ Settings(destination: $0.destination, calling: title) }) != running.settings {
                running.worker.retire()
                state.retired.append(running)
                state.running[place] = nil
            }
            for (place, entity) in wanted where state.running[place] == nil {
                guard let worker = make(entity, table.node) else { continue }
                state.running[place] = Running(
                    settings: Settings(destination: entity.destination, calling: title), worker: worker,
                    thread: WorkerThread("delivery") { worker.run() })
            }
            state.retired.removeAll { $0.thread.isFinished }
        }
        work.raise()
    }

    /// Starts no more. Returns the threads that are to be waited for.
    func stop() -> [WorkerThread] {
        state.withLock { state in
            state.isStopped = true
            return (Array(state.running.values) + state.retired).map(\.thread)
        }
    }

    /// Breaks off what is being sent.
    func interrupt() {
        for running in state.withLock({ Array($0.running.values) + $0.retired }) { running.worker.interrupt() }
    }
}
