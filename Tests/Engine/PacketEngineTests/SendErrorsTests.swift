import Addresses
import Glibc
import TestSockets
import Testing

@testable import PacketEngine

@Suite("Why datagrams could not be sent")
struct SendErrorsTests {
    @Test("error numbers have a cause each, and what is unknown is another one")
    func causes() {
        let numbers: [(SendErrors.Cause, [Int32])] = [
            (.noRoom, [EAGAIN, ENOBUFS, ENOMEM]), (.unreachable, [ENETUNREACH, EHOSTUNREACH, ECONNREFUSED]),
            (.forbidden, [EPERM, EACCES]), (.tooLong, [EMSGSIZE]), (.other, [EINVAL, EIO, 0, -1, .max, .min]),
        ]
        for (cause, codes) in numbers { for code in codes { #expect(SendErrors.Cause(code) == cause, "\(code)") } }
        #expect(Set(numbers.map(\.0)) == Set(SendErrors.Cause.allCases))
    }

    @Test("each datagram that is refused counts once, by its kind of socket, and flushes keep it")
    func counted() throws {
        let listener = try UDPSocket(bindingTo: .loopback(0), sharesPort: false, bufferSize: 1 << 20)
        let relay = try RelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(relay) }
        var batch = try DatagramBatch.calling(by: .single)
        for socket in [listener.handle, relay] {
            for address in [SocketAddress(IPAddress(v4: .max), port: 9), .loopback(.v6, 9)] {
                let slot = try takeSlot(in: &batch)
                batch.queue(slot: slot, offset: DatagramBatch.headroom, count: 1, on: socket, to: address, tag: 0)
            }
            #expect(batch.flush().count == 2)
        }
        // Without SO_BROADCAST the system refuses the one, and an IPv4 socket has no way to the other.
        for cause in SendErrors.Cause.allCases {
            let wanted: UInt64 = cause == .forbidden || cause == .other ? 1 : 0
            #expect(batch.sendErrors.byListeners(cause) == wanted, "\(cause)")
            #expect(batch.sendErrors.byRelaySockets(cause) == wanted, "\(cause)")
        }
        var sum = SendErrors()
        sum.add(batch.sendErrors)
        sum.add(batch.sendErrors)
        #expect(sum.byListeners(.forbidden) == 2 && sum.byRelaySockets(.other) == 2)
    }
}
