import Addresses
import Administration
import PacketEngine
import STUNCodec
import ServerCore

/// Asks the server's own listening sockets as a client would, and looks at the answers: a second at most in all.
struct SelfTest {
    private static let patience: UInt64 = 1_000_000_000

    /// One request and what has to come back.
    struct Probe {
        let name: String
        /// Where it is sent from and to.
        let own: IPAddress
        let target: SocketAddress
        /// Where the answer must come from.
        let source: SocketAddress
        let dialect: Dialect
        let change: ChangeRequest?
        let id = TransactionID(
            high: UInt64(magicCookie) << 32 | UInt64(UInt32.random(in: .min ... .max)),
            low: UInt64.random(in: .min ... .max)
        )

        /// The transaction id as it stands in the message: without the cookie in RFC 3489.
        var wireID: TransactionID {
            dialect == .cookie ? id : TransactionID(high: id.high ^ 0xFFFF_FFFF_0000_0000, low: id.low)
        }
    }

    private var probes: [Probe] = []

    /// Tests these listening sockets, and from port 1 the change to port 2 where both are read.
    init(_ targets: [SocketAddress], _ plan: ListenPlan) {
        for target in targets {
            let address = Self.reachable(target.address)
            let asked = SocketAddress(address, port: target.port)
            probes.append(
                Probe(name: "\(target)", own: address, target: asked, source: asked, dialect: .cookie, change: nil)
            )
            let endpoints = address.family == .v4 ? plan.v4 : plan.v6
            let other = SocketAddress(target.address, port: endpoints.port2)
            guard target.port == endpoints.port1, targets.contains(other) else { continue }
            // RFC 3489: with the cookie a server that has one address refuses it.
            probes.append(
                Probe(
                    name: "\(target) change-port",
                    own: address,
                    target: asked,
                    source: SocketAddress(address, port: endpoints.port2),
                    dialect: .classic,
                    change: ChangeRequest(changesIP: false, changesPort: true)
                )
            )
        }
    }

    /// 127.0.0.1 stands for 0.0.0.0, and ::1 for `::`.
    private static func reachable(_ address: IPAddress) -> IPAddress {
        guard address.isUnspecified else { return address }
        return address.family == .v4 ? IPAddress(v4: 0x7F00_0001) : IPAddress(v6High: 0, low: 1)
    }

    /// Sends all requests, waits for the answers and tells of each.
    func run() -> [Check] {
        do throws(SocketError) {
            return try ask()
        } catch {
            return [Check("self-test", isGood: false, "It could not be made: \(error)")]
        }
    }

    private func ask() throws(SocketError) -> [Check] {
        var batch = DatagramBatch(mode: .single, joinsTrains: false)
        var loop = try EventLoop()
        var sockets: [UDPSocket] = []
        for (index, probe) in probes.enumerated() {
            let own = SocketAddress(probe.own, port: 0)
            let socket = try UDPSocket(bindingTo: own, sharesPort: false, bufferSize: 65_536)
            sockets.append(socket)
            try loop.watch(socket.handle, token: UInt64(index))
            Self.queue(probe, on: socket, &batch)
            _ = batch.flush()
        }
        var checks = [Check?](repeating: nil, count: probes.count)
        let deadline = SystemClock.monotonic() &+ Self.patience
        while checks.contains(nil) {
            let now = SystemClock.monotonic()
            guard now < deadline else { break }
            for ready in 0..<(try loop.wait(timeoutNanoseconds: deadline &- now)) {
                let index = Int(loop.ready(ready).token)
                for slot in try batch.receive(from: sockets[index].handle) where checks[index] == nil {
                    checks[index] = Self.check(slot, of: &batch, probes[index], port: sockets[index].boundPort())
                }
                _ = batch.flush()
            }
        }
        return zip(probes, checks).map { probe, check in
            check
                ?? Check(
                    probe.name,
                    isGood: false,
                    "No answer from \(probe.source) within a second: a firewall of this host keeps it back, or the server is "
                        + "overloaded; look at `stund status` for drops, and at the rules of nftables."
                )
        }
    }

    static func queue(_ probe: Probe, on socket: UDPSocket, _ batch: inout DatagramBatch) {
        guard let slot = batch.takeSlot() else { return }
        var packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: 0)
        var writer = MessageWriter(
            MessageType(.binding, .request),
            in: probe.dialect,
            context: AttributeContext(transactionID: probe.wireID, addressLayout: .standard),
            limit: packet.capacity,
            over: &packet
        )
        packet.write(probe.wireID.high, at: 4)
        packet.write(probe.wireID.low, at: 12)
        if let change = probe.change, !writer.append(change, to: &packet) { return }
        writer.finish(&packet)
        let count = packet.count
        batch.queue(
            slot: slot,
            offset: DatagramBatch.headroom,
            count: count,
            on: socket.handle,
            to: probe.target,
            tag: 0
        )
    }

    /// The address of the client that a good answer names; nil when it is not the one that is waited for, or names none.
    static func mapped(_ slot: Int, of batch: inout DatagramBatch, _ probe: Probe) -> SocketAddress? {
        let length = batch.length(of: slot)
        let packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: length)
        guard let message = try? Message(parsing: packet.bytes, as: probe.dialect),
            message.transactionID == probe.wireID, message.type == MessageType(.binding, .success)
        else { return nil }
        return message[XorMappedAddress.self]?.address ?? message[MappedAddress.self]?.address
    }

    /// What an answer tells; nil when it is not the one that is waited for.
    private static func check(
        _ slot: Int,
        of batch: inout DatagramBatch,
        _ probe: Probe,
        port: UInt16
    ) -> Check? {
        let source = batch.source(of: slot)
        let length = batch.length(of: slot)
        let packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: length)
        guard let message = try? Message(parsing: packet.bytes, as: probe.dialect),
            message.transactionID == probe.wireID
        else { return nil }
        let mapped = message[XorMappedAddress.self]?.address ?? message[MappedAddress.self]?.address
        let expected = SocketAddress(probe.own, port: port)
        guard message.type == MessageType(.binding, .success), let mapped else {
            let code = message[ErrorCode.self].map { " with \($0.code)" } ?? ""
            return Check(probe.name, isGood: false, "A Binding request was refused\(code): look at the log at level 6.")
        }
        guard mapped == expected else {
            return Check(
                probe.name,
                isGood: false,
                "The answer names \(mapped) as the client, which is \(expected): something on this host rewrites addresses; "
                    + "look at the NAT rules of nftables."
            )
        }
        guard source == probe.source else {
            return Check(
                probe.name,
                isGood: false,
                "The answer came from \(source) instead of \(probe.source): look at the NAT rules of this host."
            )
        }
        return Check(probe.name, isGood: true, "A Binding request was answered right, from \(source).")
    }
}
