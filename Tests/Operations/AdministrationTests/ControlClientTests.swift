import Foundation
import Glibc
import Synchronization
import Testing

@testable import Administration

@Suite("The client of the control socket survives what answers there")
struct ControlClientTests {
    @Test("an answer that isn't one is an error", arguments: ["hello\n", "{}\n", "{\"done\":false}\n", "[]\n"])
    func garbage(answer: String) async throws {
        let folder = try TemporaryFolder()
        let listener = try UnixSocket.listening(at: folder.socket)
        Thread {
            guard UnixSocket.waitToRead([listener], milliseconds: 20_000)[0],
                let client = try? UnixSocket.accepted(from: listener)
            else { return }
            try? UnixSocket.write(Array(answer.utf8), to: client, until: .now + .seconds(5))
        }.start()
        await #expect(throws: ControlClientError.unreadableAnswer(folder.socket)) {
            try await ask(.status, at: folder.socket)
        }
    }

    @Test("a server that never answers is given up")
    func silentServer() async throws {
        let folder = try TemporaryFolder()
        let path = folder.socket
        let listener = try UnixSocket.listening(at: path)
        await #expect(throws: ControlClientError.timedOut(folder.socket)) {
            try await onThread {
                try ControlClient.send(.status, to: path, waitsAtMost: .milliseconds(50))
            }
        }
        _ = listener
    }
}
