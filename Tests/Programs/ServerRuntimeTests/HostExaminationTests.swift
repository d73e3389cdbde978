import Addresses
import Glibc
import PacketEngine
import ServerSettings
import TestSockets
import Testing

@testable import ServerRuntime

@Suite("What stund doctor finds on a host")
struct HostExaminationTests {
    private func findings(_ change: (inout Settings) -> Void = { _ in }, isRunning: Bool = true) -> [Finding] {
        var settings = Settings()
        change(&settings)
        return HostExamination(settings).findings(isRunning: isRunning)
    }

    private func external(_ text: String) throws -> [ExternalAddress] {
        let sources = SettingsSources(file: "/nonexistent/stund.yaml", flags: ["external-ip": text])
        return try Settings.load(from: sources).settings.externalIp
    }

    private let loopback = IPAddress(v4: 0x7F00_0001)

    @Test("A port that somebody holds is named with its holder and the setting to change")
    func heldPort() throws {
        let holder = try UDPSocket(bindingTo: SocketAddress(loopback, port: 0), sharesPort: false, bufferSize: 65_536)
        let found = findings({ $0.stunPort1 = holder.boundPort() }, isRunning: false).filter { $0.check == "ports" }
        #expect(
            found.contains { $0.state == .bad && $0.finding.contains("held by") && $0.remedy.contains("stun-port-1") },
            "\(found)"
        )
        // A server that runs has its ports itself.
        #expect(!findings { $0.stunPort1 = holder.boundPort() }.contains { $0.check == "ports" })
    }

    @Test("An address that this host does not have is bad, for listening, NAT tests and relaying")
    func foreignAddresses() {
        let far = IPAddress(v4: 0xC000_0207)
        for change: (inout Settings) -> Void in [
            { $0.address = [far] }, { $0.relayAddress = [far] },
            { settings in
                settings.address = [loopback]
                settings.secondAddress = [far]
            },
        ] {
            let found = findings(change)
            #expect(found.contains { $0.state == .bad && $0.finding.contains("192.0.2.7") }, "\(found)")
        }
    }

    @Test("Two addresses are told as those that clients test their NAT by")
    func secondAddress() {
        let found = findings { settings in
            settings.address = [loopback]
            settings.secondAddress = [IPAddress(v4: 0x7F00_0002)]
        }
        let text = found.first { $0.check == "second address" }?.finding
        #expect(text == "Clients can test their NAT by 127.0.0.1 and 127.0.0.2.")
    }

    @Test("Where external-ip stands for one of the two addresses, a NAT of the other is asked for")
    func halfMapped() throws {
        for (text, bare) in [("203.0.113.5", "127.0.0.2"), ("203.0.113.6/127.0.0.2", "127.0.0.1")] {
            let pairs = try external(text)
            let found = findings {
                $0.address = [loopback]
                $0.secondAddress = [IPAddress(v4: 0x7F00_0002)]
                $0.externalIp = pairs
            }
            let finding = try #require(found.first { $0.check == "second address" })
            #expect(finding.state == .warning && finding.finding.contains("are told \(bare)"), "\(finding)")
        }
        let both = try external("203.0.113.5 203.0.113.6/127.0.0.2")
        let found = findings {
            $0.address = [loopback]
            $0.secondAddress = [IPAddress(v4: 0x7F00_0002)]
            $0.externalIp = both
        }
        let text = found.first { $0.check == "second address" }?.finding
        #expect(text == "Clients can test their NAT by 203.0.113.5 and 203.0.113.6.")
    }

    @Test("A loopback relay address is a warning, one that stands behind another is told")
    func relay() throws {
        let pair = try external("203.0.113.5/127.0.0.1")
        let alone = findings { $0.relayAddress = [loopback] }
        #expect(
            alone.contains { $0.check == "relay" && $0.state == .warning && $0.remedy.contains("Set relay-address") },
            "\(alone)"
        )
        let behind = findings { settings in
            settings.relayAddress = [loopback]
            settings.externalIp = pair
        }
        #expect(
            behind.contains { $0.finding == "Clients are told 203.0.113.5, which stands for 127.0.0.1 of this host." },
            "\(behind)"
        )
    }

    @Test("Rules that let users reach this host, or a cloud's metadata, are warnings; a longer denial mends them")
    func peers() throws {
        let outside = try external("203.0.113.5")
        let link = try #require(IPPrefix("169.254.0.0/16"))
        let found = findings { $0.allowPeers = [link] }
        #expect(
            found.contains { $0.check == "peers" && $0.state == .warning && $0.finding.contains("metadata") },
            "\(found)"
        )
        let mended = findings { settings in
            settings.allowPeers = [link]
            settings.denyPeers = IPPrefix("169.254.169.254/32").map { [$0] } ?? []
        }
        #expect(mended.contains { $0.check == "peers" && $0.state == .good }, "\(mended)")
        let lan = findings { settings in
            settings.lanPeers = true
            settings.relayAddress = [loopback]
            settings.externalIp = outside
        }
        #expect(
            lan.contains { $0.check == "peers" && $0.state == .warning && $0.finding.contains("lan-peers") },
            "\(lan)"
        )
    }

    @Test(
        "A private network in allow-peers is a warning where strangers reach the relay; a few hosts of it are not",
        arguments: [
            ("10.0.0.0/8", true), ("192.168.7.0/24", true), ("0.0.0.0/0", true), ("fd00::/64", true),
            ("fd00::1/128", false),
            ("192.168.7.9/32", false), ("198.18.0.0/15", false),
        ]
    )
    func privatePeers(text: String, isWarned: Bool) throws {
        let outside = try external("203.0.113.5")
        let prefix = try #require(IPPrefix(text))
        for isPublic in [true, false] {
            let found = findings { settings in
                settings.allowPeers = [prefix]
                settings.relayAddress = [loopback]
                settings.externalIp = isPublic ? outside : []
            }
            let isFound = found.contains {
                $0.check == "peers" && $0.state == .warning && $0.finding.contains("\(prefix)")
                    && $0.finding.contains("private network")
            }
            #expect(isFound == (isWarned && isPublic), "\(found)")
        }
    }

    @Test("A certificate that is not there is bad, once, and its setting is named as it is written")
    func certificate() {
        let found = findings { $0.tlsCertificate = "/not/there.pem" }.filter { $0.state == .bad }
        #expect(found.map(\.check) == ["certificate"])
        #expect(found.allSatisfy { $0.finding.hasPrefix("tls-certificate /not/there.pem") }, "\(found)")
    }

    @Test("The ports that a firewall must let in are those that listen and those that relay")
    func neededPorts() {
        var settings = Settings()
        settings.relayPorts = 50_000...50_999
        let ports = HostExamination(settings).neededPorts
        #expect(ports.udp == "3478, 3479, 50000-50999")
        #expect(ports.tcp == "3478")
        settings.tcpRelay = true
        #expect(HostExamination(settings).neededPorts == ("3478, 3479, 50000-50999", "3478, 50000-50999"))
        settings.turn = false
        settings.tcp = false
        #expect(HostExamination(settings).neededPorts == ("3478, 3479", ""))
    }

    @Test("A sentence is taken apart into what was found and what to do")
    func sentences() {
        #expect(
            Finding("x", .bad, sentence: "the port is held; stop it; or not")
                == Finding("x", .bad, "The port is held.", remedy: "Stop it; or not.")
        )
        #expect(
            Finding("x", .bad, sentence: "tls-port: none (there is none; see x); do it")
                == Finding("x", .bad, "tls-port: none (there is none; see x).", remedy: "Do it.")
        )
        #expect(Finding("x", .good, sentence: "all is well") == Finding("x", .good, "All is well."))
    }

    @Test("Another server's view of this host is compared with what clients are told")
    func publicAddress() {
        let outside = IPAddress(v4: 0xCB00_7105)
        func finding(_ seen: IPAddress, keepsPort: Bool = true, external: IPAddress) -> Finding {
            Finding(
                .seen(SocketAddress(seen, port: 9), keepsPort: keepsPort),
                server: "s",
                local: loopback,
                external: external
            )
        }
        #expect(finding(loopback, external: loopback).state == .good)
        #expect(finding(outside, external: outside).state == .good)
        #expect(finding(outside, keepsPort: false, external: outside).state == .warning)
        let wrong = finding(outside, external: loopback)
        #expect(wrong.state == .bad && wrong.remedy.contains("external-ip to 203.0.113.5/127.0.0.1"), "\(wrong)")
        #expect(Finding(.silent, server: "s", local: loopback, external: loopback).state == .warning)
    }

    @Test(
        "a settings file among files of others is told, where there is a sandbox at all",
        .enabled(if: ProcessSandbox.landlockVersion != nil && geteuid() == 0, "needs root, and a kernel with Landlock")
    )
    func sharedFolder() throws {
        let file = "/etc/stund.yaml"
        let paths = try StatePaths(settingsFile: file, environment: [:])
        for (choice, isTold) in [(SandboxChoice.auto, true), (.off, false)] {
            var settings = Settings()
            settings.sandbox = choice
            let found = HostExamination(settings, settingsFile: file, paths: paths).findings(isRunning: true)
            let told = found.filter { $0.check == "sandbox" && $0.state == .warning }
            #expect(told.count == (isTold ? 1 : 0), "\(found)")
            #expect(!isTold || told.first?.remedy == "Give it a folder of its own, such as /etc/stund.")
        }
    }
}
