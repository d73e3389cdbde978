import SecureTransport
import TestTLS
import Testing
import WireFixtures

@Suite("DTLS cookies (RFC 6347 section 4.2.1; attacks row 34)")
struct DatagramCookieTests {
    private func hello() throws -> [UInt8] {
        try #require(DatagramPeer.client(TestContext.datagramClient(), name: "turn.example.org").takeOutbox().first)
    }

    /// The hello that a client sends when it has been asked to prove its address.
    private func proof(for door: TestDoor) throws -> [UInt8] {
        let client = try DatagramPeer.client(TestContext.datagramClient())
        let (_, answer) = door.judge(try #require(client.takeOutbox().first))
        client.take(answer)
        return try #require(client.takeOutbox().first)
    }

    @Test("a hello is answered with 60 bytes, fewer than it has; its repetition with a cookie proves the address")
    func proves() throws {
        let door = TestDoor()
        let hello = try hello()
        let (judgement, answer) = door.judge(hello)
        #expect(judgement == .answer(count: 60) && hello.count > 60)
        // The record's number is the hello's (RFC 6347 section 4.2.1).
        #expect(Array(answer[5..<11]) == Array(hello[5..<11]))
        guard case .proven = try door.judge(proof(for: door)).0 else {
            Issue.record("a right cookie is refused")
            return
        }
    }

    @Test("a cookie counts for its address, its secret and half a minute, and no more than a minute")
    func limits() throws {
        var door = TestDoor()
        let proof = try proof(for: door)
        func isProven(_ door: TestDoor) -> Bool { if case .proven = door.judge(proof).0 { true } else { false } }
        let start = door.now
        door.now = start + 29_999_999_999
        #expect(isProven(door))
        door.now = start + 60_000_000_000
        #expect(!isProven(door))
        door.now = start
        door.address[5] ^= 1
        #expect(!isProven(door))
        door = TestDoor()
        door.cookie = unsafe DatagramCookie(secret: [UInt8](repeating: 8, count: 32).span.bytes)
        #expect(door.judge(proof).0 == .answer(count: 60))
    }

    @Test("a hello with any byte of its cookie, random value or ciphers changed proves nothing")
    func changed() throws {
        let door = TestDoor()
        let proof = try proof(for: door)
        // Version and random value, session's length, cookie; then ciphers.
        for index in 25..<(25 + 35 + 33 + 4) {
            var changed = proof
            changed[index] ^= 1
            if case .proven = door.judge(changed).0 { Issue.record("byte \(index) does not matter") }
        }
    }

    @Test("other datagrams are for a session; hellos in fragments and with lengths that lie are left alone")
    func others() throws {
        let door = TestDoor()
        let hello = try hello()
        #expect(door.judge([]).0 == .other)
        #expect(door.judge([0, 1, 0, 0]).0 == .other)
        #expect(door.judge([23] + hello[1...]).0 == .other)
        var later = hello
        later[4] = 1
        #expect(door.judge(later).0 == .other)
        for count in 14..<hello.count { #expect(door.judge(Array(hello[..<count])).0 == .unfit) }
        for index in [11, 14, 15, 19, 20, 21, 22, 23, 24] {
            var lying = hello
            lying[index] &+= 1
            #expect(door.judge(lying).0 == .unfit)
        }
        var generator = SeededGenerator.announced("DatagramCookieTests.others")
        for _ in 0..<20_000 {
            var changed = hello
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                changed[Int.random(in: 0..<changed.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            let result = door.judge(Array(changed[..<Int.random(in: 0...changed.count, using: &generator)])).0
            if case .proven = result { Issue.record("proven by chance") }
        }
    }

    @Test("100,000 hellos without a cookie from as many addresses leave nothing, and a real client gets in meanwhile")
    func flood() throws {
        var generator = SeededGenerator.announced("DatagramCookieTests.flood")
        var door = TestDoor()
        var hello = try hello()
        let context = try TestContext.datagramServer()
        func flood(_ count: Int) {
            for number in 0..<count {
                door.address = [10, UInt8(number >> 16), UInt8(number >> 8 & 255), UInt8(number & 255), 1, 1]
                hello[30] = UInt8(truncatingIfNeeded: generator.next())
                if door.judge(hello).0 != .answer(count: 60) { Issue.record("number \(number) was not answered") }
            }
        }
        flood(1000)
        ProcessMemory.giveBack()
        let before = ProcessMemory.resident()
        flood(50_000)
        let client = try DatagramPeer.client(TestContext.datagramClient())
        let server = try #require(try TestDoor().letIn(client, context))
        DatagramPeer.pump(server, client)
        #expect(server.state == .open && client.state == .open)
        flood(50_000)
        #expect(ProcessMemory.resident() - before < 1 << 20)
    }
}
