/// How long to wait after a failed attempt: doubling from a base up to a cap, each taken at random from the last part
/// of its span, so that studies that failed together do not come back together.
package struct BackOff: Hashable, Sendable {
    /// The wait after the first failure.
    package let base: Duration
    /// The longest wait.
    package let cap: Duration
    /// The part of each wait that is left to chance, 0 (none) to 1 (all of it).
    package let jitter: Double

    /// A back-off. A negative base counts as zero, a cap below the base as the base, and jitter is held in 0...1.
    package init(base: Duration, cap: Duration, jitter: Double = 0.2) {
        self.base = max(base, .zero)
        self.cap = max(cap, self.base)
        self.jitter = jitter.isNaN ? 0 : min(max(jitter, 0), 1)
    }

    /// The wait after failure number `attempt` (from 1), between (1 - jitter) and 1 times the doubled base.
    package func delay(afterAttempt attempt: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        var span = base
        // Doubling stops at the cap, so a huge count neither overflows nor loops long.
        for _ in 0..<min(max(attempt - 1, 0), 64) where span < cap { span = min(span * 2, cap) }
        guard jitter > 0 else { return span }
        return span * (1 - jitter * Double.random(in: 0...1, using: &generator))
    }
}

/// The numbers that the queue works by.
package struct QueuePolicy: Hashable, Sendable {
    /// After so many attempts (started leases, so that a crash counts) the analysis is parked.
    package var analysisAttempts: Int
    /// Waiting between attempts at analysis.
    package var analysisBackOff: BackOff
    /// Waiting between attempts at one delivery.
    package var deliveryBackOff: BackOff
    /// How long a delivery is tried before it has failed.
    package var deliveryMaximumAge: Duration

    /// A policy; the defaults suit a PACS that is down over a weekend.
    package init(
        analysisAttempts: Int = 4,
        analysisBackOff: BackOff = BackOff(base: .seconds(10), cap: .seconds(600)),
        deliveryBackOff: BackOff = BackOff(base: .seconds(5), cap: .seconds(300)),
        deliveryMaximumAge: Duration = .seconds(7 * 86_400)
    ) {
        self.analysisAttempts = max(analysisAttempts, 1)
        self.analysisBackOff = analysisBackOff
        self.deliveryBackOff = deliveryBackOff
        self.deliveryMaximumAge = deliveryMaximumAge
    }
}
