public import Addresses
public import Observability
import PacketEngine

/// Why the server did not start: a sentence for the person who started it, and the message code for the log.
public enum StartError: Error, CustomStringConvertible {
    /// A second address was set, and which one is the first cannot be told.
    case secondAddressWithoutFirst(IPAddress)
    /// A rate limit leaves some of the workers without a share.
    case rateBelowWorkers(key: String, value: Int, workers: Int)
    /// A STUN port cannot be opened.
    case portNotOpened(MessageCode, String)
    /// TURN is on, and no address of this host can relay.
    case noRelayAddress
    /// A relay address cannot be used, with the system's reason.
    case relayAddress(IPAddress, String)
    /// The settings insist on io_uring, and the system does not let us, with the reason.
    case engine(String)
    /// The settings insist on a sandbox, and the system does not give it, with the reason.
    case sandbox(String)
    /// The system has not given the sandbox this time, with the reason; another start may do.
    case sandboxNotEntered(String)
    /// The certificate cannot be served, with setting, file and reason.
    case certificate(String)
    /// The store of users cannot be opened or read.
    case accounts(String)
    /// The log file cannot be opened.
    case logNotOpened(String)
    /// The system refused something fundamental.
    case system(String)

    /// The message that the log gets.
    public var code: MessageCode {
        switch self {
        case .secondAddressWithoutFirst, .rateBelowWorkers, .noRelayAddress, .relayAddress, .engine, .sandbox,
            .certificate, .accounts:
            .settingsRefused
        case .portNotOpened(let code, _): code
        case .logNotOpened: .logNotWritten
        case .system, .sandboxNotEntered: .socketFailed
        }
    }

    /// What happened and what to do.
    public var description: String {
        switch self {
        case .secondAddressWithoutFirst(let second):
            """
            second-address \(second): this host has no other \(second.family == .v4 ? "IPv4" : "IPv6") address that \
            could be the first; set address to it
            """
        case .rateBelowWorkers(let key, let value, let workers):
            """
            \(key): \(value) is shared by \(workers) workers and leaves some without an answer; set it to at least \
            \(workers), or set workers lower
            """
        case .noRelayAddress:
            "no address of this host can relay: set relay-address to one, or set turn to off for STUN alone"
        case .relayAddress(let address, let reason):
            "relay address \(address): no socket can be opened there: \(reason); set relay-address to an address of this host"
        case .engine(let reason): "engine: io_uring cannot be used: \(reason); set engine to auto or epoll"
        case .sandbox(let reason): "sandbox: \(reason); set sandbox to auto or off"
        case .sandboxNotEntered(let reason):
            "sandbox: \(reason); start the server again, or set sandbox to off if that goes on"
        case .accounts(let text): "users and secrets: \(text)"
        case .portNotOpened(_, let text), .certificate(let text), .logNotOpened(let text), .system(let text):
            text
        }
    }
}
