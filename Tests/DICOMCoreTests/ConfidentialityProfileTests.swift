import DICOMCore
import Testing

@Suite struct ConfidentialityProfileTests {
    @Test func aNameIsReadAndWrittenInTheOrderOfTheTable() throws {
        #expect(try ConfidentialityProfile(named: "basic") == .basic)
        let profile = try ConfidentialityProfile(named: "basic+modified-dates+device")
        #expect(profile.options == [.retainDeviceIdentity, .retainModifiedDates])
        #expect(profile.name == "basic+device+modified-dates")
        for option in ConfidentialityOption.allCases {
            let one = try ConfidentialityProfile(named: "basic+\(option.rawValue)")
            #expect(one.options == [option] && one.contains(option))
        }
        #expect(ConfidentialityOption.allCases.count == 10)
    }

    @Test(arguments: [
        ("", ConfidentialityProfileError.notBasic("")), ("device", .notBasic("device")), ("Basic", .notBasic("Basic")),
        ("basic+", .unknown("")), ("basic+name", .unknown("name")), ("basic+uids+uids", .twice(.retainUIDs)),
        ("basic+full-dates+modified-dates", .contradiction(.retainFullDates, .retainModifiedDates)),
    ])
    func whatIsNoProfileIsRefusedWithTheReason(_ name: String, _ error: ConfidentialityProfileError) {
        #expect(throws: error) { try ConfidentialityProfile(named: name) }
        #expect(error.description.hasSuffix("."))
    }

    @Test func onlyUIDsAndFullDatesAreNotForWhatIsKeptAtRest() {
        let refused = ConfidentialityOption.allCases.filter { $0.reasonNotAtRest != nil }
        #expect(refused == [.retainUIDs, .retainFullDates])
    }
}
