import Addresses
import STUNAuthentication
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("The long-term credential mechanism as clients of the relay see it (RFC 8489 section 9.2.4)")
struct CredentialTests {
    @Test("every answer after the credential, success or refusal, carries the integrity of the request's own kind")
    func integrity() {
        for kind in TURNClient.Kind.allCases {
            let turn = TURNHarness { $0.quotas.userAllocations = 1 }
            let alice = TURNClient.alice.with { $0.kind = kind }
            let replies = [
                turn.refresh(by: alice), turn.allocate([.family(9)], by: alice), turn.request(0x0003, by: alice),
                turn.allocate([.raw(0x7777, [])], by: alice), turn.request(0x0003, [.transport(6)], by: alice),
                turn.allocate(by: alice), turn.allocate(by: alice), turn.allocate(by: alice.at(.otherClient)),
                turn.permit(.peer, by: alice), turn.permit(.peer6, by: alice), turn.bind(0x4000, to: .peer, by: alice),
                turn.bind(0x3FFF, to: .peer, by: alice), turn.refresh(by: alice),
                turn.bind(0x4000, to: SocketAddress.peer.port(0), by: alice), turn.refresh(0, by: alice),
            ]
            let codes = [437, 440, 400, 420, 442, nil, 437, 486, nil, 443, nil, 400, nil, 400, nil]
            #expect(replies.map(\.code) == codes)
            for reply in replies {
                #expect(reply.types.last == kind.integrityType)
                #expect(Wire.isSigned(reply.bytes, key: alice.key, type: kind.integrityType))
                #expect(Set(reply.types).isDisjoint(with: [0x0006, 0x001E, 0x0014, 0x0015]))
            }
        }
    }

    @Test("a request with the right key is accepted, by MD5 and by SHA-256, by USERNAME and by USERHASH")
    func accepted() {
        for kind in TURNClient.Kind.allCases {
            for hash in [nil, TestHash.sha256.digest(Array("alice:stund".utf8))] {
                let turn = TURNHarness()
                let alice = TURNClient.alice.with {
                    $0.kind = kind
                    $0.userHash = hash
                }
                #expect(turn.allocate(by: alice).isSuccess)
                #expect(turn.refresh(0, by: alice).isSuccess)
                #expect(turn.allocate(by: alice.with { $0.password = "guess" }).code == 401)
            }
        }
    }

    @Test("a USERNAME of 763 bytes is read; a longer one is no user of ours")
    func longNames() {
        let turn = TURNHarness()
        for (count, code) in [(508, 401), (509, 401), (763, 401), (764, 400)] {
            let name = String(repeating: "n", count: count)
            #expect(turn.allocate(by: .alice.with { $0.name = name }).code == code, "\(count)")
        }
        #expect(turn.server.sessionCount == 0)
    }

    @Test("PASSWORD-ALGORITHMS offers SHA-256 before MD5")
    func offered() {
        let turn = TURNHarness()
        #expect(turn.challenge()[0x8002] == hex("0002 0000 0001 0000"))
    }

    @Test("two clients behind one address get different nonces, also in the same second")
    func differentNonces() {
        let turn = TURNHarness()
        let nonces = (1...100).compactMap { turn.challenge(.alice.at(SocketAddress.client.port($0))).nonce }
        #expect(Set(nonces).count == 100)
        #expect(turn.allocate(by: .alice.with { $0.nonce = nonces[0] }).isSuccess, "a NAT may change the port")
    }

    @Test("the nonce's bits say that password algorithms and USERHASH are known")
    func features() {
        // Bits 0 and 1 of 24 in base64; with secrets USERHASH is not asked for, since it tells no expiry.
        for (secrets, characters) in [([], "wAAA"), (["north"], "gAAA")] {
            let nonce = TURNHarness(secrets: secrets).challenge().nonce ?? []
            #expect(String(decoding: nonce.prefix(13), as: UTF8.self) == "obMatJos2" + characters)
            #expect(nonce.count == 32)
        }
    }

    @Test("a request without integrity gets 401 with REALM, NONCE and PASSWORD-ALGORITHMS, and nothing of a user")
    func challenge() {
        let turn = TURNHarness()
        for method in TURNRequestTests.methods {
            for attributes in [[], [Wire.Attribute(0x0006, Array("alice".utf8)), .init(0x7777, [])]] {
                let list = attributes + [.init(0x0012, [1, 2, 3, 4])]
                let reply = TURNReply(
                    turn.send(Wire.message(method, as: .cookie, list), from: TURNClient.alice.flow),
                    client: nil
                )
                #expect(reply.code == 401)
                #expect(reply.type == method | 0x0110)
                #expect(reply.types == [0x0009, 0x0014, 0x0015, 0x8002])
                #expect(reply[0x0014] == Array("stund".utf8))
                #expect(reply[0x8002] == hex("00020000 00010000"))
                #expect(reply.nonce?.starts(with: Array("obMatJos2".utf8)) == true)
            }
        }
        #expect(turn.server.refused == nil, "the normal first 401 is nobody's error")
        #expect(turn.server.sources.newestFirst.first?.error == 0)
    }

