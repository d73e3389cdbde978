// Unsafe: raw sockets, whose calls take pointers to buffers and addresses.

public import Addresses
import CLinux
import Glibc

@testable import PacketEngine

/// Sees the IPv4 headers of all UDP datagrams that come to this host; for root only.
public final class IPSniffer {
    private let descriptor: Int32

    /// Begins to listen.
    public init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_RAW.rawValue), Int32(IPPROTO_UDP))
        guard descriptor >= 0 else { throw TestClient.Failure(code: errno) }
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        // Room for what other tests send meanwhile.
        var size: Int32 = 1 << 25
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { close(descriptor) }

    /// Whether the next datagram to a port has the DF bit; others are passed over.
    public func next(toPort port: UInt16) throws -> Bool { try header(toPort: port)[6] & 0x40 != 0 }

    /// The IPv4 header of the next datagram to a port; others are passed over.
    public func header(toPort port: UInt16) throws -> [UInt8] {
        while true {
            var packet = [UInt8](repeating: 0, count: 65_536)
            let count = unsafe recv(descriptor, &packet, packet.count, 0)
            guard count >= 28 else { throw TestClient.Failure(code: errno) }
            let header = Int(packet[0] & 0x0F) * 4
            if UInt16(packet[header + 2]) << 8 | UInt16(packet[header + 3]) == port { return Array(packet[..<header]) }
        }
    }
}

/// Makes ICMP messages that no router has sent; for root only.
public enum ICMPForger {
    /// Tells a socket that a datagram of it was too big for some link.
    public static func fragmentationNeeded(mtu: UInt16, of local: SocketAddress, to peer: SocketAddress) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_RAW.rawValue), Int32(IPPROTO_ICMP))
        guard descriptor >= 0 else { throw TestClient.Failure(code: errno) }
        defer { close(descriptor) }
        func bytes<I: FixedWidthInteger>(_ value: I) -> [UInt8] {
            unsafe withUnsafeBytes(of: value.bigEndian, Array.init)
        }
        // Type 3, code 4, room for the checksum, unused, MTU (RFC 1191 section 4); then what was sent: IP and UDP headers.
        var message: [UInt8] = [3, 4, 0, 0, 0, 0] + bytes(mtu)
        message +=
            [0x45, 0, 0, 28, 0, 1, 0x40, 0, 64, 17, 0, 0] + bytes(local.address.v4Bits) + bytes(peer.address.v4Bits)
        message += bytes(local.port) + bytes(peer.port) + [0, 8, 0, 0]
        var sum = stride(from: 0, to: message.count, by: 2).reduce(UInt32(0)) {
            $0 + UInt32(message[$1]) << 8 + UInt32(message[$1 + 1])
        }
        while sum >> 16 != 0 { sum = sum & 0xFFFF + sum >> 16 }
        message.replaceSubrange(2..<4, with: bytes(~UInt16(sum)))
        let sent = unsafe SystemAddress.with(SocketAddress(local.address, port: 0)) { name, length in
            unsafe Int32(sendto(descriptor, message, message.count, 0, name, length))
        }
        guard sent == message.count else { throw TestClient.Failure(code: errno) }
    }
}
