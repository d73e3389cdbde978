// Unsafe: spans over arrays of bytes count as unsafe.

import SecureTransport

/// One end of a DTLS session in memory.
final class DatagramPeer {
    private var session: DatagramSession
    /// Datagrams to be sent.
    var outbox: [[UInt8]] = []
    /// Messages that have come.
    var inbox: [[UInt8]] = []
    var now: UInt64 = 0

    init(_ session: consuming DatagramSession) { self.session = session }

    static func client(
        _ context: TLSContext,
        name: String? = nil,
        firstWait: UInt64 = 1_000_000_000
    ) throws -> DatagramPeer {
        let peer = DatagramPeer(try DatagramSession(client: context, name: name, firstWait: firstWait))
        peer.take([])
        return peer
    }

    var state: SecureSession.State { session.state }
    var hello: DatagramCookie.HelloID? { session.hello }
    var deadline: UInt64? { session.nextDeadline() }
    var applicationProtocol: String? { session.applicationProtocol }
    var serverName: String? { session.serverName }
    var version: String { session.parameters.version }

    var failure: String? {
        if case .failed(let reason) = state { "\(reason)" } else { nil }
    }

    func take(_ datagram: [UInt8]) {
        var rest = datagram
        var isUnfinished = true
        while isUnfinished {
            withBuffers { session, plaintext, output in
                let step = unsafe session.receive(rest.span.bytes, into: &plaintext, sending: &output, now: now)
                isUnfinished = step.isUnfinished
                return (step.received, step.datagrams)
            }
            rest = []
        }
    }

    @discardableResult
    func say(_ message: [UInt8]) -> Bool {
        var output = [UInt8](repeating: 0, count: message.count + DatagramSession.recordOverhead)
        var span = output.mutableSpan
        var bytes = unsafe span.mutableBytes
        guard let count = unsafe session.send(message.span.bytes, sending: &bytes) else { return false }
        outbox.append(Array(output[..<count]))
        return true
    }

    func tick() {
        withBuffers { session, _, output in (nil, session.tick(now: now, sending: &output)) }
    }

    func close() {
        withBuffers { session, _, output in (nil, session.close(sending: &output)) }
    }

    private func withBuffers(
        _ use: (inout DatagramSession, inout MutableRawSpan, inout MutableRawSpan) -> (Int?, DatagramCuts)
    ) {
        var plaintext = [UInt8](repeating: 0, count: DatagramSession.messageLimit)
        var output = [UInt8](repeating: 0, count: 40_000)
        var plaintextSpan = plaintext.mutableSpan
        var outputSpan = output.mutableSpan
        var plaintextBytes = unsafe plaintextSpan.mutableBytes
        var outputBytes = unsafe outputSpan.mutableBytes
        let (received, cuts) = use(&session, &plaintextBytes, &outputBytes)
        if let received { inbox.append(Array(plaintext[..<received])) }
        for index in 0..<cuts.count { outbox.append(Array(output[cuts[index]])) }
    }

    func takeOutbox() -> [[UInt8]] {
        defer { outbox = [] }
        return outbox
    }

    /// Carries datagrams between two ends until both are silent; `passes` says which come through.
    static func pump(_ first: DatagramPeer, _ second: DatagramPeer, passes: ([UInt8]) -> Bool = { _ in true }) {
        while !first.outbox.isEmpty || !second.outbox.isEmpty {
            for (sender, receiver) in [(first, second), (second, first)] {
                for datagram in sender.takeOutbox() where passes(datagram) { receiver.take(datagram) }
            }
        }
    }
}

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
        let hello = client.takeOutbox().first ?? []
        guard case .proven(let id) = judge(hello).0 else { return nil }
        let server = DatagramPeer(try DatagramSession(server: context, hello: id, firstWait: firstWait))
        server.take(hello)
        return server
    }
}
