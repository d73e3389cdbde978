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
