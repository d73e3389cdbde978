import Addresses
import Testing

@testable import ClientRuntime

@Suite("A load is bounded, and stays on this host")
struct LoadLimitTests {
    private func target(_ server: String) -> LoadTarget {
        LoadTarget(server: SocketAddress(server) ?? SocketAddress(IPAddress(v4: 0), port: 0))
    }

    /// What the refusal of something says; empty when it is allowed.
    private func refusal(_ body: () throws(LoadFailure) -> Void) -> String {
        do {
            try body()
            return ""
        } catch {
            #expect(error.kind == .usage)
            return error.description
        }
    }

    @Test("Loopback is allowed", arguments: ["127.0.0.1:3478", "127.7.7.7:1", "[::1]:3478"])
    func loopback(server: String) {
        #expect(refusal { () throws(LoadFailure) in try target(server).check() } == "")
    }

    @Test(
        "Any other server is refused, and allowed only with --any",
        arguments: ["192.0.2.1:3478", "0.0.0.0:3478", "10.0.0.1:3478", "[::]:3478", "[::ffff:127.0.0.1]:3478"]
    )
    func otherHosts(server: String) {
        var target = target(server)
        let text = refusal { () throws(LoadFailure) in try target.check() }
        #expect(text.contains("\(target.server)") && text.contains("--any"), "\(text)")
        target.allowsAny = true
        #expect(refusal { () throws(LoadFailure) in try target.check() } == "")
        // The load's own relayed address is looked at by the same rule.
        target.allowsAny = false
        let reach = refusal { () throws(LoadFailure) in try target.checkReach(of: target.server.address, "it") }
        #expect(reach.contains("--any"))
    }

    @Test("Wrong targets are named")
    func wrongTargets() {
        #expect(refusal { () throws(LoadFailure) in try target("127.0.0.1:0").check() }.contains("no port"))
        var other = target("127.0.0.1:3478")
        other.local = IPAddress(v6High: 0, low: 1)
        #expect(refusal { () throws(LoadFailure) in try other.check() }.contains("family"))
        other = target("127.0.0.1:3478")
        other.firstPort = 80
        #expect(refusal { () throws(LoadFailure) in try other.check() }.contains("--port-base"))
        other = target("127.0.0.1:3478")
        // More than the kernel ever gives (PID_MAX_LIMIT of proc(5) is 2^22).
        other.process = 1 << 23
        #expect(refusal { () throws(LoadFailure) in try other.check() }.contains("--pid"))
    }

    private typealias Change = @Sendable (inout RelayLoadPlan) -> Void

    /// What each option must not be.
    private static let wrongPlans: [(option: String, change: Change)] = [
        ("--sessions", { $0.sessions = 20_001 }), ("--sessions", { $0.sessions = 0 }),
        ("--window", { $0.window = 65 }), ("--size", { $0.sizes = [27] }), ("--size", { $0.sizes = [160, 1401] }),
        ("--sizes", { $0.sizes = [] }), ("--pps", { $0.rate = 0 }), ("--pps", { $0.rate = .nan }),
        ("--trains", { $0.train = 65 }), ("--at-once", { $0.atOnce = 0 }),
        ("--peers", { $0.peerSockets = 0 }), ("--peers", { $0.peerSockets = 101 }),
        ("--peers", { ($0.peerSockets, $0.isDuplex) = (1, true) }),
        ("--peers", { ($0.peerSockets, $0.train) = (1, 4) }),
        ("--trains", { ($0.train, $0.sizes) = (4, [60, 160]) }), ("--window", { ($0.train, $0.window) = (16, 8) }),
    ]

    @Test("What is out of bounds is refused with the bounds", arguments: wrongPlans.indices)
    func relayBounds(index: Int) {
        let (option, change) = Self.wrongPlans[index]
        var plan = RelayLoadPlan()
        #expect(refusal { () throws(LoadFailure) in try plan.check() } == "")
        change(&plan)
        let text = refusal { () throws(LoadFailure) in try plan.check() }
        #expect(text.contains(option), "\(text)")
    }
}

@Suite("The report of a load")
struct LoadReportTests {
    @Test(
        "Numbers have as many places as wanted",
        arguments: [
            (0.0, 0, "0"), (0.0, 3, "0.000"), (1.2345, 2, "1.23"), (1.995, 2, "2.00"), (0.05, 1, "0.1"),
            (-0.5, 1, "-0.5"), (123_456.789, 0, "123457"), (-12.3456, 4, "-12.3456"), (Double.nan, 1, "0.0"),
            (Double.infinity, 1, "0.0"),
        ]
    )
    func decimals(number: Double, places: Int, text: String) { #expect(decimal(number, places) == text) }

    @Test("JSON is one line in the order of the figures, and escapes what it must")
    func json() {
        var report = LoadReport()
        report.set("mode", "relay")
        report.set("label", "a \"b\"\\\n")
        report.set("n", 3)
        report.set("seconds", 1.5, places: 2)
        report.set("errors_by_code", [("allocate 486", 2), ("channel 400", 1)])
        #expect(
            report.json == #"{"mode":"relay","label":"a \"b\"\\\u000a","n":3,"seconds":1.50,"#
                + #""errors_by_code":{"allocate 486":2,"channel 400":1}}"# + "\n"
        )
    }
}
