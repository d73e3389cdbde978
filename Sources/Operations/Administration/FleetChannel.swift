import Glibc

/// An encrypted connection between two servers of a fleet.
///
/// ```
/// client: C5 "STF" 01, 32 random bytes          server: C5 "STF" 01, 32 random bytes
/// both:   frames of | length: 4 bytes | AES-256-GCM of the text, with its tag |
/// ```
/// The keys, one for each direction, follow from the cluster key, both random parts and the number of the server's start, so
/// a recorded connection is of no use to anybody, and whoever leads a connection to another server of the fleet, or back to
/// the one that asks, gets nothing answered. Each side's first frame proves that it has the cluster key; nothing is asked or answered before.
/// The first byte tells it from TLS and STUN over TCP on the same port.
///
/// Used by one thread at a time.
final class FleetChannel {
    /// How much a connection may take.
    struct Limits: Sendable {
        /// The longest request in bytes.
        var request = 64 << 10
        /// The longest answer in bytes.
        var answer = 1 << 20
        /// For the handshake.
        var handshake = Duration.seconds(5)
        /// For the next request to come.
        var idle = Duration.seconds(60)
        /// For a frame that has begun.
        var transfer = Duration.seconds(10)
        /// Connections served at once.
        var connections = 16
    }

    /// Which end of a connection one is.
    enum Side: Sendable { case client, server }

    /// How a connection begins: the magic number and the version of the protocol.
    static let magic: [UInt8] = [0xC5, 0x53, 0x54, 0x46, 1]
    private static let randomCount = 32

    private let socket: Descriptor
    private let limits: Limits
    private let side: Side
    private var sending: FleetCipher
    private var receiving: FleetCipher

    /// Shakes hands; throws `.untrusted` when the other side has another key.
    ///
    /// - `server`: the number of the server's start: its own, or that which its heartbeats told.
    convenience init(
        over socket: Descriptor,
        as side: Side,
        of server: UInt64,
        key: [UInt8],
        limits: Limits = Limits(),
        until deadline: ContinuousClock.Instant
    ) throws(FleetChannelError) {
        guard let own = Scrypt.randomBytes(Self.randomCount) else { throw .noMemory }
        let others: [UInt8]
        do throws(TransferError) {
            // The server says nothing before it has heard what a client of the fleet begins with.
            if side == .client { try UnixSocket.write(Self.magic + own, to: socket, until: deadline) }
            let hello = try TCPSocket.read(Self.magic.count + Self.randomCount, from: socket, until: deadline)
            guard hello.starts(with: Self.magic) else { throw TransferError.closed }
            if side == .server { try UnixSocket.write(Self.magic + own, to: socket, until: deadline) }
            others = Array(hello.dropFirst(Self.magic.count))
        } catch {
            throw .transfer(error)
        }
        let name = (0..<8).map { UInt8(truncatingIfNeeded: server >> UInt64(56 - 8 * $0)) }
        let salt = (side == .client ? own + others : others + own) + name
        guard let ask = KeyDerivation.derive(from: key, salt: salt, label: "stund fleet ask", count: 32),
            let answer = KeyDerivation.derive(from: key, salt: salt, label: "stund fleet answer", count: 32)
        else { throw .noMemory }
        self.init(
            over: socket,
            as: side,
            sending: FleetCipher(key: side == .client ? ask : answer),
            receiving: FleetCipher(key: side == .client ? answer : ask),
            limits: limits
        )
        // Both prove the key by an empty frame, the client first.
        if side == .client { try send([], until: deadline) }
        guard try receive(begins: deadline, ends: deadline).isEmpty else { throw .untrusted }
        if side == .server { try send([], until: deadline) }
    }

    /// A connection whose keys are agreed on.
    init(over socket: Descriptor, as side: Side, sending: FleetCipher, receiving: FleetCipher, limits: Limits) {
        self.socket = socket
        self.limits = limits
        self.side = side
        self.sending = sending
        self.receiving = receiving
    }

    /// Sends a text.
    func send(_ text: [UInt8], until deadline: ContinuousClock.Instant) throws(FleetChannelError) {
        guard text.count <= (side == .client ? limits.request : limits.answer) else { throw .tooLong }
        let length = UInt32(clamping: text.count + FleetCipher.overhead)
        let header = (0..<4).map { UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * $0)) }
        guard let frame = sending.seal(text, header: header) else { throw .noMemory }
        do throws(TransferError) {
            try UnixSocket.write(header + frame, to: socket, until: deadline)
        } catch {
            throw .transfer(error)
        }
    }

    /// Receives the next text, which has to begin by one moment and to be there by another.
    func receive(
        begins: ContinuousClock.Instant,
        ends: ContinuousClock.Instant? = nil
    ) throws(FleetChannelError) -> [UInt8] {
        let header: [UInt8]
        let frame: [UInt8]
        do throws(TransferError) {
            header = try TCPSocket.read(4, from: socket, until: begins)
            let length = header.reduce(0) { $0 << 8 | Int($1) }
            let most = (side == .client ? limits.answer : limits.request) + FleetCipher.overhead
            guard (FleetCipher.overhead...most).contains(length) else { throw TransferError.tooLong }
            frame = try TCPSocket.read(length, from: socket, until: ends ?? .now + limits.transfer)
        } catch {
            throw .transfer(error)
        }
        guard let text = receiving.open(frame, header: header) else { throw .untrusted }
        return text
    }
}

/// Why a connection between two servers ended.
enum FleetChannelError: Error, Equatable {
    /// The other side has another cluster key, or somebody changed what it sent.
    case untrusted
    /// What was to be sent is longer than the other side takes.
    case tooLong
    /// OpenSSL has no memory or no randomness.
    case noMemory
    /// The connection broke, or took too long.
    case transfer(TransferError)
}

extension FleetChannelError: CustomStringConvertible {
    /// The sentence for a person.
    var description: String {
        switch self {
        case .untrusted: "it has another cluster-key, or somebody changes what it sends"
        case .tooLong: "the request is longer than 64 kB"
        case .noMemory: "no memory is left"
        case .transfer(.timedOut): "it did not answer in time"
        case .transfer(.tooLong): "it sent a longer answer than 1 MB"
        case .transfer(.closed):
            "it closed the connection: its cluster-key is another one, its other-stun-servers do not name this server, it was "
                + "restarted a moment ago, or too many ask it"
        case .transfer(.system(let error)):
            error.code == ECONNREFUSED
                ? "its TCP port is closed: it has no cluster-key, or a firewall refuses TCP to its first STUN port"
                : "it cannot be reached by TCP: \(error)"
        }
    }
}
