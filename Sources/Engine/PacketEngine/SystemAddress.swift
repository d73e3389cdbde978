// Unsafe: a sockaddr_in is kept in the memory of the larger sockaddr_in6, as the system itself does it.

import Addresses
import CLinux
import Glibc

/// Between `SocketAddress` and the system's address structures.
enum SystemAddress {
    /// The structure for an address, and how much of it counts.
    static func make(_ address: SocketAddress) -> (sockaddr_in6, socklen_t) {
        var name = sockaddr_in6()
        let length = unsafe withUnsafeMutablePointer(to: &name) { unsafe store(address, in: $0) }
        return (name, length)
    }

    /// Writes an address; returns how many bytes count.
    static func store(_ address: SocketAddress, in name: UnsafeMutablePointer<sockaddr_in6>) -> socklen_t {
        let raw = UnsafeMutableRawPointer(name)
        switch address.address.family {
        case .v4:
            var v4 = sockaddr_in()
            v4.sin_family = sa_family_t(AF_INET)
            v4.sin_port = address.port.bigEndian
            v4.sin_addr.s_addr = address.address.v4Bits.bigEndian
            unsafe raw.storeBytes(of: v4, as: sockaddr_in.self)
            return socklen_t(MemoryLayout<sockaddr_in>.size)
        case .v6:
            unsafe name.pointee = sockaddr_in6()
            unsafe name.pointee.sin6_family = sa_family_t(AF_INET6)
            unsafe name.pointee.sin6_port = address.port.bigEndian
            let offset = 8  // of sin6_addr: family, port and flow label come before it
            unsafe raw.storeBytes(of: address.address.high.bigEndian, toByteOffset: offset, as: UInt64.self)
            unsafe raw.storeBytes(of: address.address.low.bigEndian, toByteOffset: offset + 8, as: UInt64.self)
            return socklen_t(MemoryLayout<sockaddr_in6>.size)
        }
    }

    /// Reads what the system wrote.
    static func load(_ name: UnsafePointer<sockaddr_in6>) -> SocketAddress {
        let raw = unsafe UnsafeRawPointer(name)
        // Family and port stand in the same place in both structures.
        let port = unsafe UInt16(bigEndian: name.pointee.sin6_port)
        guard unsafe name.pointee.sin6_family == sa_family_t(AF_INET6) else {
            let bits = unsafe UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            return SocketAddress(IPAddress(v4: bits), port: port)
        }
        let high = unsafe UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        let low = unsafe UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
        return SocketAddress(IPAddress(v6High: high, low: low), port: port)
    }

    /// Whether two structures are the same address, port and scope.
    static func areEqual(_ one: UnsafePointer<sockaddr_in6>, _ other: UnsafePointer<sockaddr_in6>) -> Bool {
        let a = unsafe UnsafeRawPointer(one)
        let b = unsafe UnsafeRawPointer(other)
        // Family, port, and IPv4's address or IPv6's flow label.
        guard unsafe a.loadUnaligned(as: UInt64.self) == b.loadUnaligned(as: UInt64.self) else { return false }
        guard unsafe one.pointee.sin6_family == sa_family_t(AF_INET6) else { return true }
        return unsafe a.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            == b.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            && a.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
                == b.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
            && one.pointee.sin6_scope_id == other.pointee.sin6_scope_id
    }

    /// Hands an address to a system call, whose result it returns.
    static func with(
        _ address: SocketAddress,
        _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var (name, length) = make(address)
        return unsafe withUnsafePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe call($0, length) }
        }
    }

    /// The address that a socket has; nil when the system does not tell.
    static func local(of descriptor: Int32) -> SocketAddress? {
        var name = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        return unsafe withUnsafeMutablePointer(to: &name) { pointer in
            let result = unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &length)
            }
            return result == 0 ? unsafe load(pointer) : nil
        }
    }

    /// Writes an address's bytes in network order; returns 4 or 16.
    static func storeBytes(of address: IPAddress, in raw: UnsafeMutableRawPointer) -> Int32 {
        switch address.family {
        case .v4:
            unsafe raw.storeBytes(of: address.v4Bits.bigEndian, as: UInt32.self)
            return 4
        case .v6:
            unsafe raw.storeBytes(of: address.high.bigEndian, as: UInt64.self)
            unsafe raw.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            return 16
        }
    }

    /// Reads 4 or 16 bytes in network order; nil for any other count.
    static func loadBytes(_ raw: UnsafeRawPointer, count: Int32) -> IPAddress? {
        switch count {
        case 4:
            return unsafe IPAddress(v4: UInt32(bigEndian: raw.loadUnaligned(as: UInt32.self)))
        case 16:
            let high = unsafe UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self))
            let low = unsafe UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            return IPAddress(v6High: high, low: low)
        default:
            return nil
        }
    }
}
