// Unsafe: sockets take pointers to buffers and addresses.
public import Addresses
import Glibc
import Synchronization

import class Foundation.Thread

/// A name server that answers what no real one would, by UDP and TCP on one port of 127.0.0.1.
public final class FakeNameServer: Sendable {
    /// Makes of a question the answer by UDP; nil for silence.
    public typealias Answer = @Sendable (_ question: [UInt8]) -> [UInt8]?

    /// Where it answers.
    public let address: SocketAddress
    private let udp: Int32
    private let tcp: Int32
    private let isEnding = Atomic(false)
    private let questions: AsyncStream<Void>
    private let asked: AsyncStream<Void>.Continuation

    /// Begins to answer.
    ///
    /// - `answerByTCP`: what a question by TCP is answered; the length goes before it by itself.
    public init(answer: @escaping Answer, answerByTCP: @escaping Answer = { _ in nil }) throws {
        (questions, asked) = AsyncStream.makeStream()
        // A port that is free for both; one that is free for UDP may be a TCP connection's.
        var pair: (udp: Int32, tcp: Int32, port: UInt16)?
        for _ in 0..<20 where pair == nil {
            let udp = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
            let tcp = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            if let port = Self.bind(udp, port: 0), Self.bind(tcp, port: port) != nil, listen(tcp, 16) == 0 {
                pair = (udp, tcp, port)
            } else {
                close(udp)
                close(tcp)
            }
        }
        guard let pair else { throw TestNameServer.Failure(description: "no port (error \(errno))") }
        (udp, tcp) = (pair.udp, pair.tcp)
        address = SocketAddress(IPAddress(v4: 0x7F00_0001), port: pair.port)
        var limit = timeval(tv_sec: 0, tv_usec: 50_000)
        let size = socklen_t(MemoryLayout<timeval>.size)
        for descriptor in [udp, tcp] { unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size) }
        Thread.detachNewThread { self.serveUDP(answer) }
        Thread.detachNewThread { self.serveTCP(answerByTCP) }
    }

    /// Ends; its threads notice within a moment.
    public func stop() { isEnding.store(true, ordering: .relaxed) }

    /// Waits until it was asked once more.
    public func question() async { for await _ in questions { return } }

    private static func bind(_ descriptor: Int32, port: UInt16) -> UInt16? {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = unsafe withUnsafeMutablePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                let bound = unsafe Glibc.bind(descriptor, $0, length)
                return bound == 0 ? unsafe getsockname(descriptor, $0, &length) : bound
            }
        }
        return result == 0 ? UInt16(bigEndian: name.sin_port) : nil
    }

    private func serveUDP(_ answer: Answer) {
        defer { close(udp) }
        while !isEnding.load(ordering: .relaxed) {
            var bytes = [UInt8](repeating: 0, count: 2048)
            var sender = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            unsafe withUnsafeMutablePointer(to: &sender) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                    let count = unsafe recvfrom(udp, &bytes, bytes.count, 0, name, &length)
                    guard count > 0 else { return }
                    asked.yield()
                    guard let reply = answer(Array(bytes[..<count])) else { return }
                    _ = unsafe sendto(udp, reply, reply.count, 0, name, length)
                }
            }
        }
    }

    private func serveTCP(_ answer: Answer) {
        defer { close(tcp) }
        while !isEnding.load(ordering: .relaxed) {
            let client = accept(tcp, nil, nil)
            guard client >= 0 else { continue }
            defer { close(client) }
            var bytes = [UInt8](repeating: 0, count: 2048)
            let count = unsafe recv(client, &bytes, bytes.count, 0)
            guard count > 2, let reply = answer(Array(bytes[2..<count])) else { continue }
            var rest = [UInt8(reply.count >> 8), UInt8(reply.count & 0xFF)] + reply
            while !rest.isEmpty {
                let sent = unsafe send(client, rest, rest.count, Int32(MSG_NOSIGNAL))
                guard sent > 0 else { break }
                rest.removeFirst(sent)
            }
            // Until the client has read it all: closing earlier could take it away.
            _ = unsafe recv(client, &bytes, bytes.count, 0)
        }
    }
}

/// Answers of a name server, byte by byte (RFC 1035 section 4.1).
public enum FakeAnswer {
    /// The question again as an answer without records that says that it is cut, so that the client asks by TCP.
    public static func cut(_ question: [UInt8]) -> [UInt8] { header(question, flags: 0x8380, answers: 0) }

    /// An answer with this code and no records.
    public static func code(_ code: UInt16, _ question: [UInt8]) -> [UInt8] {
        header(question, flags: 0x8180 | code, answers: 0)
    }

    /// An answer with `count` IPv4 addresses from 198.18.0.1 on, each of 16 bytes.
    public static func addresses(_ count: Int, _ question: [UInt8]) -> [UInt8] {
        var answer = header(question, flags: 0x8180, answers: UInt16(count))
        for number in 1...count {
            answer += [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 18, UInt8(number >> 8), UInt8(number & 0xFF)]
        }
        return answer
    }

    private static func header(_ question: [UInt8], flags: UInt16, answers: UInt16) -> [UInt8] {
        let bytes = { (value: UInt16) in [UInt8(value >> 8), UInt8(value & 0xFF)] }
        // The question alone: what else the client sent with it (RFC 6891) is not repeated.
        let end = question[12...].firstIndex(of: 0).map { $0 + 5 } ?? question.count
        return Array(question[..<2]) + bytes(flags) + [0, 1] + bytes(answers) + [0, 0, 0, 0] + Array(question[12..<end])
    }
}
