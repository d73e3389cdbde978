// Unsafe: spans over arrays of bytes count as unsafe.

public import SecureTransport

/// One end of a DTLS session in memory.
public final class DatagramPeer {
    private var session: DatagramSession
    /// Datagrams to be sent.
    public var outbox: [[UInt8]] = []
    /// Messages that have come.
    public var inbox: [[UInt8]] = []
    /// Its clock, in nanoseconds.
    public var now: UInt64 = 0

    /// The end that a session is.
    public init(_ session: consuming DatagramSession) { self.session = session }

    /// A client's end, which has said hello.
    public static func client(
        _ context: TLSContext,
        name: String? = nil,
        firstWait: UInt64 = 1_000_000_000
    ) throws -> DatagramPeer {
        let peer = DatagramPeer(try DatagramSession(client: context, name: name, firstWait: firstWait))
        peer.take([])
        return peer
    }

    /// How far it is.
    public var state: SecureSession.State { session.state }
    /// The hello with which it began.
    public var hello: DatagramCookie.HelloID? { session.hello }
    /// When `tick` is due.
    public var deadline: UInt64? { session.nextDeadline() }
    /// The ALPN protocol.
    public var applicationProtocol: String? { session.applicationProtocol }
    /// The server's name that the client asks for.
    public var serverName: String? { session.serverName }
    /// The version of DTLS.
    public var version: String { session.parameters.version }

    /// Why it has failed.
    public var failure: String? {
        if case .failed(let reason) = state { "\(reason)" } else { nil }
    }

    /// Takes a datagram.
    public func take(_ datagram: [UInt8]) {
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

    /// Encrypts a message; false when it cannot.
    @discardableResult
    public func say(_ message: [UInt8]) -> Bool {
        var output = [UInt8](repeating: 0, count: message.count + DatagramSession.recordOverhead)
        var span = output.mutableSpan
        var bytes = unsafe span.mutableBytes
        guard let count = unsafe session.send(message.span.bytes, sending: &bytes) else { return false }
        outbox.append(Array(output[..<count]))
        return true
    }

    /// Does what its clock demands.
    public func tick() {
        withBuffers { session, _, output in (nil, session.tick(now: now, sending: &output)) }
    }

    /// Ends the session.
    public func close() {
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

    /// Takes out what is to be sent.
    public func takeOutbox() -> [[UInt8]] {
        defer { outbox = [] }
        return outbox
    }

    /// Carries datagrams between two ends until both are silent; `passes` says which come through.
    public static func pump(_ first: DatagramPeer, _ second: DatagramPeer, passes: ([UInt8]) -> Bool = { _ in true }) {
        while !first.outbox.isEmpty || !second.outbox.isEmpty {
            for (sender, receiver) in [(first, second), (second, first)] {
                for datagram in sender.takeOutbox() where passes(datagram) { receiver.take(datagram) }
            }
        }
    }
}
