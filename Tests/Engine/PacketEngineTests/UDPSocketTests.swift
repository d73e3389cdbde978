import Addresses
import TestSockets
import Testing

@testable import PacketEngine

@Suite("UDP sockets")
struct UDPSocketTests {
    @Test("an address that a sharing socket holds is refused by the probe, and free once it is gone")
    func probe() throws {
        var first: UDPSocket? = try UDPSocket(bindingTo: .loopback(0), sharesPort: true, bufferSize: 65_536)
        let address = SocketAddress.loopback(try #require(first).boundPort())
        let error = #expect(throws: SocketError.self) { try UDPSocket.probe(address) }
        #expect(error?.isAddressInUse == true)
        #expect(error?.description == "\(address): bind: Address already in use")
        // Without the probe the second server would get in.
        _ = try UDPSocket(bindingTo: address, sharesPort: true, bufferSize: 65_536)
        first = nil
        try UDPSocket.probe(address)
    }

    @Test("an address that this host does not have is refused with a hint")
    func missingAddress() {
        let error = #expect(throws: SocketError.self) {
            try UDPSocket.probe(SocketAddress(IPAddress(v4: 0xC000_0201), port: 0))
        }
        #expect(error?.isAddressMissing == true)
        #expect(error?.description.contains("this host has no such address") == true)
    }

    @Test("the loopback interface is among the host's addresses")
    func hostAddresses() {
        let loopback = HostAddresses.all().first { $0.address == IPAddress(v4: 0x7F00_0001) }
        #expect(loopback?.interface == "lo")
        #expect(loopback?.prefixLength == 8)
    }

    @Test("the address towards the Internet is one that this host has", arguments: IPAddress.Family.allCases)
    func outgoing(family: IPAddress.Family) throws {
        let own = HostAddresses.all().map(\.address).filter { $0.family == family }
        let outgoing = HostAddresses.outgoing(family)
        #expect(outgoing.map(own.contains) ?? own.isEmpty)
    }

    @Test("the limit of open files is raised to all that the system grants")
    func fileLimit() {
        let granted = FileLimit.raise()
        #expect(granted > 0)
        #expect(FileLimit.raise() == granted)
    }
}
