// Unsafe: getifaddrs hands out a linked list of C structures.

public import Addresses
import CLinux
import Glibc

/// The addresses of this host's network interfaces.
public enum HostAddresses {
    /// One address of one interface.
    public struct Entry: Sendable, Equatable {
        /// The interface's name, such as "eth0".
        public let interface: String
        /// The address.
        public let address: IPAddress
        /// How many of its leading bits the interface's network shares.
        public let prefixLength: Int

        /// Joins the three.
        public init(interface: String, address: IPAddress, prefixLength: Int) {
            self.interface = interface
            self.address = address
            self.prefixLength = prefixLength
        }
    }

    /// All IPv4 and IPv6 addresses, in the system's order; empty when the system does not tell.
    public static func all() -> [Entry] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&list) == 0 else { return [] }
        defer { unsafe freeifaddrs(list) }
        var entries: [Entry] = []
        var next = unsafe list
        while let current = unsafe next {
            unsafe next = current.pointee.ifa_next
            guard let address = unsafe address(current.pointee.ifa_addr),
                let mask = unsafe self.address(current.pointee.ifa_netmask)
            else { continue }
            let length = mask.high.nonzeroBitCount + mask.low.nonzeroBitCount
            let name = unsafe String(cString: current.pointee.ifa_name)
            entries.append(Entry(interface: name, address: address, prefixLength: length))
        }
        return entries
    }

    /// The address from which this host would reach the Internet, or else its first one that others can reach, or else
    /// its loopback address; nil when it has none of the family.
    ///
    /// IPv6: not a temporary one (RFC 8981), which would be gone tomorrow.
    public static func outgoing(_ family: IPAddress.Family) -> IPAddress? {
        if let routed = routed(family) { return routed }
        let candidates = all().map(\.address).filter { $0.family == family && !$0.isLinkLocal }
        return candidates.first { !$0.isLoopback } ?? candidates.first
    }

    /// The source address of the route to a global address: connecting a UDP socket chooses it and sends nothing.
    private static func routed(_ family: IPAddress.Family) -> IPAddress? {
        // Addresses for documentation, which nobody has, so that no route but the general one leads there
        // (RFC 5737, RFC 3849).
        let far =
            family == .v4 ? IPAddress(v4: 0xC000_0201) : IPAddress(v6High: 0x2001_0DB8_0000_0000, low: 1)
        let system = family == .v4 ? AF_INET : AF_INET6
        let descriptor = socket(system, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        if family == .v6 {
            var preference = Int32(CLINUX_IPV6_PREFER_SRC_PUBLIC)
            let size = socklen_t(MemoryLayout<Int32>.size)
            _ = unsafe setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_ADDR_PREFERENCES, &preference, size)
        }
        let address = SocketAddress(far, port: 9)
        guard unsafe SystemAddress.with(address, { unsafe connect(descriptor, $0, $1) }) == 0 else { return nil }
        guard let local = SystemAddress.local(of: descriptor)?.address, !local.isUnspecified else { return nil }
        return local.isLinkLocal ? nil : local
    }

    private static func address(_ name: UnsafeMutablePointer<sockaddr>?) -> IPAddress? {
        guard let name = unsafe name else { return nil }
        switch Int32(unsafe name.pointee.sa_family) {
        case AF_INET:
            // Copied, since a sockaddr_in is smaller than the structure that is read from.
            var copy = sockaddr_in6()
            unsafe withUnsafeMutableBytes(of: &copy) { bytes in
                unsafe bytes.copyMemory(
                    from: UnsafeRawBufferPointer(start: name, count: MemoryLayout<sockaddr_in>.size)
                )
            }
            return unsafe withUnsafePointer(to: copy) { unsafe SystemAddress.load($0).address }
        case AF_INET6:
            return unsafe name.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                unsafe SystemAddress.load($0).address
            }
        default:
            return nil
        }
    }
}
