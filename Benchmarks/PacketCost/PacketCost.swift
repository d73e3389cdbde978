import Addresses
import ServerCore

/// Runs one piece of work of the pure packet path so many times: `packet-cost WORK COUNT`.
///
/// `Scripts/instructions` counts its instructions. No clock, no randomness, no socket: the same program does exactly the same
/// each time.
@main
struct PacketCost {
    static func main() {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let work = Work(rawValue: arguments[1]), let count = Int(arguments[2]), count > 0
        else {
            let all = Work.allCases.map(\.rawValue).joined(separator: ", ")
            print("packet-cost takes a work and a count; works: \(all)")
            return
        }
        var bench = Bench()
        let wrong = bench.run(work, count)
        print(
            wrong == 0 ? "\(work.rawValue): \(count)" : "\(work.rawValue): \(wrong) of \(count) came to something else"
        )
    }
}

/// What is counted.
enum Work: String, CaseIterable {
    /// A Binding request and its answer.
    case binding
    /// ChannelData of a client, to its peer.
    case channelData = "channel-data"
    /// A Send indication of a client, to its peer.
    case sendIndication = "send-indication"
    /// A peer's datagram that leaves as ChannelData.
    case peerChannel = "peer-channel"
    /// A peer's datagram that leaves as a Data indication.
    case peerIndication = "peer-indication"
    /// ChannelData of somebody who has no allocation.
    case stranger
    /// Bytes that are no STUN.
    case garbage

    /// Whether the verdict is the one that the work is named after.
    func isExpected(_ verdict: Verdict) -> Bool {
        switch (self, verdict) {
        case (.binding, .reply), (.channelData, .toPeer), (.sendIndication, .toPeer), (.peerChannel, .toClient),
            (.peerIndication, .toClient), (.stranger, .drop(.noAllocation)), (.garbage, .drop(.notSTUN)):
            true
        default: false
        }
    }
}

/// The addresses that play.
enum Cast {
    static let server = SocketAddress(IPAddress(v4: 0x1400_0001), port: 3478)
    static let peer = SocketAddress(IPAddress(v4: 0x0505_0501), port: 1000)
    /// Clients: with a channel, with a permission only, with nothing.
    static let bound = flow(0x0700_0001)
    static let permitted = flow(0x0700_0002)
    static let stranger = flow(0x0700_0003)

    private static func flow(_ address: UInt32) -> ClientFlow {
        ClientFlow(
            source: SocketAddress(IPAddress(v4: address), port: 1000),
            destination: server,
            role: .primaryPrimary
        )
    }
}

/// Relay sockets that are only numbers.
struct Ports: RelayPorts {
    private var count: Int32 = 0

    mutating func open(_ request: RelayPortRequest, now: Instant) throws(RelayPortError) -> OpenedRelay {
        defer { count &+= 1 }
        let port = UInt16(truncatingIfNeeded: 50_000 &+ count)
        return OpenedRelay(id: RelayID(index: count), address: SocketAddress(Cast.server.address, port: port))
    }

    mutating func close(_ relay: RelayID, now: Instant) {}

    func isOpen(port: UInt16, of family: IPAddress.Family) -> Bool { false }

    func isListening(port: UInt16, of family: IPAddress.Family) -> Bool { false }
}
