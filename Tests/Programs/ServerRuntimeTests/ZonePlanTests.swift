import Addresses
import Foundation
import NameService
import ServerSettings
import Testing

@testable import ServerRuntime

@Suite("The zone says what the settings enable")
struct ZonePlanTests {
    private func plan(
        _ flags: [String: String] = [:],
        host: String = "stun.example.org",
        outgoing: [String] = ["192.0.2.2", "2001:db8::2"]
    ) throws -> ZonePlan {
        let sources = SettingsSources(file: "/nonexistent/stund.yaml", environment: [:], flags: flags)
        return ZonePlan(domain: "example.org", host: host, try Settings.load(from: sources).settings) { family in
            outgoing.compactMap { IPAddress($0) }.first { $0.family == family }
        }
    }

    @Test("All defaults: addresses, SRV for STUN and TURN, NAPTR for TURN alone (RFC 5928)")
    func defaults() throws {
        #expect(
            try plan().lines == [
                "stun.example.org.       3600 IN A     192.0.2.2",
                "stun.example.org.       3600 IN AAAA  2001:db8::2",
                "_stun._udp.example.org. 3600 IN SRV   10 10 3478 stun.example.org.",
                "_stun._tcp.example.org. 3600 IN SRV   10 10 3478 stun.example.org.",
                "_turn._udp.example.org. 3600 IN SRV   10 10 3478 stun.example.org.",
                "_turn._tcp.example.org. 3600 IN SRV   10 10 3478 stun.example.org.",
                #"example.org.            3600 IN NAPTR 10 10 "s" "RELAY:turn.udp" "" _turn._udp.example.org."#,
                #"example.org.            3600 IN NAPTR 10 20 "s" "RELAY:turn.tcp" "" _turn._tcp.example.org."#,
            ]
        )
    }

    /// The services of a plan without the domain, each with the port of its first record.
    private func services(_ flags: [String: String]) throws -> [String] {
        try plan(flags).services.map { service in
            "\(service.name.replacing(".example.org", with: "")) \(service.records.first?.port ?? 0)"
        }
    }

    @Test("A certificate adds TLS and DTLS at tls-port (RFC 7350), and what is off has no line and must not lead here")
    func transports() throws {
        let certificate = ["tls-certificate": "/c.pem", "tls-port": "5350"]
        #expect(
            try services(certificate) == [
                "_stun._udp 3478", "_stuns._udp 5350", "_stun._tcp 3478", "_stuns._tcp 5350",
                "_turn._udp 3478", "_turns._udp 5350", "_turn._tcp 3478", "_turns._tcp 5350",
            ]
        )
        #expect(
            try services(certificate.merging(["dtls": "off", "tcp": "off"]) { $1 }) == [
                "_stun._udp 3478", "_stuns._tcp 5350", "_turn._udp 3478", "_turns._tcp 5350",
            ]
        )
        let naming = try plan(certificate).naming
        let tags = ["turn.udp", "turn.dtls", "turn.tcp", "turn.tls"]
        #expect(naming.map(\.service) == tags.map { "RELAY:\($0)" } && naming.map(\.preference) == [10, 20, 30, 40])
        #expect(
            naming.map(\.replacement)
                == ["_turn._udp", "_turns._udp", "_turn._tcp", "_turns._tcp"].map { "\($0).example.org" }
        )
        let absent = try plan(["tcp": "off"]).absent.map { $0.replacing(".example.org", with: "") }
        #expect(
            Set(absent) == ["_stuns._udp", "_stun._tcp", "_stuns._tcp", "_turns._udp", "_turn._tcp", "_turns._tcp"]
        )
        #expect(try plan(certificate).absent.isEmpty)
    }

    @Test("turn: off has no line for TURN, which must then not lead here")
    func withoutTURN() throws {
        let plan = try plan(["turn": "off"])
        #expect(
            plan.naming.isEmpty
                && plan.services.map(\.name) == ["_stun._udp", "_stun._tcp"].map { "\($0).example.org" }
        )
        #expect(plan.absent.contains("_turn._udp.example.org") && plan.absent.contains("_turn._tcp.example.org"))
        #expect(plan.notes == ["turn is off, so there are no lines for TURN"])
    }

    @Test("stun-behavior is for a server with two addresses (RFC 5780 section 6), and for it alone")
    func behavior() throws {
        let plan = try plan([
            "address": "192.0.2.2", "second-address": "192.0.2.3", "other-stun-servers": "stun2.example.org",
        ])
        let behavior = plan.services.first { $0.name == "_stun-behavior._udp.example.org" }
        #expect(behavior?.records.map(\.target) == ["stun.example.org"])
    }

    @Test("Other servers with a name are further targets, of one priority and weight; foreign ones are not")
    func fleet() throws {
        let plan = try plan([
            "stun-port-1": "3480",
            "other-stun-servers": "stun2.example.org:3490 192.0.2.9 old.example.org/classic stun.example.org:3480",
            "cluster-key": "0123456789abcdef0123456789abcdef",
        ])
        let wanted = [(3480, "stun.example.org"), (3490, "stun2.example.org")] as [(UInt16, String)]
        let records = wanted.map { ServiceRecord(priority: 10, weight: 10, port: $0.0, target: $0.1) }
        #expect(plan.services.map(\.records) == [records, records, records, records])
        #expect(plan.notes.contains { $0.hasPrefix("192.0.2.9:3478 of other-stun-servers has no line") })
        #expect(plan.port == 3480)
    }

    @Test("Other servers are taken to serve TLS at the same port, and the plan says so")
    func secureFleet() throws {
        let plan = try plan([
            "other-stun-servers": "stun2.example.org:3490", "cluster-key": "0123456789abcdef0123456789abcdef",
            "tls-certificate": "/c.pem",
        ])
        let secure = plan.services.first { $0.name == "_turns._tcp.example.org" }
        #expect(secure?.records.map(\.port) == [5349, 5349])
        #expect(secure?.records.map(\.target) == ["stun.example.org", "stun2.example.org"])
        #expect(plan.notes.contains { $0.hasPrefix("other servers are taken to serve TLS at port 5349") })
    }

    @Test("What clients reach is external-ip, else address, else the way out, by IPv6 only if it is public")
    func addresses() throws {
        let shown = { (plan: ZonePlan) in plan.addresses.map(\.description) }
        #expect(shown(try plan(["external-ip": "203.0.113.5"])) == ["203.0.113.5", "2001:db8::2"])
        #expect(shown(try plan(["address": "192.0.2.7"])) == ["192.0.2.7"])
        #expect(shown(try plan(["address": "0.0.0.0"])) == ["192.0.2.2"])
        let nat = try plan(["external-ip": "203.0.113.5/10.0.0.5"], outgoing: ["10.0.0.5", "fd00::5"])
        #expect(shown(nat) == ["203.0.113.5"])
        let other = try plan(["external-ip": "203.0.113.5/10.0.0.9"], outgoing: ["10.0.0.5"])
        #expect(shown(other) == ["10.0.0.5"])
        let two = try plan(["external-ip": "203.0.113.6 203.0.113.5/10.0.0.5"], outgoing: ["10.0.0.5"])
        #expect(shown(two) == ["203.0.113.5"], "the pair that names it comes first")
        let hidden = try plan(outgoing: ["10.0.0.5"])
        #expect(shown(hidden) == ["10.0.0.5"] && hidden.notes.contains { $0.contains("set external-ip") })
        #expect(try plan(outgoing: []).notes.contains { $0.hasPrefix("no address of this host was found") })
    }

    @Test("Addresses of a host in another zone are a comment, since they belong elsewhere")
    func otherZone() throws {
        let lines = try plan(host: "stun.example.net").lines
        #expect(lines.contains { $0.hasPrefix("; stun.example.net. ") && $0.hasSuffix(" A     192.0.2.2") })
        #expect(lines.contains("_stun._udp.example.org. 3600 IN SRV   10 10 3478 stun.example.net."))
        #expect(try plan(host: "example.org").isInZone)
        #expect(try !plan(host: "badexample.org").isInZone)
    }
}
