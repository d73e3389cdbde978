import Addresses
import STUNCodec

/// What a proxy says of a connection before its first byte: the PROXY protocol, version 2, of haproxy.
///
/// The text form, version 1, is not understood: its end can only be guessed.
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

    // MARK: Writing

    /// The header of a client's connection that is passed on: its address, and the one that it came to.
    ///
    /// Where a proxy has told an address of the other family both are written as IPv6 ones.
    static func bytes(of client: SocketAddress, to server: SocketAddress) -> [UInt8] {
        let (from, to) = (client.address.unmapped, server.address.unmapped)
        let isV4 = from.family == .v4 && to.family == .v4
        let addresses = isV4 ? bigEndian(from.v4Bits) + bigEndian(to.v4Bits) : v6Bytes(from) + v6Bytes(to)
        let ports = bigEndian(client.port) + bigEndian(server.port)
        let count = bigEndian(UInt16(truncatingIfNeeded: addresses.count + ports.count))
        // Version 2 and PROXY; TCP over IPv4 or IPv6.
        return signature.indices.map { signature[$0] } + [0x21, isV4 ? 0x11 : 0x21] + count + addresses + ports
    }

    private static func v6Bytes(_ address: IPAddress) -> [UInt8] {
        guard address.family == .v4 else { return bigEndian(address.high) + bigEndian(address.low) }
        return bigEndian(UInt64(0)) + bigEndian(0xFFFF_0000_0000 | UInt64(address.v4Bits))
    }

    private static func bigEndian(_ number: some FixedWidthInteger) -> [UInt8] {
        stride(from: number.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
    }
}
