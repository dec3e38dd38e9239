import DICOMCore
import Foundation
import Testing

@testable import DeIdentification

@Suite struct SealingTests {
    private let key = VaultPrivateKey.random()
    private let secret = Array("Sauerbruch^Amalie".utf8)

    @Test func whatIsSealedOpensWithTheOtherHalfForTheSamePurposeAndPlace() throws {
        let sealed = try key.publicKey.seal(secret, for: .identity, boundTo: ["a", "b"])
        #expect(try key.open(sealed, for: .identity, boundTo: ["a", "b"]) == secret)
        #expect(!Array(sealed.ciphertext).contains("Sauerbruch"))
        let again = try key.publicKey.seal(secret, for: .identity, boundTo: ["a", "b"])
        #expect(again.ciphertext != sealed.ciphertext)
    }

    @Test func anotherKeyPurposeInstanceOrStudyDoesNotOpenIt() throws {
        let sealed = try key.publicKey.seal(secret, for: .identity, boundTo: ["a", "b"])
        #expect(throws: SealingError.otherKey(key.publicKey.id)) {
            try VaultPrivateKey.random().open(sealed, for: .identity, boundTo: ["a", "b"])
        }
        for (purpose, parts) in [
            (SealingPurpose.quarantine, ["a", "b"]), (.identity, ["a", "c"]), (.identity, ["ab", ""]),
            (.identity, ["b", "a"]),
            (.identity, ["a"]),
        ] {
            #expect(throws: SealingError.notAuthentic) { try key.open(sealed, for: purpose, boundTo: parts) }
        }
    }

    @Test func aWrongKeyUnderTheRightNameDoesNotOpenIt() throws {
        let sealed = try key.publicKey.seal(secret, for: .identity, boundTo: [])
        let other = VaultPrivateKey.random()
        let renamed = SealedBytes(
            keyID: other.publicKey.id, encapsulatedKey: sealed.encapsulatedKey, ciphertext: sealed.ciphertext)
        #expect(throws: SealingError.notAuthentic) { try other.open(renamed, for: .identity, boundTo: []) }
    }

    @Test func aChangedBitAnywhereIsNoticed() throws {
        let sealed = try key.publicKey.seal(secret, for: .identity, boundTo: [])
        for index in [0, sealed.ciphertext.count / 2, sealed.ciphertext.count - 1] {
            var ciphertext = sealed.ciphertext
            ciphertext[ciphertext.startIndex + index] ^= 1
            let changed = SealedBytes(
                keyID: sealed.keyID, encapsulatedKey: sealed.encapsulatedKey, ciphertext: ciphertext)
            #expect(throws: SealingError.notAuthentic) { try key.open(changed, for: .identity, boundTo: []) }
        }
        for encapsulated in [Data(), Data(repeating: 0, count: 32), Data(sealed.encapsulatedKey.reversed())] {
            let changed = SealedBytes(
                keyID: sealed.keyID, encapsulatedKey: encapsulated, ciphertext: sealed.ciphertext)
            #expect(throws: SealingError.notAuthentic) { try key.open(changed, for: .identity, boundTo: []) }
        }
    }
}
