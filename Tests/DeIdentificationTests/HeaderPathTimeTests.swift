import DCMTKBridge
import DICOMCore
import Foundation
import Testing

@testable import DeIdentification

@Suite struct HeaderPathTimeTests {
    /// Prints what each step costs; the bound is a guard against an accident, far above what was measured.
    @Test func aHeaderGoesThroughInMilliseconds() throws {
        try startDCMTK()
        let keys = fixedKeys()
        let engine = DeIdentifier(keys: keys)
        let vault = Vault(keys: keys, publicKey: VaultPrivateKey.random().publicKey)
        let bytes = TestElement.encode(Self.header, explicitVR: true)
        let clock = ContinuousClock()
        var steps: [Duration] = Array(repeating: .zero, count: 5)
        let rounds = 200
        var last = clock.now
        func lap(_ step: Int) {
            let now = clock.now
            steps[step] += now - last
            last = now
        }
        for round in 0..<rounds {
            last = clock.now
            let header = try DataSet(parsing: bytes, transferSyntax: .explicitVRLittleEndian)
            try header.set(.sopInstanceUID, "1.2.3.4.1.1.\(round)")
            lap(0)
            let identity = try Identity.capture(from: header)
            lap(1)
            let instance = try engine.deidentify(header, identity: identity, pseudonym: fixedPseudonym)
            lap(2)
            _ = try vault.seal(identity, instanceID: "\(round)", as: instance, pseudonym: fixedPseudonym)
            lap(3)
            _ = try header.encoded(as: .explicitVRLittleEndian)
            lap(4)
        }
        let names = ["parse", "capture", "de-identify", "seal", "encode"]
        for (name, step) in zip(names, steps) { print("header path, \(name): \(step / rounds)") }
        let whole = steps.reduce(.zero, +) / rounds
        print("header path of \(Self.header.count) top-level elements, \(bytes.count) bytes: \(whole)")
        #expect(whole < .milliseconds(20))
    }

    /// A CT header with about 150 elements, some in items, some private.
    private static let header: [TestElement] = {
        let ct = IODSamples.all[0].elements
        let used = Set(ct.map(\.tag))
        var elements = ct
        let kept = BasicProfile2026d.rows.filter { $0.vr == "LO" || $0.vr == "DA" || $0.vr == "TM" || $0.vr == "SH" }
        for row in kept.prefix(50) where !used.contains(Tag(row.tag)) && row.tag > 0x0008_0000 {
            elements.append(
                .text(Tag(row.tag), row.vr, row.vr == "DA" ? "20260131" : row.vr == "TM" ? "101112" : "Some text"))
        }
        for number: UInt16 in 0..<30 {
            elements.append(.text(Tag(0x0018, 0x9300 + number), "FD", "12345678"))
        }
        elements.append(.text(Tag(0x0029, 0x0010), "LO", "VENDOR HEADER"))
        for number: UInt16 in 0..<20 {
            elements.append(.text(Tag(0x0029, 0x1000 + number), "LO", "private value \(number)"))
        }
        return elements
    }()
}
