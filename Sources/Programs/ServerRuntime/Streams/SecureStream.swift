import PacketEngine
import SecureTransport

/// A client's TLS session with what of it waits; a class, since such a session cannot lie in an array.
///
/// One worker uses it at a time: it is handed to another one whole (`HandedStream`).
final class SecureStream: @unchecked Sendable {
    /// What a client of TLS sends first: a record of the handshake (RFC 8446 section 5.1).
    ///
    /// No message of STUN begins so.
    static let firstByte: UInt8 = 0x16

    private(set) var session: SecureSession
    /// What is encrypted and waits to be written.
    var sealed = StreamBuffer()
    /// With what the connection ends once the frames are handled that came before that.
    var end: StreamConnection.End?
    /// Why TLS failed.
    var failure: SessionFailure?

    init(_ context: TLSContext) throws(SessionFailure) { session = try SecureSession(server: context) }

    /// Whether its handshake is not over.
    var isHandshaking: Bool { session.state == .handshaking }

    /// Decrypts what has come: plaintext goes behind what there is in `plain`, and what is to be sent behind what there is in
    /// `output`.
    func receive(
        _ sealed: inout StreamInput,
        into plain: inout StreamInput,
        sending output: inout StreamInput
    ) -> SecureSession.Step {
        var room = plain.room()
        var answer = output.room()
        let step = session.receive(sealed.rest(), into: &room, sending: &answer)
        sealed.take(step.taken)
        plain.fill(step.received)
        output.fill(step.sending)
        return step
    }

    /// Encrypts all of `plain`; false when that is not possible.
    func send(_ plain: inout StreamInput, sending output: inout StreamInput) -> Bool {
        var answer = output.room()
        let step = session.send(plain.rest(), sending: &answer)
        plain.take(step.taken)
        output.fill(step.sending)
        return plain.taken == plain.count && !step.isUnfinished
    }

    /// Tells the client that nothing more comes.
    func close(sending output: inout StreamInput) {
        var answer = output.room()
        let step = session.close(sending: &answer)
        output.fill(step.sending)
    }
}

/// The memory in which a worker encrypts and decrypts, one connection after another, and what sessions are begun with.
struct TLSWork: ~Copyable {
    /// How many messages of handshakes are answered in a turn: each costs as much as hundreds of packets, which would wait.
    static let handshakeBurst = 1

    /// Nil while there is no certificate.
    var context: TLSContext?
    /// How many more messages of handshakes are answered in this turn.
    var handshakesLeft = handshakeBurst
    /// How many connections have TLS.
    var count = 0
    /// What has come.
    var sealed = StreamInput(capacity: 4 * Streams.readBurst)
    /// What is about to be encrypted: a record.
    var plain = StreamInput(capacity: SecureSession.recordLimit)
    /// What is to be sent.
    var output = StreamInput(capacity: 65_536)
}
