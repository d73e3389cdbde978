import Addresses
import Foundation
import ServerSettings
import Synchronization

@testable import Administration

/// A server of a fleet on 127.0.0.1 that answers others on a port of its own.
final class FleetHost {
    static let key: [UInt8] = Array(0..<32)
    /// The number of its start.
    static let instance: UInt64 = 0x0102_0304_0506_0708
    static let loopback = IPAddress(v4: 0x7F00_0001)

    let host: AdministeredServer
    let listener: FleetListener

    /// Listens for peers at 127.0.0.1, or at another address when a stranger shall ask.
    init(
        _ name: String,
        key: [UInt8]? = FleetHost.key,
        peer: IPAddress = loopback,
        limits: FleetChannel.Limits = FleetChannel.Limits(),
        settings: String = ""
    ) throws {
        host = try AdministeredServer(settings)
        host.server.places.withLock { places in
            places = FleetPlaces(
                ownName: name,
                instance: Self.instance,
                key: key,
                others: [.init(name: "asking", addresses: [SocketAddress(peer, port: 1)], isAnswering: true)],
                listening: [SocketAddress(Self.loopback, port: 0)]
            )
        }
        listener = FleetListener(host.administrator, limits: limits)
    }

    deinit { listener.stop() }

    var address: SocketAddress? { listener.listening.first }

    /// The server as others know it.
    func other(isAnswering: Bool = true) -> FleetPlaces.Other {
        FleetPlaces.Other(
            name: host.server.fleetPlaces.ownName,
            addresses: [address].compactMap(\.self),
            instance: Self.instance,
            isAnswering: isAnswering
        )
    }

    func has(_ sources: [StatisticsReport.Row]) {
        host.server.sourceReport.withLock { $0 = StatisticsReport(rows: sources, totalSources: sources.count) }
    }

    /// A socket to it, as anybody opens one.
    func connect() throws -> Descriptor {
        try TCPSocket.connected(
            to: address ?? SocketAddress(Self.loopback, port: 0),
            from: nil,
            until: .now + .seconds(5)
        )
    }

    /// A connection to it after the handshake.
    func channel(over socket: Descriptor, to server: UInt64 = instance) throws -> FleetChannel {
        try FleetChannel(over: socket, as: .client, of: server, key: Self.key, until: .now + .seconds(5))
    }
}

extension FleetChannel {
    /// Asks one thing.
    func ask(_ request: FleetRequest) throws -> ControlAnswer {
        try send(try ControlProtocol.encode(request), until: .now + .seconds(5))
        let bytes = try receive(begins: .now + .seconds(5), ends: .now + .seconds(5))
        return try ControlProtocol.decode(ControlAnswer.self, from: bytes)
    }
}

extension Descriptor {
    /// What comes until the other side closes.
    func rest() -> [UInt8] {
        var bytes: [UInt8] = []
        while let byte = try? TCPSocket.read(1, from: self, until: .now + .seconds(20)) { bytes += byte }
        return bytes
    }

    func write(_ bytes: [UInt8]) throws { try UnixSocket.write(bytes, to: self, until: .now + .seconds(5)) }
}
