// Unsafe: spans over arrays of bytes count as unsafe.

import SecureTransport
import TestTLS

/// One end of a TLS stream in memory: keeps what is to be sent, and what has been received.
final class StreamPeer {
    private var session: SecureSession
    /// To be sent, and not yet taken by anybody.
    var outbox: [UInt8] = []
    /// Plaintext that has come.
    var inbox: [UInt8] = []
    /// How much room each call is given.
    var plaintextRoom = 16_384
    var outputRoom = 20_000
    /// The longest that one call has written.
    var longestOutput = 0

    init(_ session: consuming SecureSession) { self.session = session }

    static func server(_ context: TLSContext) throws -> StreamPeer {
        StreamPeer(try SecureSession(server: context))
    }

    static func client(_ context: TLSContext, name: String? = nil) throws -> StreamPeer {
        let peer = StreamPeer(try SecureSession(client: context, name: name))
        peer.take([])
        return peer
    }

    var state: SecureSession.State { session.state }
    var applicationProtocol: String? { session.applicationProtocol }
    var serverName: String? { session.serverName }
    var version: String { session.parameters.version }
    var cipher: String { session.parameters.cipher }
    var isResumed: Bool { session.isResumed }

    var failure: String? {
        if case .failed(let reason) = state { "\(reason)" } else { nil }
    }

    /// Receives bytes, with as many calls as it takes.
    func take(_ bytes: [UInt8]) {
        var offset = 0
        var isUnfinished = true
        while isUnfinished {
            let step = call { session, plaintext, output in
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

    /// Sends text, as much as it takes; returns how much it took.
    @discardableResult
    func say(_ text: [UInt8]) -> Int {
        var offset = 0
        var isUnfinished = true
        while isUnfinished {
            let step = call { session, _, output in
                unsafe session.send(text.span.bytes.extracting(offset..<text.count), sending: &output)
            }
            offset += step.taken
            isUnfinished = step.isUnfinished
        }
        return offset
    }

    func close() {
        _ = call { session, _, output in session.close(sending: &output) }
    }

    /// One call with buffers of its own.
    func call(
        _ use: (inout SecureSession, inout MutableRawSpan, inout MutableRawSpan) -> SecureSession.Step
    ) -> SecureSession.Step {
        var plaintext = [UInt8](repeating: 0, count: plaintextRoom)
        var output = [UInt8](repeating: 0, count: outputRoom)
        var plaintextSpan = plaintext.mutableSpan
        var outputSpan = output.mutableSpan
        var plaintextBytes = unsafe plaintextSpan.mutableBytes
        var outputBytes = unsafe outputSpan.mutableBytes
        let step = use(&session, &plaintextBytes, &outputBytes)
        inbox += plaintext[..<step.received]
        outbox += output[..<step.sending]
        longestOutput = max(longestOutput, step.sending)
        return step
    }

    /// What is to be sent; it is taken.
    func takeOutbox() -> [UInt8] {
        defer { outbox = [] }
        return outbox
    }

    /// Carries bytes between two ends until both are silent.
    static func pump(_ first: StreamPeer, _ second: StreamPeer, pieces: Int = .max) {
        while !first.outbox.isEmpty || !second.outbox.isEmpty {
            for (sender, receiver) in [(first, second), (second, first)] {
                let bytes = sender.takeOutbox()
                for start in stride(from: 0, to: bytes.count, by: min(pieces, max(bytes.count, 1))) {
                    receiver.take(Array(bytes[start..<min(bytes.count, start + min(pieces, bytes.count))]))
                }
            }
        }
    }
}

extension [UInt8] {
    init(text: String) { self = Array(text.utf8) }
}
