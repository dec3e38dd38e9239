/// A failure of the test's surroundings, not of what is tested.
package struct TestSupportError: Error, CustomStringConvertible {
    /// The sentence to print.
    package let description: String
    /// An error with the sentence to print.
    package init(_ description: String) { self.description = description }
}

/// Asks `attempt` again and again until it returns a value. Throws after `limit`, with `what` was waited for and `context`.
package func value<Value: Sendable>(
    _ what: String, within limit: Duration = ChildProcess.patience, every interval: Duration = .milliseconds(20),
    context: () async -> String = { "" }, _ attempt: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + limit
    while true {
        if let value = try await attempt() { return value }
        if ContinuousClock.now >= deadline {
            throw TestSupportError("not within \(limit): \(what)\n\(await context())")
        }
        try await Task.sleep(for: interval)
    }
}

/// Waits until a condition holds. Throws after `limit`.
package func eventually(
    _ what: String, within limit: Duration = ChildProcess.patience, every interval: Duration = .milliseconds(20),
    context: () async -> String = { "" }, _ condition: () async throws -> Bool
) async throws {
    _ = try await value(what, within: limit, every: interval, context: context) { try await condition() ? true : nil }
}
