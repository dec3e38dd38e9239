import ArgumentParser
import DICOMCore

/// How `overread deidentify` treats what it is given.
struct DeidentifyPolicy: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "basic, or basic and options of PS3.15 E.3 with \"+\" between.",
            discussion: "Options: " + ConfidentialityOption.allCases.map(\.rawValue).joined(separator: ", ") + "."))
    var profile = ConfidentialityProfile.basicName
    @Option(help: "refuse: images whose pixels may show text or a face are refused; accept: pixels stay as they are.")
    var pixels = PixelPolicy.accept

    /// The profile, or the sentence why there is none.
    var confidentiality: ConfidentialityProfile {
        get throws {
            do {
                return try ConfidentialityProfile(named: profile)
            } catch {
                throw ValidationError(error.description)
            }
        }
    }
}

extension PixelPolicy: ExpressibleByArgument {}
