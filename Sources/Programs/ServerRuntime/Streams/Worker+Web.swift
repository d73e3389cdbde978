import Addresses
import Administration
import PacketEngine
import STUNCodec
import ServerCore

// Connections that come to a port of clients and are for a web server or the console: joined with one to there, and neither looked at
// nor counted by the core.

extension Worker {
    /// Begins to connect to where a client's connection goes; what was read of it goes there first.
    mutating func passOn(_ client: Int, to target: WebTarget) {
        streams.connections[client].web = nil
        guard streams.connections[client].isLive else { return }
        guard let place = place(of: target) else { return streams.close(client, .notSTUN) }
        guard peers.takeFile() else { return streams.close(client, .noWeb) }
        nextWeb &+= 1
        let partner = StreamPartner.web(nextWeb)
        let door = target == .console ? streams.shared.console : nil
        let address = streams.connections[client].flow.source.address
        var port: UInt16?
        do throws(SocketError) {
            let source = door == nil ? SocketAddress(.unspecified(place.address.family), port: 0) : .loopback
            let stream = try StreamSocket.connect(from: source, to: place) { local in
                port = local.port
                door?.note(address, from: local.port)
            }
            guard peers.add(stream, as: partner, .connecting, now: now.nanoseconds),
                let index = peers.index(of: partner)
            else {
                if let port { door?.forget(from: port) }
                return streams.close(client, .noWeb)
            }
            peers.rows[index].doorPort = door == nil ? nil : port
            peers.rows[index].waiting = client
            streams.carryData(client, of: partner)
            streams.setReading(client, .hangUp)
            let isKept =
                keepHeader(of: client, for: index, target)
                && peers.keep(&streams.input, for: index, in: &streams.buffers)
            if !isKept { endWeb(index) }
        } catch {
            if let port { door?.forget(from: port) }
            peers.giveFile()
            streams.close(client, .noWeb)
        }
    }

    /// Has a web server that wants to know told whose connection it gets; the console knows by `ConsoleDoor`.
    private mutating func keepHeader(of client: Int, for index: Int, _ target: WebTarget) -> Bool {
        guard streams.shared.rules.tellsWeb, target != .console else { return true }
        let flow = streams.connections[client].flow
        let header = ProxyHeader.bytes(of: flow.source, to: flow.destination)
        return peers.keep(header, for: index, in: &streams.buffers)
    }

    private func place(of target: WebTarget) -> SocketAddress? {
        switch target {
        case .site: streams.shared.rules.webServer
        case .tlsSite: streams.shared.rules.webTLSServer
        case .console: streams.shared.console.port.map { SocketAddress(SocketAddress.loopback.address, port: $0) }
        }
    }

    /// A web server has taken a connection: the two are one from now on.
    mutating func join(_ index: Int) {
        guard let client = waitingClient(of: index) else { return endPeer(index, aborting: true) }
        peers.rows[index].waiting = nil
        peers.rows[index].lastMoved = now.nanoseconds
        peers.rows[index].stage = .copied(client: client)
        guard peers.writePending(index, from: &streams.buffers) else { return endPeer(index, aborting: true) }
        if peers.rows[index].pending.isEmpty, streams.canBeGivenAway(client) {
            let progress = peers.splice(index, with: streams.release(client))
            endStreams()
            return goOn(index, progress)
        }
        streams.input.removeAll()
        relayFromClient(index, client)
    }

    /// A web server takes no connection.
    mutating func endWeb(_ index: Int) {
        if let client = waitingClient(of: index) { streams.close(client, .noWeb) }
        endPeer(index, aborting: true)
    }

    /// The client that waits for a web server; nil when its connection has ended, whose number may be another one's by now.
    private func waitingClient(of index: Int) -> Int? {
        guard let client = peers.rows[index].waiting, streams.connections[client].isLive,
            streams.connections[client].partner == peers.rows[index].partner
        else { return nil }
        return client
    }
}

extension SocketAddress {
    /// Where connections to the console come from.
    fileprivate static let loopback = SocketAddress(IPAddress(v4: 0x7F00_0001), port: 0)
}
