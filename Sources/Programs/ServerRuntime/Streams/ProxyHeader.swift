import Addresses
import STUNCodec

/// What a proxy says of a connection before its first byte: the PROXY protocol, version 2, of haproxy.
///
/// Reads only. The text form, version 1, is not understood: its end can only be guessed.
enum ProxyHeader: Equatable {
    /// More bytes are needed.
    case incomplete
    /// It is none, or one that nobody can go by.
    case invalid
    /// The proxy speaks for itself, as when it looks whether the server lives; so many bytes belong to the header.
    case own(count: Int)
    /// The connection is this client's.
    case client(SocketAddress, count: Int)

    /// The first byte of a header, which no message of STUN and no record of TLS begins with.
    static let firstByte: UInt8 = 0x0D
    /// The longest header that is taken: what stands behind the addresses is passed over.
    static let longest = 4096

    private static let signature: [12 of UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]
    private static let fixedLength = 16

    /// Reads the beginning of a connection.
    static func read(_ bytes: RawSpan) -> ProxyHeader {
        for index in signature.indices {
            guard index < bytes.byteCount else { return .incomplete }
            guard bytes.uint8(at: index) == signature[index] else { return .invalid }
        }
        guard bytes.byteCount >= fixedLength else { return .incomplete }
        let (version, command) = (bytes.uint8(at: 12) >> 4, bytes.uint8(at: 12) & 0x0F)
        let count = fixedLength + Int(bytes.uint16(at: 14))
        guard version == 2, command <= 1, count <= longest else { return .invalid }
        guard bytes.byteCount >= count else { return .incomplete }
        if command == 0 { return .own(count: count) }
        // Family and transport: TCP over IPv4, TCP over IPv6.
        switch bytes.uint8(at: 13) {
        case 0x11 where count >= fixedLength + 12:
            let address = IPAddress(v4: bytes.uint32(at: 16))
            return .client(SocketAddress(address, port: bytes.uint16(at: 24)), count: count)
        case 0x21 where count >= fixedLength + 36:
            let address = IPAddress(v6High: bytes.uint64(at: 16), low: bytes.uint64(at: 24))
            return .client(SocketAddress(address.unmapped, port: bytes.uint16(at: 48)), count: count)
        default:
            return .invalid
        }
    }
}
