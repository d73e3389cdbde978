import ArgumentParser
import ClientRuntime

/// `stun load`: loads a server and measures what that costs.
struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Load a server and measure rate, latency, loss and its CPU time.",
        discussion: """
            One thread makes the load. With --pid it reads the CPU time of the server's process, which is what counts where \
            load and server share a machine. Only servers on loopback are loaded unless --any is given. stund holds back \
            many requests of one address: set rate-limit-exempt: 127.0.0.0/8, and for relay also allow-peers: 127.0.0.0/8, \
            relay-address: 127.0.0.1 and user-allocations: unlimited. Ctrl-C ends a load early, with the figures so far. It \
            ends with 0, with 1 when some allocations failed, \
            64 for a wrong command line, 69 when the server answers or allows nothing, 71 when the system refuses something.
            """,
        subcommands: [
            BindingLoadCommand.self, AllocationLoadCommand.self, RelayLoadCommand.self, IdleLoadCommand.self,
            FloodLoadCommand.self,
        ]
    )
}

/// `stun load binding`.
struct BindingLoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "binding",
        abstract: "Binding requests as fast as they are answered."
    )

    @OptionGroup var options: LoadOptions
    @OptionGroup var duration: TimeOptions

    @Option(help: ArgumentHelp("How many sockets.", valueName: "count"))
    var sockets = 8

    @Option(help: ArgumentHelp("How many requests are on their way on each.", valueName: "count"))
    var window = 32

    func run() throws {
        var plan = BindingLoad.Plan()
        plan.sockets = sockets
        plan.window = window
        plan.duration = nanoseconds(duration.time)
        plan.warmUp = nanoseconds(duration.warm)
        plan.label = options.label
        var load = try BindingLoad(plan, try options.target())
        try options.show(try load.run())
    }
}

/// `stun load allocate`.
struct AllocationLoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "allocate",
        abstract: "Allocations: how long each takes, and what it costs the server.",
        aliases: ["alloc"]
    )

    @OptionGroup var options: LoadOptions
    @OptionGroup var credential: CredentialOptions

    @Option(name: [.long, .customLong("n")], help: ArgumentHelp("How many allocations.", valueName: "count"))
    var sessions = 2000

    @Option(help: ArgumentHelp("How long they are held before memory is looked at, up to 60.", valueName: "seconds"))
    var hold = 1.0

    func validate() throws {
        guard hold >= 0, hold <= 60 else { throw ValidationError("--hold takes 0 to 60 seconds.") }
    }

    func run() throws {
        var plan = AllocationLoad.Plan()
        plan.count = sessions
        plan.atOnce = credential.atOnce
        plan.hold = nanoseconds(hold)
        plan.releases = !credential.noRelease
        plan.label = options.label
        let target = try options.target(credential.transport.transport ?? .udp)
        var load = try AllocationLoad(plan, target, credential.credential)
        try options.show(try load.run())
    }
}

