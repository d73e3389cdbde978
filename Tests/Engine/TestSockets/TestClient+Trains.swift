// Unsafe: setsockopt takes pointers.

public import Addresses
import CLinux
import Glibc

extension TestClient {
    private static let udpSegment: Int32 = 103  // UDP_SEGMENT, <linux/udp.h>

    /// Sends datagrams of `segment` bytes each, but for a shorter last one, that go through the loopback as one.
    public func sendTrain(_ bytes: [UInt8], of segment: Int, to address: SocketAddress? = nil) throws {
        try setSegment(segment)
        if let address { try send(bytes, to: address) } else { try send(bytes) }
        try setSegment(0)
    }

    private func setSegment(_ size: Int) throws {
        var size = Int32(size)
        let length = socklen_t(MemoryLayout<Int32>.size)
        let result = unsafe setsockopt(descriptor, Int32(IPPROTO_UDP), Self.udpSegment, &size, length)
        guard result == 0 else { throw Failure(code: errno) }
    }
}
