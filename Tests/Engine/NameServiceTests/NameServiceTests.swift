import Addresses
import NameService
import TestNames
import Testing

@Suite("A name service asks real name servers", .enabled(if: TestNameServer.isInstalled, "needs Debian's dnsmasq-base"))
struct NameServiceTests {
    private static let records = [
        "host-record=both.test,192.0.2.1,2001:db8::1,77",
        "host-record=many.test,192.0.2.9", "host-record=many.test,192.0.2.8",
        "host-record=v4.test,192.0.2.4",
        "cname=one.test,two.test,both.test",
        "srv-host=_stun._udp.zone.test,a.zone.test,3478,10,20",
        "srv-host=_stun._udp.zone.test,b.zone.test,3479,10,30",
        "naptr-record=zone.test,100,10,s,RELAY:turn.udp,,_turn._udp.zone.test",
        "txt-record=text.test,hello",
    ]
    private let server: TestNameServer
    private let names: NameService

    init() throws {
        server = try TestNameServer(Self.records)
        names = NameService(servers: [server.address])
    }

    @Test("A and AAAA records come with their time")
    func addresses() async throws {
        let v4 = try await names.addresses(of: "both.test", family: .v4)
        #expect(v4 == AddressAnswer([AddressRecord(try #require(IPAddress("192.0.2.1")), ttl: 77)]))
        let v6 = try await names.addresses(of: "both.test", family: .v6)
        #expect(v6 == AddressAnswer([AddressRecord(try #require(IPAddress("2001:db8::1")), ttl: 77)]))
        let both = try await names.addresses(of: "both.test")
        #expect(both.records == v4.records + v6.records)
    }

    @Test("A name has all its addresses")
    func many() async throws {
        let found = try await names.addresses(of: "many.test", family: .v4).records.map(\.address.description)
        #expect(Set(found) == ["192.0.2.8", "192.0.2.9"])
    }

    @Test("Aliases are followed, and told")
    func aliases() async throws {
        let found = try await names.addresses(of: "one.test", family: .v4)
        #expect(found.records.map(\.address.description) == ["192.0.2.1"])
        #expect(found.isAlias)
    }

    @Test("SRV records have priority, weight, port and target (RFC 2782)")
    func services() async throws {
        let found = try await names.services("_stun._udp.zone.test")
        let first = ServiceRecord(priority: 10, weight: 20, port: 3478, target: "a.zone.test")
        let second = ServiceRecord(priority: 10, weight: 30, port: 3479, target: "b.zone.test")
        #expect(Set(found) == [first, second])
    }

    @Test("NAPTR records have all their fields (RFC 3403)")
    func namingAuthority() async throws {
        let found = try await names.namingAuthority("zone.test")
        let replacement = "_turn._udp.zone.test"
        #expect(
            found == [
                NamingAuthorityRecord(
                    order: 100,
                    preference: 10,
                    flags: "s",
                    service: "RELAY:turn.udp",
                    replacement: replacement
                )
            ]
        )
    }

    @Test("A name that does not exist, one without such a record, and a refusal are told apart")
    func failures() async {
        await #expect(throws: NameError.noSuchName) { try await names.addresses(of: "nobody.test", family: .v4) }
        await #expect(throws: NameError.noSuchName) { try await names.services("_stun._udp.nobody.test") }
        await #expect(throws: NameError.noData) { try await names.addresses(of: "v4.test", family: .v6) }
        await #expect(throws: NameError.noData) { try await names.services("v4.test") }
        await #expect(throws: NameError.noData) { try await names.namingAuthority("text.test") }
        await #expect(throws: NameError.refused) { try await names.addresses(of: "example.org", family: .v4) }
        await #expect(throws: NameError.refused) { try await names.services("_stun._udp.example.org") }
    }

    @Test("One family is enough for a name; that it is there outweighs that it has no address")
    func bothFamilies() async throws {
        let found = try await names.addresses(of: "v4.test")
        #expect(found.records.map(\.address.description) == ["192.0.2.4"])
        await #expect(throws: NameError.noData) { try await names.addresses(of: "text.test") }
        await #expect(throws: NameError.noSuchName) { try await names.addresses(of: "nobody.test") }
    }

    @Test("Hundreds of questions at once are all answered")
    func crowd() async throws {
        let answers = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<300 {
                group.addTask { [names] in (try? await names.addresses(of: "v4.test", family: .v4))?.records.count == 1
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(answers == 300)
    }

    @Test("localhost is answered without a name server, an address by itself")
    func local() async throws {
        server.stop()
        let found = try await names.addresses(of: "localhost", family: .v4)
        #expect(found.records.map(\.address.description) == ["127.0.0.1"])
        let itself = try await names.addresses(of: "192.0.2.3", family: .v4)
        #expect(itself.records.map(\.address.description) == ["192.0.2.3"])
    }

    @Test("Where nobody listens, no name server is reached")
    func nobody() async {
        server.stop()
        let result = await names.result(of: "both.test", .v4)
        // The kernel tells it at once, but only so many times a second (icmp_msgs_per_sec).
        #expect(result == .failure(.noServer) || result == .failure(.timedOut))
    }

    @Test(
        "What cannot be a name is not asked for",
        arguments: [
            "", ".", "a..b", "a b", "a\0b", "ä.test", #"a\.test"#, String(repeating: "a", count: 64) + ".test",
            Array(repeating: "a", count: 128).joined(separator: "."),
        ]
    )
    func badNames(_ name: String) async {
        await #expect(throws: NameError.badName) { try await names.addresses(of: name, family: .v4) }
        await #expect(throws: NameError.badName) { try await names.services(name) }
    }
}
