import Addresses
import STUNAuthentication
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Shared secrets (RFC 3489 sections 8.1, 8.2 and 11.2.8)")
struct SharedSecretTests {
    var harness: ServerHarness

    init() {
        var policy = Policy.oneAddress
        policy.oneTimeSecrets = OneTimeSecrets(key: InlineArray { UInt8($0) })
        harness = ServerHarness(policy: policy)
        harness.setTime(1_000_000)
    }

    @Test(
        "over TLS a request gets a user name and a password, others for each transaction ID, the same for a repetition"
    )
    mutating func secrets() throws {
        let first = try secret(1)
        #expect(first.name.count == 32 && first.password.count == 32 && first.name != first.password)
        #expect(try secret(1) == first)
        let second = try secret(2)
        #expect(second.name != first.name && second.password != first.password)
    }

    @Test("over TCP and UDP it gets 433, with an unknown attribute 420 that names it")
    mutating func refused() throws {
        let request = Wire.message(0x0002, as: .classic)
        #expect(code(harness.send(request, over: .tcp)) == 433)
        #expect(code(harness.send(request)) == 433)
        let unknown = harness.send(Wire.message(0x0002, as: .classic, [.init(0x0066, [1, 2, 3, 4])]), over: .tls)
        #expect(code(unknown) == 420)
        #expect(unknown.answer.flatMap { TakenApart($0, as: .classic) }?[0x000A]?.prefix(2) == [0, 0x66])
    }

    @Test("a Binding request with integrity gets an answer with integrity, by any socket")
    mutating func right() throws {
        let secret = try secret(1)
        for more in [[], [Wire.Attribute.change(port: true, as: .classic)]] {
            let outcome = harness.send(Self.signed(secret, more))
            let answer = try #require(outcome.answer)
            let parts = try #require(TakenApart(answer, as: .classic))
            #expect(parts.type == 0x0101 && parts[1] == value(.client))
            // It is the last attribute, over all that stands before it.
            #expect(answer.suffix(24).prefix(4) == [0, 8, 0, 20])
            #expect(Array(answer.suffix(20)) == Self.code(of: Array(answer.dropLast(24)), secret.password))
        }
    }

    @Test("without a user name 432, with a foreign or old one 430, with a wrong password or any changed byte 431")
    mutating func wrong() throws {
        let secret = try secret(1)
        let bare = Wire.message(as: .classic, [.init(8, [UInt8](repeating: 0, count: 20))])
        #expect(code(harness.send(bare)) == 432)
        for name in [[UInt8](repeating: 65, count: 32), Array(secret.name.dropLast(4)), secret.name.map { $0 ^ 1 }] {
            #expect(code(harness.send(Self.signed((name, secret.password)))) == 430)
        }
        #expect(code(harness.send(Self.signed((secret.name, secret.name)))) == 431)
        let good = Self.signed(secret, [.change(as: .classic)])
        // The value of CHANGE-REQUEST, and each byte of the code.
        for index in [good.count - 25] + Array((good.count - 20)..<good.count) {
            var bad = good
            bad[index] ^= 8
            #expect(code(harness.send(bad)) == 431, "byte \(index)")
        }
        harness.setTime(1_000_000 + 899)
        #expect(code(harness.send(good)) == nil)
        harness.setTime(1_000_000 + 901)
        #expect(code(harness.send(good)) == 430)
    }

    @Test("integrity that is not the last attribute is wrong, and requests without it are answered as ever")
    mutating func placed() throws {
        let secret = try secret(1)
        let head = Wire.message(as: .classic, [.init(6, secret.name)])
        let signed = Self.signed(secret)
        #expect(code(harness.send(signed + [0, 3, 0, 4, 0, 0, 0, 0], fixingLength: true)) == 431)
        let stranger = Wire.message(as: .classic, [.init(6, Array("test".utf8))])
        #expect(harness.send(head).answer == harness.send(stranger).answer)
    }

    // MARK: Helpers

    private mutating func secret(_ number: UInt8) throws -> (name: [UInt8], password: [UInt8]) {
        let id = [UInt8](repeating: number, count: 16)
        let outcome = harness.send(Wire.message(0x0002, as: .classic, id: id), over: .tls)
        #expect(outcome.verdict == .reply)
        let answer = try #require(outcome.answer.flatMap { TakenApart($0, as: .classic) })
        #expect(answer.type == 0x0102)
        return (try #require(answer[6]), try #require(answer[7]))
    }

    /// A Binding request with USERNAME and MESSAGE-INTEGRITY.
    private static func signed(_ secret: (name: [UInt8], password: [UInt8]), _ more: [Wire.Attribute] = []) -> [UInt8] {
        let empty = Wire.Attribute(8, [UInt8](repeating: 0, count: 20))
        let whole = Wire.message(as: .classic, [.init(6, secret.name)] + more + [empty])
        return whole.dropLast(20) + code(of: Array(whole.dropLast(24)), secret.password)
    }

    /// The HMAC-SHA1 of bytes that are filled with zeros to a multiple of 64.
    private static func code(of bytes: [UInt8], _ password: [UInt8]) -> [UInt8] {
        TestHash.sha1.hmac(bytes + [UInt8](repeating: 0, count: (64 - bytes.count % 64) % 64), key: password)
    }

    private func code(_ outcome: ServerHarness.Outcome) -> Int? {
        let value = outcome.answer.flatMap { TakenApart($0, as: .classic) }?[9]
        return value.map { Int($0[2]) * 100 + Int($0[3]) }
    }

    private func value(_ address: SocketAddress) -> [UInt8] {
        [0, 1] + Wire.bytes(address.port) + Wire.bytes(address.address.v4Bits)
    }
}

extension ServerHarness {
    /// Says what time it is, in Unix seconds.
    fileprivate mutating func setTime(_ seconds: UInt64) { server.setClock(now, unixMilliseconds: seconds * 1000) }

    /// Sends bytes whose length field is made right.
    fileprivate mutating func send(_ bytes: [UInt8], fixingLength: Bool) -> Outcome {
        var bytes = bytes
        bytes.replaceSubrange(2..<4, with: Wire.bytes(UInt16(bytes.count - 20)))
        return send(bytes)
    }
}