/// `stun load relay`.
struct RelayLoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay",
        abstract: "Data through the relay, from clients to peers of their own, or both ways.",
        discussion: """
            Without --pps or --rtp each flow has --window datagrams on their way, so that the relay is saturated. With one of \
            them each flow sends at that rate, all in phases of their own.
            """
    )

    @OptionGroup var options: LoadOptions
    @OptionGroup var duration: TimeOptions
    @OptionGroup var credential: CredentialOptions

    @Option(name: [.long, .customLong("n")], help: ArgumentHelp("How many sessions.", valueName: "count"))
    var sessions = 100

    @Option(help: ArgumentHelp("The size of the data, 28 to 1400.", valueName: "bytes"))
    var size = 160

    @Option(help: ArgumentHelp("Sizes that take turns at random, such as 60,160,1200.", valueName: "bytes,..."))
    var sizes: String?

    @Option(help: ArgumentHelp("How many datagrams of each flow are on their way, up to 64.", valueName: "count"))
    var window = 16

    @Option(help: ArgumentHelp("How many datagrams (or trains) each flow sends in a second.", valueName: "count"))
    var pps: Double?

    @Flag(help: "Send as telephones do: 50 datagrams a second in each flow, each up to 4 ms late (--jitter).")
    var rtp = false

    @Option(help: ArgumentHelp("How late a datagram may be, at random, up to 1000.", valueName: "milliseconds"))
    var jitter: Double?

    @Option(
        help: ArgumentHelp(
            "How many sockets all peers share, which then only receive (default: one each).",
            valueName: "count"
        )
    )
    var peers: Int?

    @Flag(help: "Peers send too.")
    var duplex = false

    @Option(help: ArgumentHelp("How many datagrams go together (UDP_SEGMENT), and are read so.", valueName: "count"))
    var trains = 0

    @Flag(help: "Never sleep.")
    var spin = false

    func validate() throws {
        guard !rtp || pps == nil else { throw ValidationError("--rtp and --pps both say how fast to send.") }
        guard (jitter ?? 0) >= 0, (jitter ?? 0) <= 1000 else { throw ValidationError("--jitter takes 0 to 1000.") }
        guard jitter == nil || rtp || pps != nil else {
            throw ValidationError("--jitter needs --pps or --rtp: without a rate nothing can be late.")
        }
        guard list != nil else { throw ValidationError("--sizes takes numbers with commas, such as 60,160,1200.") }
    }

    private var list: [Int]? {
        guard let sizes else { return [size] }
        let numbers = sizes.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        return numbers.contains(nil) ? nil : numbers.compactMap(\.self)
    }

    func run() throws {
        var plan = RelayLoadPlan()
        plan.sessions = sessions
        plan.sizes = list ?? [size]
        plan.window = window
        plan.rate = rtp ? 50 : pps
        plan.jitter = UInt64((jitter ?? (rtp ? 4 : 0)) * 1e6)
        plan.peerSockets = peers
        plan.isDuplex = duplex
        plan.train = trains
        plan.spins = spin
        plan.atOnce = credential.atOnce
        plan.releases = !credential.noRelease
        plan.duration = nanoseconds(duration.time)
        plan.warmUp = nanoseconds(duration.warm)
        plan.label = options.label
        let target = try options.target(credential.transport.transport ?? .udp)
        var load = try RelayLoad(plan, target, credential.credential)
        try options.show(try load.run())
    }
}

/// `stun load idle`.
struct IdleLoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle",
        abstract: "Connections that do nothing: what each costs the server, and how much of its memory it takes.",
        discussion: "Each connection asks one Binding request, so that it is known to be served, and is then held."
    )

    @OptionGroup var options: LoadOptions
    @OptionGroup var transport: TransportOptions

    @Option(name: [.long, .customLong("n")], help: ArgumentHelp("How many connections.", valueName: "count"))
    var connections = 1000

    @Option(help: ArgumentHelp("How many connect at the same time.", valueName: "count"))
    var atOnce = 32

    @Option(help: ArgumentHelp("How long they are held before memory is looked at, up to 60.", valueName: "seconds"))
    var hold = 1.0

    func validate() throws {
        guard hold >= 0, hold <= 60 else { throw ValidationError("--hold takes 0 to 60 seconds.") }
    }

    func run() throws {
        var plan = IdleLoad.Plan()
        plan.count = connections
        plan.atOnce = atOnce
        plan.hold = nanoseconds(hold)
        plan.label = options.label
        var load = try IdleLoad(plan, try options.target(transport.transport ?? .tls))
        try options.show(try load.run())
    }
}

/// `stun load flood`.
struct FloodLoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flood",
        abstract: "Datagrams of strangers at a fixed rate, whatever the server does with them.",
        discussion: "Beside a load of legitimate calls it shows what those lose by it: start both."
    )

    @OptionGroup var options: LoadOptions

    @Option(
        help: ArgumentHelp("What is sent: garbage, binding, allocate or channel-data.", valueName: "kind"),
        transform: FloodLoadCommand.kind
    )
    var kind: FloodLoad.Kind

    @Option(help: ArgumentHelp("How many datagrams a second, up to 1000000.", valueName: "count"))
    var rate = 10_000

    @Option(help: ArgumentHelp("How many sockets they come from.", valueName: "count"))
    var sockets = 64

    @Option(help: ArgumentHelp("For how many seconds, up to 240.", valueName: "seconds"))
    var time = 8.0

    func validate() throws {
        guard time > 0, time <= 240 else { throw ValidationError("--time takes more than 0 and at most 240 seconds.") }
    }

    func run() throws {
        var plan = FloodLoad.Plan()
        plan.kind = kind
        plan.rate = rate
        plan.sockets = sockets
        plan.duration = nanoseconds(time)
        plan.label = options.label
        var load = try FloodLoad(plan, try options.target())
        try options.show(load.run())
    }

    static func kind(_ text: String) throws -> FloodLoad.Kind {
        guard let kind = FloodLoad.Kind(rawValue: text) else {
            let all = FloodLoad.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("there is no such kind: \(all)")
        }
        return kind
    }
}