    @Test("integrity without USERNAME or USERHASH, REALM or NONCE gets 400 without REALM, NONCE and USERNAME")
    func missing() {
        let turn = TURNHarness()
        let alice = TURNClient.alice
        let whole = alice.attributes(nonce: turn.nonce(for: alice))
        for type in [0x0006, 0x0014, 0x0015] as [UInt16] {
            let reply = turn.answer(to: whole.filter { $0.type != type }, of: alice)
            #expect(reply.code == 400)
            #expect(reply.types == [0x0009])
        }
        #expect(turn.answer(to: whole, of: alice).isSuccess)
    }

    @Test("row 19: PASSWORD-ALGORITHMS without PASSWORD-ALGORITHM, or another list than was sent, gets 400")
    func bidDown() {
        let turn = TURNHarness()
        let alice = TURNClient.alice.with { $0.kind = .sha256 }
        let whole = alice.attributes(nonce: turn.nonce(for: alice))
        #expect(turn.answer(to: whole.filter { $0.type != 0x001D }, of: alice).code == 400)
        #expect(turn.answer(to: whole.filter { $0.type != 0x8002 }, of: alice).code == 400)
        for list in ["00010000", "00020000", "00010000 00020000", "00020000 00010000 00030000", ""] {
            let changed = whole.map { $0.type == 0x8002 ? Wire.Attribute(0x8002, hex(list)) : $0 }
            #expect(turn.answer(to: changed, of: alice).code == 400, "\(list)")
        }
        #expect(turn.server.sessionCount == 0)
        #expect(turn.answer(to: whole, of: alice).isSuccess)
    }

    @Test(
        "an unknown user gets 401 with REALM, NONCE and PASSWORD-ALGORITHMS, the same bytes as a wrong password (row 22)"
    )
    func unknownUser() {
        for kind in TURNClient.Kind.allCases {
            let turn = TURNHarness()
            let id = turn.nextID()
            let stranger = TURNClient("nobody", "wonderland", at: .client).with { $0.kind = kind }
            let unknown = turn.allocate(by: stranger, id: id)
            #expect(turn.server.refused?.refusal == .authentication(.unknownUser))
            let wrong = turn.allocate(
                by: .alice.with {
                    $0.kind = kind
                    $0.password = "guess"
                },
                id: id
            )
            #expect(turn.server.refused?.refusal == .authentication(.wrongPassword))
            #expect(unknown.code == 401)
            #expect(unknown.types == [0x0009, 0x0014, 0x0015, 0x8002])
            #expect(unknown.bytes == wrong.bytes)
        }
    }

    @Test("a wrong integrity gets 401 with REALM and NONCE, and no integrity")
    func wrongIntegrity() {
        for kind in TURNClient.Kind.allCases {
            let turn = TURNHarness()
            let datagram = turn.signed(0x0003, [.udp], by: .alice.with { $0.kind = kind })
            // Whatever bit is changed behind the type: method, length, id, attributes, the HMAC itself.
            for at in datagram.indices.dropFirst(20) {
                var changed = datagram
                changed[at] ^= 0x01
                let reply = TURNReply(turn.send(changed, from: TURNClient.alice.flow), client: nil)
                #expect(!reply.isSuccess && !reply.isSigned, "\(at)")
                guard at >= datagram.count - 20 else { continue }
                #expect(reply.code == 401)
                #expect(reply.types == [0x0009, 0x0014, 0x0015, 0x8002])
            }
            #expect(turn.server.sessionCount == 0)
        }
    }

    @Test("of two integrity attributes the SHA-256 one decides")
    func twoIntegrities() {
        for (old, new, isAccepted) in [
            ("wonderland", "wonderland", true), ("guess", "wonderland", true), ("wonderland", "guess", false),
        ] {
            let turn = TURNHarness()
            let alice = TURNClient.alice
            let id = turn.nextID()
            let list = [TURNAttribute.udp.wire(id: id)] + alice.attributes(nonce: turn.nonce(for: alice))
            let plain = Wire.message(0x0003, as: .cookie, id: id, list)
            let once = Wire.signed(plain, key: alice.with { $0.password = old }.key)
            let twice = Wire.signed(once, key: alice.with { $0.password = new }.key, type: 0x001C)
            let reply = TURNReply(turn.send(twice, from: alice.flow), client: alice)
            #expect(reply.isSuccess == isAccepted)
            #expect(isAccepted || reply.code == 401)
        }
    }

    @Test("an old nonce gets 438 with a NONCE that is good, REALM and PASSWORD-ALGORITHMS")
    func oldNonce() {
        let turn = TURNHarness(nonceLifetime: 60)
        let alice = TURNClient.alice.with { $0.nonce = turn.nonce(for: .alice) }
        #expect(turn.allocate(by: alice).isSuccess)
        turn.advance(seconds: 61)
        let reply = turn.refresh(0, by: alice)
        #expect(reply.code == 438)
        #expect(reply.types == [0x0009, 0x0014, 0x0015, 0x8002])
        #expect(turn.server.sessionCount == 1)
        #expect(turn.refresh(0, by: alice.with { $0.nonce = reply.nonce }).isSuccess)
    }
}

extension TURNHarness {
    /// The answer to an Allocate with these attributes of a credential, signed with a client's key.
    fileprivate func answer(to attributes: [Wire.Attribute], of client: TURNClient) -> TURNReply {
        let id = nextID()
        let plain = Wire.message(0x0003, as: .cookie, id: id, [TURNAttribute.udp.wire(id: id)] + attributes)
        let signed = Wire.signed(plain, key: client.key, type: client.kind.integrityType)
        return TURNReply(send(signed, from: client.flow), client: client)
    }
}
