import Addresses
import STUNCodec
import WireFixtures

@testable import ServerCore

/// A client of draft-rosenberg-midcom-turn-00 beside the relay under test.
extension TURNHarness {
    /// A relay with mirrors for the network of `TURNClient.alice` and one IPv6 network.
    static func mirrors(
        _ change: (inout MirrorPolicy) -> Void = { _ in },
        turn changeTURN: (inout TURNPolicy) -> Void = { _ in }
    ) -> TURNHarness {
        TURNHarness { turn in
            var mirror = MirrorPolicy()
            mirror.clients = ["217.230.186.0/24", "2001:db8:ff::/48"].compactMap { IPPrefix($0) }
            change(&mirror)
            turn.mirror = mirror
            changeTURN(&turn)
        }
    }

    /// Allocate of draft -00: 8 bytes, unless there are attributes.
    static func draftAllocate(_ id: [UInt8] = [0xD0, 0x0D, 0, 1], _ attributes: [Wire.Attribute] = []) -> [UInt8] {
        Wire.message(0x0002, as: .rosenberg, id: id, attributes)
    }

    /// Sends Allocate from a client, and reads what is answered.
    func mirror(by client: TURNClient = .alice, id: [UInt8] = [0xD0, 0x0D, 0, 1]) -> DraftReply? {
        DraftReply(send(Self.draftAllocate(id), from: client.flow))
    }

    /// What a client itself sends to the port of its mirror.
    func ask(_ port: SocketAddress, from client: SocketAddress, _ bytes: [UInt8] = draftAllocate()) -> DraftReply? {
        fromPeer(client, to: port, bytes).flatMap { DraftReply($0) }
    }

    /// A mirror whose first peer has sent.
    func lockedMirror(to peer: SocketAddress = .peer) -> SocketAddress? {
        guard let port = mirror()?.mapped else { return nil }
        return fromPeer(peer, to: port) == Outcome(verdict: .toClient(TURNClient.alice.flow), bytes: [1, 2, 3])
            ? port : nil
    }
}

/// An answer of draft -00, taken apart byte by byte.
struct DraftReply {
    let verdict: Verdict
    let type: UInt16
    let id: [UInt8]
    /// MAPPED-ADDRESS; a full server gives none.
    var mapped: SocketAddress?
    /// LIFETIME in seconds.
    var lifetime: UInt32?
    /// The numbers of all attributes, in their order.
    let types: [UInt16]
    /// ALTERNATE-SERVER.
    var alternate: SocketAddress?

    init?(_ outcome: TURNHarness.Outcome) {
        guard let message = TakenApart(outcome.bytes, as: .rosenberg) else { return nil }
        verdict = outcome.verdict
        type = message.type
        id = Array(outcome.bytes[4..<8])
        types = message.types
        mapped = message[1].flatMap(Self.address)
        lifetime = message[6].map { $0.reduce(0) { $0 << 8 | UInt32($1) } }
        alternate = message[7].flatMap(Self.address)
    }

    /// port, family, zero, address (draft-rosenberg-midcom-stun-01).
    private static func address(_ value: [UInt8]) -> SocketAddress? {
        guard value.count == 8 || value.count == 20, value[3] == 0 else { return nil }
        let port = UInt16(value[0]) << 8 | UInt16(value[1])
        let words = stride(from: 4, to: value.count, by: 4).map { start in
            value[start..<(start + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        }
        if value[2] == 1, words.count == 1 { return SocketAddress(IPAddress(v4: words[0]), port: port) }
        guard value[2] == 2, words.count == 4 else { return nil }
        let (high, low) = (UInt64(words[0]) << 32 | UInt64(words[1]), UInt64(words[2]) << 32 | UInt64(words[3]))
        return SocketAddress(IPAddress(v6High: high, low: low), port: port)
    }
}
