// Unsafe: sockets of the C library take pointers. A test must send bytes that no client library would send, from
// outside of the product's own engine, so this file has sockets of its own.
import Foundation

/// A datagram socket of a test, bound to a port of the kernel's choice.
struct UDPClient: ~Copyable {
    struct Datagram: Equatable {
        let bytes: [UInt8]
        let from: Endpoint
    }

    struct Endpoint: Hashable, CustomStringConvertible {
        let address: String
        let port: UInt16
        var description: String { address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)" }
        init(_ address: String, _ port: UInt16) {
            self.address = address
            self.port = port
        }
    }

    private let socketDescriptor: Int32
    let local: Endpoint

    /// Binds to a numeric address, for a port of the kernel's choice unless one is given.
    init(_ address: String = "127.0.0.1", port: UInt16 = 0) throws {
        let (storage, length) = try Self.resolve(Endpoint(address, port))
        let descriptor = socket(Int32(storage.ss_family), Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Self.failure("socket") }
        var bound = storage
        var boundLength = length
        let result = unsafe withUnsafeMutablePointer(to: &bound) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &boundLength) == 0
            }
        }
        guard result else {
            let error = Self.failure("bind \(address):\(port)")
            close(descriptor)
            throw error
        }
        socketDescriptor = descriptor
        local = Self.endpoint(bound, boundLength)
    }

    deinit { close(socketDescriptor) }

    func send(_ bytes: [UInt8], to destination: Endpoint) throws {
        var (storage, length) = try Self.resolve(destination)
        let sent = unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe sendto(socketDescriptor, bytes, bytes.count, 0, address, length)
            }
        }
        guard sent == bytes.count else { throw Self.failure("sendto \(destination)") }
    }

    /// The next datagram, or nil if none comes within `milliseconds`.
    func receive(within milliseconds: Int32 = 2000) throws -> Datagram? {
        var waiting = pollfd(fd: socketDescriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&waiting, 1, milliseconds) == 1 else { return nil }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe recvfrom(socketDescriptor, &bytes, bytes.count, 0, address, &length)
            }
        }
        guard count >= 0 else { throw Self.failure("recvfrom") }
        return Datagram(bytes: Array(bytes.prefix(count)), from: Self.endpoint(storage, length))
    }

    /// Sends and returns the next datagram, or nil if none comes within `milliseconds`.
    func ask(_ server: Endpoint, _ bytes: [UInt8], within milliseconds: Int32 = 2000) throws -> Datagram? {
        try send(bytes, to: server)
        return try receive(within: milliseconds)
    }

    private static func failure(_ what: String) -> Program.Failure {
        Program.Failure(description: unsafe "\(what): \(String(cString: strerror(errno)))")
    }

    private static func resolve(_ endpoint: Endpoint) throws -> (sockaddr_storage, socklen_t) {
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        unsafe hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(endpoint.address, String(endpoint.port), &hints, &list) == 0, let first = unsafe list,
            let address = unsafe first.pointee.ai_addr
        else { throw Program.Failure(description: "\(endpoint) is no address") }
        defer { unsafe freeaddrinfo(list) }
        var storage = sockaddr_storage()
        let length = unsafe first.pointee.ai_addrlen
        unsafe withUnsafeMutableBytes(of: &storage) { target in
            unsafe target.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(length)))
        }
        return (storage, length)
    }

    private static func endpoint(_ storage: sockaddr_storage, _ length: socklen_t) -> Endpoint {
        var copy = storage
        var host = [CChar](repeating: 0, count: 64)
        var service = [CChar](repeating: 0, count: 16)
        unsafe withUnsafePointer(to: &copy) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                let flags = NI_NUMERICHOST | NI_NUMERICSERV
                _ = unsafe getnameinfo(address, length, &host, 64, &service, 16, flags)
            }
        }
        return Endpoint(text(host), UInt16(text(service)) ?? 0)
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
