public import Addresses
import PacketEngine
import STUNCodec

/// Asks another STUN server at which address it sees this host.
public enum AddressProbe {
    /// The waits for an answer, each after one more request (RFC 8489 section 6.2.1: doubled each time).
    private static let waits: [UInt64] = [500_000_000, 1_000_000_000, 2_000_000_000]

    /// What the other server saw.
    public enum Outcome: Sendable, Hashable {
        /// The address, and whether it saw the port that the request came from.
        case seen(SocketAddress, keepsPort: Bool)
        /// No answer, or one that names no address.
        case silent
        /// The system refused.
        case failed(String)
    }

    /// Asks `server` from an address of this host; takes three and a half seconds at most.
    public static func ask(_ server: SocketAddress, from local: IPAddress) -> Outcome {
        do throws(SocketError) {
            let socket = try UDPSocket(bindingTo: SocketAddress(local, port: 0), sharesPort: false, bufferSize: 65_536)
            var batch = DatagramBatch(mode: .single, joinsTrains: false)
            var loop = try EventLoop()
            try loop.watch(socket.handle, token: 0)
            let probe = SelfTest.Probe(
                name: "",
                own: local,
                target: server,
                source: server,
                dialect: .cookie,
                change: nil
            )
            for wait in waits {
                SelfTest.queue(probe, on: socket, &batch)
                _ = batch.flush()
                let deadline = SystemClock.monotonic() &+ wait
                while SystemClock.monotonic() < deadline {
                    guard try loop.wait(timeoutNanoseconds: deadline &- SystemClock.monotonic()) > 0 else { continue }
                    for slot in try batch.receive(from: socket.handle) {
                        guard let mapped = SelfTest.mapped(slot, of: &batch, probe) else { continue }
                        return .seen(mapped, keepsPort: mapped.port == socket.boundPort())
                    }
                    _ = batch.flush()
                }
            }
            return .silent
        } catch {
            return .failed("\(error)")
        }
    }
}

extension Finding {
    /// What another server's view of this host means; `external` is what clients are told.
    public init(_ outcome: AddressProbe.Outcome, server: String, local: IPAddress, external: IPAddress) {
        let check = "public address"
        switch outcome {
        case .seen(let mapped, _) where mapped.address != external:
            self.init(
                check,
                .bad,
                "\(server) sees \(local) of this host as \(mapped.address), and clients are told \(external).",
                remedy:
                    "If a NAT maps \(mapped.address) to this host, one to one, set external-ip to \(mapped.address)/\(local)."
            )
        case .seen(let mapped, keepsPort: false):
            self.init(
                check,
                .warning,
                "\(server) sees \(local) of this host as \(mapped.address), but another port than the request had.",
                remedy: "The NAT before this host must map all ports of relay-ports to the same ones."
            )
        case .seen(let mapped, _):
            let words = mapped.address == local ? "there is no NAT before this host" : "as clients are told"
            self.init(check, .good, "\(server) sees \(local) of this host as \(mapped.address): \(words).")
        case .silent:
            self.init(
                check,
                .warning,
                "\(server) did not answer \(local) of this host.",
                remedy: "Ask another server, and see that a firewall lets UDP out and its answers in."
            )
        case .failed(let reason):
            self.init(check, .warning, "\(server) cannot be asked from \(local): \(reason).")
        }
    }
}
