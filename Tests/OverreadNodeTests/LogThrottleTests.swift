import Testing

@testable import OverreadNode

@Suite struct LogThrottleTests {
    @Test func oneLineOfAKindPassesInAnIntervalAndTheNextTellsOfTheOthers() {
        let throttle = LogThrottle(interval: .seconds(1), maximumKeys: 10)
        let start = ContinuousClock.now
        #expect(throttle.admit("a", at: start) == 0)
        for _ in 0..<500 { #expect(throttle.admit("a", at: start + .milliseconds(999)) == nil) }
        #expect(throttle.admit("b", at: start) == 0)
        #expect(throttle.admit("a", at: start + .seconds(1)) == 500)
        #expect(throttle.admit("a", at: start + .seconds(3)) == 0)
    }

    @Test func moreKindsThanThereIsRoomForShareOne() {
        let throttle = LogThrottle(interval: .seconds(1), maximumKeys: 2)
        let start = ContinuousClock.now
        #expect(throttle.admit("a", at: start) == 0)
        #expect(throttle.admit("b", at: start) == 0)
        #expect(throttle.admit("c", at: start) == 0)
        #expect(throttle.admit("d", at: start) == nil)
        // The quiet ones are forgotten, and there is room for one again; the next finds what the shared one has to tell.
        let later = start + .seconds(2)
        #expect(throttle.admit("e", at: later) == 0)
        #expect(throttle.admit("a", at: later) == 1)
    }

    @Test func kindsThatNeverComeAgainAreForgottenWithWhatTheyHadToTell() {
        let throttle = LogThrottle(interval: .seconds(1), maximumKeys: 2)
        let start = ContinuousClock.now
        for kind in ["a", "a", "b", "b"] { _ = throttle.admit(kind, at: start) }
        #expect(throttle.admit("c", at: start + .seconds(2)) == 0)
        #expect(throttle.admit("d", at: start + .seconds(2)) == nil, "they share one")
        for kind in ["e", "f"] { #expect(throttle.admit(kind, at: start + .seconds(200)) == 0) }
        #expect(throttle.admit("e", at: start + .seconds(200)) == nil)
        #expect(throttle.admit("f", at: start + .seconds(202)) == 0)
    }
}
