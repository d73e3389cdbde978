import Addresses
import ArgumentParser
import ClientRuntime

/// Whom a load asks and how it reports: options of every mode.
struct LoadOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server: an IP address and a port.", valueName: "address"))
    var server = "127.0.0.1:3478"

    @Option(help: ArgumentHelp("The address of the load's own sockets (default: loopback).", valueName: "address"))
    var bind: String?

    @Option(help: ArgumentHelp("The first port of the load's own sockets.", valueName: "port"))
    var portBase: UInt16 = 10_000

    @Option(help: ArgumentHelp("The server's process, whose CPU time and memory are read.", valueName: "number"))
    var pid: Int32?

    @Flag(help: "Allow a server that is not on loopback, in a network that is yours to load.")
    var any = false

    @Flag(help: "Print one line of JSON.")
    var json = false

    @Option(help: ArgumentHelp("A word for the report.", valueName: "word"))
    var label = ""

    func target(_ transport: LoadTransport = .udp) throws -> LoadTarget {
        guard let address = SocketAddress(server) else {
            throw ValidationError("--server takes an IP address and a port, such as 127.0.0.1:3478 or [::1]:3478.")
        }
        var target = LoadTarget(server: address)
        if let bind {
            guard let local = IPAddress(bind) else { throw ValidationError("--bind takes an IP address of this host.") }
            target.local = local
        }
        target.firstPort = portBase
        target.process = pid
        target.allowsAny = any
        target.transport = transport
        return target
    }

    /// Prints the report; ends with 1 when not all was done that was asked for.
    func show(_ report: LoadReport) throws {
        print(json ? report.json : report.text, terminator: "")
        if !report.isComplete { throw ExitCode(1) }
    }
}

/// For how long a load runs: options of the modes that have no end of their own.
struct TimeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("For how many seconds is measured, up to 240.", valueName: "seconds"))
    var time = 8.0

    @Option(help: ArgumentHelp("How many seconds go by before that, up to 60.", valueName: "seconds"))
    var warm = 0.5

    func validate() throws {
        // Permissions last 300 seconds, and the load renews none.
        guard time > 0, time <= 240 else { throw ValidationError("--time takes more than 0 and at most 240 seconds.") }
        guard warm >= 0, warm <= 60 else { throw ValidationError("--warm takes 0 to 60 seconds.") }
    }
}

/// How clients come: an option of the modes that have sessions or connections.
struct TransportOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("How clients come: udp, tcp or tls (with any certificate).", valueName: "transport"),
        transform: TransportOptions.transport
    )
    var transport: LoadTransport?

    static func transport(_ text: String) throws -> LoadTransport {
        guard let transport = LoadTransport(rawValue: text) else {
            let all = LoadTransport.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("there is no such transport: \(all)")
        }
        return transport
    }
}

/// Who may use the relay: options of the modes that allocate.
struct CredentialOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The name of a user of TURN.", valueName: "name"))
    var user: String

    @Option(
        name: [.long, .customLong("pass")],
        help: ArgumentHelp("The user's password; others on this host may see it.", valueName: "password")
    )
    var password: String

    @Option(
        name: [.long, .customLong("conc")],
        help: ArgumentHelp("How many allocate at the same time.", valueName: "count")
    )
    var atOnce = 32

    @Flag(help: "Leave the allocations to expire.")
    var noRelease = false

    @OptionGroup var transport: TransportOptions

    var credential: LoadCredential { LoadCredential(user: user, password: password) }
}

/// Seconds as nanoseconds; the number was checked.
func nanoseconds(_ seconds: Double) -> UInt64 { UInt64(seconds * 1e9) }
