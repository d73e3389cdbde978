import Administration

@testable import Console

/// What a busy server would tell, for the tests of the status pages.
enum StatusData {
    static let end: Int64 = 1_795_500_000

    /// An hour in steps of ten seconds; each value follows from its number.
    static func samples(_ count: Int, seconds: Int = 10) -> [TrafficHistory.Sample] {
        (0..<count).map { index in
            let wave = UInt64(index % 60)
            return TrafficHistory.Sample(
                time: end - Int64((count - 1 - index) * seconds),
                seconds: seconds,
                requests: 400 + wave * 9,
                relayedBytes: 2_000_000 + wave * wave * 9000,
                relayedPackets: 9000 + wave,
                sessions: 8 + index % 7,
                drops: [
                    "not-stun": wave, "rate-limited": wave / 3, "no-permission": 4, "malformed": wave % 7,
                    "response": 1, "amplification": 1, "no-channel": wave % 3,
                ]
            )
        }
    }

    static let overview = OverviewReport(
        history: TrafficHistory(hour: samples(360), day: samples(360, seconds: 240)),
        dialects: [
            .init(name: "rosenberg", value: 3), .init(name: "rfc3489", value: 812),
            .init(name: "rfc8489", value: 91204),
        ],
        natKinds: [
            .init(name: "mapping-endpoint-independent", value: 31), .init(name: "filtering-restricted", value: 12),
            .init(name: "unknown", value: 57),
        ],
        refusals: [
            .init(
                code: 401,
                method: "Allocate",
                cause: "the password of user bob in realm example.org is not the one of this server",
                cure:
                    "give the client the password that the server has, or set another one with stund user add --replace",
                count: 1204,
                time: "2026-11-24T14:00:00.000Z",
                subject: "bob"
            ),
            .init(
                code: 486,
                method: "Allocate",
                cause: "user alice has 10 allocations, and user-allocations allows 10",
                cure: "raise user-allocations",
                count: 3,
                time: "2026-11-24T13:58:00.000Z",
                subject: "alice"
            ),
        ]
    )

    /// Sources of which every third is silent.
    static func rows(
        _ count: Int,
        source: (Int) -> String = { "192.0.2.\($0 % 250):\(20000 + $0)" }
    )
        -> [StatisticsReport.Row]
    {
        (0..<count).map { index in
            StatisticsReport.Row(
                source: source(index),
                lastAccess: index % 3 == 2 ? 9230 + index : index % 100,
                noChange: 662 + UInt64(index) * 1000,
                changeIP: 2,
                changePort: UInt64(index % 2),
                error: UInt64(index % 5),
                mirrorSetup: 1,
                mirrorForwards: UInt64(index) * 50,
                keepAlive: index % 4 == 0 ? nil : 29.75,
                dialect: index % 2 == 0 ? "rfc3489" : "rfc8489",
                natKind: index % 2 == 0 ? "mapping-endpoint-independent, filtering-restricted" : nil
            )
        }
    }

    /// Allocations of one user each.
    static func sessions(_ count: Int, user: (Int) -> String = { "user\($0)" }, peers: Int = 2) -> [SessionsReport.Row]
    {
        (0..<count).map { index in
            SessionsReport.Row(
                id: "\(index % 2)-\(index)",
                user: user(index),
                realm: "example.org",
                client: "198.51.100.\(index % 250):\(30000 + index)",
                listener: "192.0.2.1:3478",
                transport: ["udp", "tcp", "tls", "dtls"][index % 4],
                relays: ["192.0.2.1:\(49152 + index)"],
                relayTransport: index % 4 == 2 ? "tcp" : "udp",
                permissions: (0..<peers).map { .init(address: "203.0.113.\($0)", expiresIn: 250) },
                channels: (0..<peers).map {
                    .init(number: "0x400\($0 % 10)", peer: "203.0.113.\($0):40000", expiresIn: 550)
                },
                connections: index % 4 == 2
                    ? SessionsReport.Row.Connection.Stage.allCases.map { .init(peer: "203.0.113.9:443", stage: $0) }
                    : [],
                toPeers: .init(packets: UInt64(index) * 900, bytes: UInt64(index) * 180_000),
                toClient: .init(packets: 12, bytes: 1200),
                age: 65 + index,
                expiresIn: 540
            )
        }
    }

    /// Messages as at level 8: a packet, then its answer.
    static func log(
        _ count: Int,
        text: (Int) -> String = { $0 % 2 == 0 ? "Received pdu" : "Send response" }
    )
        -> [LogReport.Entry]
    {
        (0..<count).map { index in
            LogReport.Entry(
                level: index % 10 == 3 ? 4 : index % 10 == 5 ? 2 : 8,
                code: index % 2 == 0 ? 1006 : 1017,
                time: "2026-11-24T14:\(10 + index / 60 % 50):\(10 + index % 50).000Z",
                text: text(index),
                address: "217.230.186.106:29508",
                remark: index % 10 == 5 ? "the reason is \(index)" : nil,
                pdu: index % 2 == 0 ? "000100082b8c530c00030004000000000102030405" : nil,
                decoded: index % 2 == 0 ? ["Binding request, rosenberg, 16 bytes", "CHANGE-REQUEST none"] : nil
            )
        }
    }

    /// A server that has all of it.
    static func fill(_ state: inout sending CannedServer.State) {
        state.overview = overview
        state.rows = rows(130)
        state.sessions = sessions(60)
        state.log = log(120)
        state.status.connections = .init(tcp: 41, tls: 37, dtls: 3, peers: 12)
        state.status.warnings = ["the settings file can be read by others: chmod 600 /etc/stund.yaml"]
    }
}
