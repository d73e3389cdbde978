import Addresses
import Administration
import Observability
import ServerCore

// From the sessions of the core to those of the reports that people read.

extension SessionsReport {
    /// These sessions, of so many.
    init(_ shown: [(worker: Int, session: SessionDetail)], found: Int, total: Int) {
        self.init(
            rows: shown.map { Row($0.session, worker: $0.worker) },
            totalSessions: total,
            foundSessions: found
        )
    }
}

extension SessionsReport.Row {
    init(_ detail: SessionDetail, worker: Int) {
        let session = detail.session
        self.init(
            id: session.id(worker: worker),
            user: session.username,
            realm: session.realm,
            client: "\(session.flow.source)",
            listener: "\(session.flow.destination)",
            transport: session.flow.transport.name,
            relays: session.relays,
            relayTransport: session.relaysTCP ? "tcp" : "udp",
            permissions: detail.permissions.map {
                Permission(address: "\($0.address)", expiresIn: Int(clamping: $0.expiresIn))
            },
            channels: detail.channels.map {
                Channel(number: hexadecimal($0.number), peer: "\($0.peer)", expiresIn: Int(clamping: $0.expiresIn))
            },
            connections: detail.connections.map { Connection(peer: "\($0.peer)", stage: .init($0.stage)) },
            toPeers: session.traffic.toPeers,
            toClient: session.traffic.toClient,
            age: Int(clamping: session.age),
            expiresIn: Int(clamping: session.expiresIn)
        )
    }
}

extension SessionsReport.Row.Connection.Stage {
    fileprivate init(_ stage: ConnectionStage) {
        switch stage {
        case .connecting: self = .connecting
        case .waiting: self = .waiting
        case .bound: self = .bound
        }
    }
}

extension Session {
    /// What people name it by: `0-15`.
    func id(worker: Int) -> String { "\(worker)-\(serial)" }

    /// The addresses that peers see.
    var relays: [String] { [relayV4, relayV6].compactMap { $0.map { "\($0)" } } }
}

extension Traffic {
    var toPeers: SessionsReport.Row.Traffic { .init(packets: packetsToPeers, bytes: bytesToPeers) }
    var toClient: SessionsReport.Row.Traffic { .init(packets: packetsToClient, bytes: bytesToClient) }
}

/// Which sessions a person means who gives an id, a user or a client address.
struct SessionChoice: Sendable {
    private let subject: String
    private let address: AddressSubject?

    init(_ subject: String) {
        self.subject = subject
        address = AddressSubject(subject)
    }

    /// Whether it means a session of a worker.
    func means(_ session: Session, worker: Int) -> Bool {
        session.id(worker: worker) == subject || UserName(session.username).isMeant(by: subject)
            || address?.contains(session.flow.source) == true
    }
}

/// An address that a person gives, with or without a port.
struct AddressSubject: Sendable, Equatable {
    let address: IPAddress
    let port: UInt16?

    /// Reads `192.0.2.1`, `192.0.2.1:5`, `2001:db8::1` or `[2001:db8::1]:5`; nil when it is none of them.
    init?(_ text: String) {
        if let address = IPAddress(text) {
            self.address = address
            port = nil
        } else if let both = SocketAddress(text) {
            address = both.address
            port = both.port
        } else {
            return nil
        }
    }

    func contains(_ other: SocketAddress) -> Bool {
        other.address == address && (port == nil || port == other.port)
    }
}
