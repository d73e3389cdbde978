import Addresses
import STUNAuthentication
import ServerCore
import ServerSettings
import Testing

@testable import ServerRuntime

@Suite("What the host has: memory and files, and what fits in them")
struct HostLimitTests {
    private static let gigabyte = 1 << 30

    private func available(_ files: [String: String]) -> Int? { HostMemory.available { files[$0] } }

    @Test("Without a control group it is the machine's memory")
    func machine() {
        let memory = "MemTotal:       24683520 kB\nMemFree:        10 kB\n"
        #expect(available(["/proc/meminfo": memory]) == 24_683_520 * 1024)
        #expect(available(["/proc/meminfo": memory, "/proc/self/cgroup": "0::/\n"]) == 24_683_520 * 1024)
        #expect(available([:]) == nil)
        for broken in [
            "MemTotal:", "MemTotal: x kB", "MemTotal: 99999999999999999999 kB", "MemTotal: 9223372036854775807 kB",
        ] {
            #expect(available(["/proc/meminfo": broken]) == nil)
        }
    }

    @Test("A control group's limit, or that of a group above it, holds where it is less")
    func groups() {
        let machine = [
            "/proc/meminfo": "MemTotal: 4194304 kB\n", "/proc/self/cgroup": "0::/system.slice/stund.service\n",
        ]
        func with(_ more: [String: String]) -> Int? { available(machine.merging(more) { $1 }) }
        let root = "/sys/fs/cgroup"
        #expect(with([root + "/system.slice/stund.service/memory.max": "max\n"]) == 4 * Self.gigabyte)
        #expect(with([root + "/system.slice/stund.service/memory.max": "\(Self.gigabyte)\n"]) == Self.gigabyte)
        #expect(with([root + "/system.slice/memory.max": "1000\n", root + "/memory.max": "max\n"]) == 1000)
        #expect(with([root + "/memory.max": "\(8 * Self.gigabyte)\n"]) == 4 * Self.gigabyte)
        // In a container the path of the host's group is not there, but the container's own root is.
        #expect(with([root + "/memory.max": "5000\n", "/proc/self/cgroup": "0::/../../x\n"]) == 5000)
    }

    @Test("The first version of control groups is read too")
    func firstVersion() {
        let root = "/sys/fs/cgroup/memory"
        let files = [
            "/proc/meminfo": "MemTotal: 4194304 kB\n",
            "/proc/self/cgroup": "12:cpu,cpuacct:/a\n5:memory:/docker/b\n1:name=systemd:/\n",
            root + "/memory.limit_in_bytes": "9223372036854771712\n",
            root + "/docker/b/memory.limit_in_bytes": "7000\n",
        ]
        #expect(available(files) == 7000)
    }

    @Test("auto is half of it, a number is that number, and unlimited has no end")
    func ceiling() {
        #expect(HostMemory.ceiling(.auto, available: 1000) == 500)
        #expect(HostMemory.ceiling(.auto, available: nil) == .max)
        #expect(HostMemory.ceiling(.unlimited, available: 1000) == .max)
        #expect(HostMemory.ceiling(.bytes(77), available: 10) == 77)
        #expect((HostMemory.available() ?? 0) > 1_000_000)
    }

    private static let oneAddress: RelayPlan = {
        var settings = Settings()
        settings.relayAddress = [IPAddress(v4: 0x7F00_0001)]
        return RelayPlan(settings) { _ in nil }
    }()

    @Test("20,000 files have room for 19,000 relay sockets beside what two workers and the console need")
    func rooms() {
        #expect(FilePlan(limit: 20_000, listeners: 16, workers: 2).room >= 19_000)
        #expect(FilePlan(limit: 1024, listeners: 16, workers: 2).room > 800)
        #expect(FilePlan(limit: 0, listeners: 16, workers: 2).room == .max)
        #expect(FilePlan(limit: 10, listeners: 16, workers: 2).room == 1)
        // Workers that relay TCP have 16 pipes each.
        #expect(FilePlan(limit: 1024, listeners: 16, workers: 2, relaysTCP: true).needed == 56 + 64)
        // Sockets and what workers, log, store and console have by themselves.
        #expect(FilePlan(limit: 56, listeners: 16, workers: 2).refusal == nil)
        let refusal = FilePlan(limit: 55, listeners: 16, workers: 2).refusal ?? ""
        for part in ["Too many open files", "56", "55", "LimitNOFILE"] { #expect(refusal.contains(part), "\(refusal)") }
        #expect(FilePlan(limit: 0, listeners: 16, workers: 2).refusal == nil)
    }

    @Test("Fewer files than relay ports are told with both numbers, unless so many are not wanted")
    func fileWarning() throws {
        var settings = Settings()
        let few = FilePlan(limit: 1024, listeners: 4, workers: 1)
        let text = try #require(few.warning(of: Self.oneAddress, settings))
        for part in ["1024", "\(few.room)", "16384", "LimitNOFILE", "508"] { #expect(text.contains(part), "\(text)") }
        #expect(FilePlan(limit: 20_000, listeners: 4, workers: 1).warning(of: Self.oneAddress, settings) == nil)
        #expect(few.warning(of: nil, settings) == nil)
        settings.maxAllocations = 800
        #expect(few.warning(of: Self.oneAddress, settings) == nil)
    }

    @Test("Less memory than the relay ports want is told with the number that fits")
    func memoryWarning() throws {
        let one = MemoryCost.allocation + MemoryCost.relaySocket
        var settings = Settings()
        settings.memoryLimit = .bytes(100 * one)
        let text = try #require(FilePlan.memoryWarning(Self.oneAddress, settings, ceiling: 100 * one))
        #expect(text.contains(" 100 of them") && text.contains("memory-limit"), "\(text)")
        settings.memoryLimit = .auto
        let auto = try #require(FilePlan.memoryWarning(Self.oneAddress, settings, ceiling: 100 * one))
        #expect(auto.contains("half"), "\(auto)")
        #expect(FilePlan.memoryWarning(Self.oneAddress, settings, ceiling: .max) == nil)
        #expect(FilePlan.memoryWarning(Self.oneAddress, settings, ceiling: 16_384 * one) == nil)
        settings.maxAllocations = 100
        #expect(FilePlan.memoryWarning(Self.oneAddress, settings, ceiling: 100 * one) == nil)
    }

    @Test("What the load of a server is measured by has the memory in it")
    func capacity() throws {
        var settings = Settings()
        settings.memoryLimit = .bytes(10 * (MemoryCost.allocation + MemoryCost.relaySocket))
        let plan = try ListenPlan(settings, host: [])
        let nonces = NonceIssuer(key: [32 of UInt8](repeating: 0), lifetime: 60)
        let policy = TURNPolicy(
            settings,
            book: CredentialBook(realms: [CredentialRealm("stund")]),
            nonces: nonces,
            plan: plan,
            relays: Self.oneAddress
        )
        #expect(policy.capacity == 10)
        #expect(policy.quotas.memory == 10 * (MemoryCost.allocation + MemoryCost.relaySocket))
    }
}
