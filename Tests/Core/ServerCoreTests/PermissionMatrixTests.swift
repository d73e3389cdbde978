import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Row 13: only the IP address decides, and nothing passes without or after a permission")
struct PermissionMatrixTests {
    /// How a peer came to have a permission.
    enum Grant: CaseIterable {
        case createPermission
        case channelBind
    }

    /// How a packet goes.
    enum Way: CaseIterable {
        case send
        case channelData
        case inbound
        case icmp
    }

    /// What is true of the peer when the packet goes.
    enum State: CaseIterable {
        case granted
        case expired
        case otherIP
        case sameIPOtherPort
    }

    @Test(
        "row 13: each way times each state",
        arguments: [(SocketAddress.peer, 1), (.peer6, 2)] as [(SocketAddress, UInt8)]
    )
    func matrix(granted: SocketAddress, family: UInt8) throws {
        let neighbour = SocketAddress(granted.address.next, port: granted.port)
        for grant in Grant.allCases {
            for way in Way.allCases {
                for state in State.allCases {
                    let turn = TURNHarness()
                    let relayed = try #require(turn.allocate([.family(family), .lifetime(3600)]).relayed.first)
                    switch grant {
                    case .createPermission: #expect(turn.permit(granted).isSuccess)
                    case .channelBind: #expect(turn.bind(0x4000, to: granted).isSuccess)
                    }
                    turn.wait(seconds: state == .expired ? 300 : 299)
                    let peer =
                        switch state {
                        case .granted, .expired: granted
                        case .otherIP: neighbour
                        case .sameIPOtherPort: granted.port(granted.port + 1)
                        }
                    let passes = state == .granted || state == .sameIPOtherPort
                    let outcome: TURNHarness.Outcome
                    switch way {
                    case .send: outcome = turn.sendIndication(to: peer)
                    case .inbound: outcome = try #require(turn.fromPeer(peer, to: relayed))
                    case .icmp:
                        outcome = try #require(turn.icmp(ICMP(type: 3, code: 3, data: 0), to: peer, from: relayed))
                    case .channelData:
                        // The channel is the granted peer's alone: on its number nothing reaches another one.
                        outcome = turn.channelData(0x4000)
                        let isBound = grant == .channelBind && state != .expired
                        #expect(outcome.isToPeer == isBound)
                        if isBound {
                            #expect(outcome.verdict == .toPeer(granted, RelayID(index: 1), dontFragment: false))
                        }
                        continue
                    }
                    #expect((outcome.isToPeer || outcome.isToClient) == passes, "\(grant) \(way) \(state)")
                    #expect(passes || outcome.verdict == .drop(.noPermission))
                }
            }
        }
    }

    @Test("row 13: before any grant nothing passes, and one client's permission is nobody else's")
    func none() throws {
        let turn = TURNHarness()
        let alice = try #require(turn.allocate().relayed.first)
        let bob = try #require(turn.allocate(by: .bob).relayed.first)
        for relayed in [alice, bob] { #expect(turn.fromPeer(.peer, to: relayed)?.verdict == .drop(.noPermission)) }
        #expect(turn.sendIndication(to: .peer).verdict == .drop(.noPermission))
        #expect(turn.channelData(0x4000).verdict == .drop(.noChannel))
        turn.bind(0x4000, to: .peer, by: .bob)
        #expect(turn.sendIndication(to: .peer).verdict == .drop(.noPermission))
        #expect(turn.channelData(0x4000).verdict == .drop(.noChannel))
        #expect(turn.fromPeer(.peer, to: alice)?.verdict == .drop(.noPermission))
        #expect(turn.fromPeer(.peer, to: bob)?.verdict == .toClient(TURNClient.bob.flow))
    }

    @Test("row 13: a permission of an allocation that has ended is worth nothing to the next one on its 5-tuple")
    func nextAllocation() throws {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        turn.bind(0x4000, to: .peer)
        #expect(turn.refresh(0).isSuccess)
        let relayed = try #require(turn.allocate().relayed.first)
        #expect(turn.sendIndication(to: .peer).verdict == .drop(.noPermission))
        #expect(turn.channelData(0x4000).verdict == .drop(.noChannel))
        #expect(turn.fromPeer(.peer, to: relayed)?.verdict == .drop(.noPermission))
    }
}

extension IPAddress {
    /// The address after this one, within the last byte.
    fileprivate var next: IPAddress {
        family == .v4 ? IPAddress(v4: v4Bits + 1) : IPAddress(v6High: high, low: low + 1)
    }
}
