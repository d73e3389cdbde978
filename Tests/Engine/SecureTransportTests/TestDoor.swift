// Unsafe: spans over arrays of bytes count as unsafe.

import SecureTransport
import TestTLS

/// The door of a server in a test.
struct TestDoor {
    var cookie = unsafe DatagramCookie(secret: [UInt8](repeating: 7, count: 32).span.bytes)
    var now: UInt64 = 1_000_000_000_000
    var address: [UInt8] = [127, 0, 0, 1, 0x13, 0x88]

    func judge(_ datagram: [UInt8]) -> (DatagramCookie.Judgement, [UInt8]) {
        var answer = [UInt8](repeating: 0, count: DatagramCookie.answerRoom)
        var span = answer.mutableSpan
        var bytes = unsafe span.mutableBytes
        let judgement = unsafe cookie.judge(datagram.span.bytes, from: address.span.bytes, now: now, answer: &bytes)
        return (judgement, answer)
    }

    /// Has a client prove its address and gives the server's session of it.
    func letIn(_ client: DatagramPeer, _ context: TLSContext, firstWait: UInt64 = 1_000_000_000) throws -> DatagramPeer?
    {
        let (first, answer) = judge(client.takeOutbox().first ?? [])
        guard first == .answer(count: answer.count) else { return nil }
        client.take(answer)
        // Who has waited for the answer for too long says its first hello once more before it takes the answer.
        guard let hello = client.takeOutbox().last, case .proven(let id) = judge(hello).0 else { return nil }
        let server = DatagramPeer(try DatagramSession(server: context, hello: id, firstWait: firstWait))
        server.take(hello)
        return server
    }
}
