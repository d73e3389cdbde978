// Unsafe: the socket calls of POSIX take C pointers. Every pointer stays inside its call.

import Addresses
import Glibc

/// Stream sockets between hosts.
enum TCPSocket {
    /// A socket that listens at an address.
    static func listening(at local: SocketAddress) throws(SystemError) -> Descriptor {
        let descriptor = try make(local.address.family)
        try set(descriptor, SOL_SOCKET, SO_REUSEADDR)
        if local.address.family == .v6 { try set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY) }
        guard unsafe withAddress(local, { unsafe bind(descriptor.number, $0, $1) }) == 0 else { throw SystemError() }
        guard listen(descriptor.number, 16) == 0 else { throw SystemError() }
        return descriptor
    }

    /// The next client and where it comes from; EAGAIN when there is none now.
    static func accepted(from listener: Descriptor) throws(SystemError) -> (Descriptor, SocketAddress) {
        var name = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let number = unsafe withUnsafeMutablePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe accept(listener.number, $0, &length)
            }
        }
        guard number >= 0 else { throw SystemError() }
        let descriptor = Descriptor(number)
        guard fcntl(number, F_SETFD, FD_CLOEXEC) == 0, fcntl(number, F_SETFL, O_NONBLOCK) == 0 else {
            throw SystemError()
        }
        try? set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
        return (descriptor, unsafe withUnsafeBytes(of: name) { unsafe load($0) })
    }

    /// A socket connected to `remote`, from `local` where that is told.
    static func connected(
        to remote: SocketAddress,
        from local: IPAddress?,
        until deadline: ContinuousClock.Instant
    ) throws(TransferError) -> Descriptor {
        do throws(SystemError) {
            let descriptor = try make(remote.address.family)
            if let local {
                let name = SocketAddress(local, port: 0)
                guard unsafe withAddress(name, { unsafe bind(descriptor.number, $0, $1) }) == 0 else {
                    throw SystemError()
                }
            }
            try? set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
            if unsafe withAddress(remote, { unsafe connect(descriptor.number, $0, $1) }) == 0 { return descriptor }
            guard errno == EINPROGRESS else { throw SystemError() }
            guard wait(for: Int16(POLLOUT), on: descriptor, until: deadline) else { throw SystemError(ETIMEDOUT) }
            var code: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            guard unsafe getsockopt(descriptor.number, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else {
                throw SystemError()
            }
            guard code == 0 else { throw SystemError(code) }
            return descriptor
        } catch {
            throw error.code == ETIMEDOUT ? .timedOut : .system(error)
        }
    }

    /// Reads exactly so many bytes.
    static func read(
        _ count: Int,
        from socket: Descriptor,
        until deadline: ContinuousClock.Instant
    ) throws(TransferError) -> [UInt8] {
        var bytes: [UInt8] = []
        // As it comes: a length that is only claimed takes no memory.
        var chunk = [UInt8](repeating: 0, count: min(count, 65_536))
        while bytes.count < count {
            let room = min(chunk.count, count - bytes.count)
            let received = unsafe recv(socket.number, &chunk, room, Int32(MSG_DONTWAIT))
            if received > 0 {
                bytes += chunk[..<received]
            } else if received == 0 {
                throw .closed
            } else {
                switch errno {
                case EINTR: continue
                case EAGAIN: break
                case EPIPE, ECONNRESET: throw .closed
                default: throw .system(SystemError())
                }
                guard wait(for: Int16(POLLIN), on: socket, until: deadline) else { throw .timedOut }
            }
        }
        return bytes
    }

    /// Ends both directions, so that a thread that waits for the socket wakes.
    static func shutDown(_ socket: Descriptor) { _ = shutdown(socket.number, Int32(SHUT_RDWR)) }

    /// The address that a listening socket has, for those that asked for port 0.
    static func local(of socket: Descriptor) -> SocketAddress? {
        var name = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let result = unsafe withUnsafeMutablePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(socket.number, $0, &length)
            }
        }
        return result == 0 ? unsafe withUnsafeBytes(of: name) { unsafe load($0) } : nil
    }

    // MARK: - Below

    private static func make(_ family: IPAddress.Family) throws(SystemError) -> Descriptor {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let number = socket(family == .v4 ? AF_INET : AF_INET6, type, 0)
        guard number >= 0 else { throw SystemError() }
        return Descriptor(number)
    }

    private static func set(_ socket: Descriptor, _ level: Int32, _ option: Int32) throws(SystemError) {
        var value: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe setsockopt(socket.number, level, option, &value, size) == 0 else { throw SystemError() }
    }

    /// Whether something is ready before the deadline.
    private static func wait(
        for events: Int16,
        on socket: Descriptor,
        until deadline: ContinuousClock.Instant
    ) -> Bool {
        while true {
            let rest = deadline - .now
            guard rest > .zero else { return false }
            var entry = pollfd(fd: socket.number, events: events, revents: 0)
            // Rounded up, so that a rest below a millisecond doesn't spin.
            let milliseconds = Int(min(rest / .milliseconds(1), 3_600_000)) + 1
            let count = unsafe poll(&entry, 1, Int32(clamping: milliseconds))
            if count > 0 { return true }
            if count < 0, errno != EINTR { return true }
        }
    }

    /// The system's structure: that of IPv4 in the memory of the larger one.
    private static func withAddress(
        _ address: SocketAddress,
        _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var v6 = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        unsafe withUnsafeMutableBytes(of: &v6) { raw in
            switch address.address.family {
            case .v4:
                var v4 = sockaddr_in()
                v4.sin_family = sa_family_t(AF_INET)
                v4.sin_port = address.port.bigEndian
                v4.sin_addr.s_addr = address.address.v4Bits.bigEndian
                unsafe raw.storeBytes(of: v4, as: sockaddr_in.self)
                length = socklen_t(MemoryLayout<sockaddr_in>.size)
            case .v6:
                unsafe raw.storeBytes(of: sa_family_t(AF_INET6), as: sa_family_t.self)
                unsafe raw.storeBytes(of: address.port.bigEndian, toByteOffset: 2, as: UInt16.self)
                unsafe raw.storeBytes(of: address.address.high.bigEndian, toByteOffset: 8, as: UInt64.self)
                unsafe raw.storeBytes(of: address.address.low.bigEndian, toByteOffset: 16, as: UInt64.self)
            }
        }
        return unsafe withUnsafePointer(to: &v6) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe call($0, length) }
        }
    }

    private static func load(_ raw: UnsafeRawBufferPointer) -> SocketAddress {
        let family = unsafe raw.load(as: sa_family_t.self)
        let port = unsafe UInt16(bigEndian: raw.load(fromByteOffset: 2, as: UInt16.self))
        guard family == sa_family_t(AF_INET6) else {
            let bits = unsafe UInt32(bigEndian: raw.load(fromByteOffset: 4, as: UInt32.self))
            return SocketAddress(IPAddress(v4: bits), port: port)
        }
        let high = unsafe UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        let low = unsafe UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
        return SocketAddress(IPAddress(v6High: high, low: low), port: port)
    }
}
