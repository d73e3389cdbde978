// Unsafe: spans over arrays of bytes count as unsafe.

public import Addresses
public import SecureTransport
public import TestSockets

/// A TLS client of a test, whose calls wait for at most five seconds.
public final class TestTLSStream: TestFrames {
    /// The connection below.
    public let stream: TestStream
    private var session: SecureSession
    private var inbox: [UInt8] = []

    /// Begins TLS on a connection, and waits until the handshake is over.
    /// - `trust`: the certificate that the server must have; nil for any.
    public init(
        over stream: TestStream,
        highest: TLSVersion? = nil,
        protocols: [String] = ["stun.turn"],
        trust: TestCertificate? = nil,
        name: String? = nil
    ) throws {
        self.stream = stream
        let context = try TLSContext(
            client: .stream,
            trust: trust.map { .authorities(pem: $0.chain) } ?? .anything,
            protocols: protocols,
            highest: highest
        )
        session = try SecureSession(client: context, name: name)
        try take([])
        while session.state == .handshaking {
            guard try takeNext() else { throw TestClient.Failure(code: 0) }
        }
        if case .failed(let failure) = session.state { throw failure }
    }

    /// Its own address.
    public var local: SocketAddress { stream.local }
    /// The protocol that was chosen.
    public var applicationProtocol: String? { session.applicationProtocol }
    /// How far the session is.
    public var state: SecureSession.State { session.state }
    /// The version of TLS.
    public var version: String { session.parameters.version }

    /// Sends all of it.
    public func send(_ bytes: [UInt8]) throws {
        var offset = 0
        while offset < bytes.count {
            let step = try call { session, _, output in
                unsafe session.send(bytes.span.bytes.extracting(offset..<bytes.count), sending: &output)
            }
            guard step.taken > 0 else { throw TestClient.Failure(code: 0) }
            offset += step.taken
        }
    }

    /// Sends bytes as they are, past TLS.
    public func sendRaw(_ bytes: [UInt8]) throws { try stream.send(bytes) }

    /// Exactly so many bytes, or fewer when the session or the connection ends before.
    public func receive(exactly count: Int) throws -> [UInt8] {
        while inbox.count < count, session.state == .open {
            guard try takeNext() else { break }
        }
        defer { inbox.removeFirst(min(count, inbox.count)) }
        return Array(inbox.prefix(count))
    }

    /// Whether the server says that the session ends, before it sends anything more.
    public func endsWithNotice() throws -> Bool {
        while session.state == .open, inbox.isEmpty { guard try takeNext() else { return false } }
        return session.state == .closed && inbox.isEmpty
    }

    /// Says that the session ends.
    public func close() throws { _ = try call { session, _, output in session.close(sending: &output) } }

    /// Takes what comes next; false at the connection's end.
    @discardableResult
    private func takeNext() throws -> Bool {
        let bytes = try stream.receive()
        if bytes.isEmpty { return false }
        try take(bytes)
        return true
    }

    private func take(_ bytes: [UInt8]) throws {
        var offset = 0
        var isUnfinished = true
        while isUnfinished {
            let step = try call { session, plaintext, output in
                unsafe session.receive(
                    bytes.span.bytes.extracting(offset..<bytes.count),
                    into: &plaintext,
                    sending: &output
                )
            }
            offset += step.taken
            isUnfinished = step.isUnfinished
        }
    }

    private func call(
        _ use: (inout SecureSession, inout MutableRawSpan, inout MutableRawSpan) -> SecureSession.Step
    ) throws -> SecureSession.Step {
        var plaintext = [UInt8](repeating: 0, count: SecureSession.recordLimit)
        var output = [UInt8](repeating: 0, count: 20_000)
        var plaintextSpan = plaintext.mutableSpan
        var outputSpan = output.mutableSpan
        var plaintextBytes = unsafe plaintextSpan.mutableBytes
        var outputBytes = unsafe outputSpan.mutableBytes
        let step = use(&session, &plaintextBytes, &outputBytes)
        inbox += plaintext[..<step.received]
        if step.sending > 0 { try stream.send(Array(output[..<step.sending])) }
        return step
    }
}
