import Addresses
import Administration
import Foundation
import Testing

@testable import Console

@Suite("The console's ports")
struct ConsoleServerTests {
    @Test("a console that is stopped while it moves to another port ends, and opens none and tells of none after it")
    func stoppedWhileMoving() async throws {
        for round in 0..<30 {
            let fixture = try await ConsoleFixture()
            let port = UInt16.random(in: 20000...29999)
            try "http-port: \(port)\n".write(
                to: fixture.folder.appending(path: "stund.yaml"),
                atomically: true,
                encoding: .utf8
            )
            try await fixture.server.reload()
            // Another moment of the move each time.
            for _ in 0..<round * 20 { await Task.yield() }
            let isStopped = await ends(within: .seconds(20)) { await fixture.stop() }
            try #require(isStopped, "round \(round)")
            #expect(!fixture.server.told.contains { $0.hasPrefix("1027 ") }, "round \(round): \(fixture.server.told)")
        }
    }

    @Test(
        "whoever comes by TLS is known by their own address and gets a cookie for TLS alone; nobody else is let in there"
    )
    func door() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true, settings: "http-tls: on\ntls-certificate: a.pem\n")
        let port = try #require(fixture.server.consoleDoor.port)
        #expect(fixture.server.told.contains { $0.contains("The console is at https://") })
        let from = UInt16.random(in: 30000...32000)
        #expect(try await fixture.send("GET", "/login", door: (port, from)).status == 403)
        let (stranger, friend) = try (#require(IPAddress("192.0.2.77")), #require(IPAddress("192.0.2.78")))
        let form = ["name": "admin", "password": "wrong"]
        func logIn(_ form: [String: String], from port: UInt16, _ door: UInt16) async throws -> ConsoleFixture.Answer {
            let text = form.map { "\($0.key)=\($0.value.replacing(" ", with: "+"))" }.joined(separator: "&")
            let type = ["Content-Type": "application/x-www-form-urlencoded"]
            return try await fixture.send("POST", "/login", headers: type, body: Data(text.utf8), door: (door, port))
        }
        // One that guesses is held back by its own address, and no other one with it.
        for attempt in 0..<20 {
            fixture.server.consoleDoor.note(stranger, from: from + 1 + UInt16(attempt))
            _ = try await logIn(form, from: from + 1 + UInt16(attempt), port)
        }
        fixture.server.consoleDoor.note(stranger, from: from + 30)
        let good = ["name": "admin", "password": ConsoleFixture.password]
        #expect(try await logIn(good, from: from + 30, port).status == 429)
        fixture.server.consoleDoor.note(friend, from: from + 31)
        let answer = try await logIn(good, from: from + 31, port)
        #expect(answer.status == 303)
        #expect(answer.headers["set-cookie"]?.hasSuffix("; Secure") == true)
        fixture.server.consoleDoor.forget(from: from + 31)
        #expect(fixture.server.consoleDoor.client(from: from + 31) == nil)
        await fixture.stop()
        #expect(fixture.server.consoleDoor.port == nil)
    }

    @Test("without a password nobody comes by TLS")
    func noPassword() async throws {
        let fixture = try await ConsoleFixture(settings: "http-tls: on\ntls-certificate: a.pem\n")
        #expect(fixture.server.consoleDoor.port == nil)
        await fixture.stop()
    }

    /// Whether work that cannot be cancelled ends in time.
    private func ends(within limit: Duration, _ work: @escaping @Sendable () async -> Void) async -> Bool {
        let (ends, end) = AsyncStream.makeStream(of: Bool.self)
        Task {
            await work()
            end.yield(true)
        }
        let timer = Task {
            try await Task.sleep(for: limit)
            end.yield(false)
        }
        defer { timer.cancel() }
        return await ends.first { _ in true } ?? false
    }
}
