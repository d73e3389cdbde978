/// Who uses the relay now: the allocations of all workers.
public struct SessionsReport: Codable, Hashable, Sendable {
    /// One allocation.
    public struct Row: Codable, Hashable, Sendable {
        /// A permission: a peer address that packets are exchanged with.
        public struct Permission: Codable, Hashable, Sendable {
            /// The IP address.
            public var address: String
            /// Seconds until it ends unless the client renews it.
            public var expiresIn: Int

            /// Makes a permission.
            public init(address: String, expiresIn: Int) {
                self.address = address
                self.expiresIn = expiresIn
            }
        }

        /// A channel: a number that stands for a peer.
        public struct Channel: Codable, Hashable, Sendable {
            /// The number, such as `0x4000`.
            public var number: String
            /// The peer's address and port.
            public var peer: String
            /// Seconds until it ends unless the client renews it.
            public var expiresIn: Int

            /// Makes a channel.
            public init(number: String, peer: String, expiresIn: Int) {
                self.number = number
                self.peer = peer
                self.expiresIn = expiresIn
            }
        }

        /// A TCP connection with a peer (RFC 6062).
        public struct Connection: Codable, Hashable, Sendable {
            /// How far it is.
            public enum Stage: String, Codable, CaseIterable, Sendable {
                /// The peer has not answered yet.
                case connecting
                /// It waits for the client's own connection.
                case waiting
                /// It and the client's connection are one.
                case bound
            }

            /// The peer's address and port.
            public var peer: String
            /// How far it is.
            public var stage: Stage

            /// Makes a connection.
            public init(peer: String, stage: Stage) {
                self.peer = peer
                self.stage = stage
            }
        }

        /// Packets and bytes of application data in one direction.
        public struct Traffic: Codable, Hashable, Sendable {
            /// Packets that were relayed.
            public var packets: UInt64
            /// Their bytes, without headers.
            public var bytes: UInt64

            /// Makes a sum.
            public init(packets: UInt64, bytes: UInt64) {
                self.packets = packets
                self.bytes = bytes
            }
        }

        /// What `stund disconnect` names it by, such as `0-15`: the worker and its number there.
        public var id: String
        /// The user's name as the client wrote it.
        public var user: String
        /// The realm of the user.
        public var realm: String
        /// The client's address and port.
        public var client: String
        /// The address and port that the client sends to.
        public var listener: String
        /// What carries the client's messages: `udp`, `tcp`, `tls` or `dtls`.
        public var transport: String
        /// The addresses and ports that peers see, one of a family.
        public var relays: [String]
        /// What is relayed: datagrams (`udp`) or TCP connections (`tcp`).
        public var relayTransport: String
        /// The live permissions.
        public var permissions: [Permission]
        /// The live channels.
        public var channels: [Channel]
        /// The TCP connections with peers.
        public var connections: [Connection]
        /// What was relayed from the client to peers.
        public var toPeers: Traffic
        /// What was relayed from peers to the client.
        public var toClient: Traffic
        /// Seconds since the allocation was made.
        public var age: Int
        /// Seconds until it ends unless the client refreshes it.
        public var expiresIn: Int

        /// Makes a row.
        public init(
            id: String,
            user: String,
            realm: String,
            client: String,
            listener: String,
            transport: String = "udp",
            relays: [String],
            relayTransport: String = "udp",
            permissions: [Permission] = [],
            channels: [Channel] = [],
            connections: [Connection] = [],
            toPeers: Traffic,
            toClient: Traffic,
            age: Int,
            expiresIn: Int
        ) {
            self.id = id
            self.user = user
            self.realm = realm
            self.client = client
            self.listener = listener
            self.transport = transport
            self.relays = relays
            self.relayTransport = relayTransport
            self.permissions = permissions
            self.channels = channels
            self.connections = connections
            self.toPeers = toPeers
            self.toClient = toClient
            self.age = age
            self.expiresIn = expiresIn
        }
    }

    /// The allocations, newest first.
    public var rows: [Row]
    /// How many there are; more than the rows when a limit was asked for.
    public var totalSessions: Int
    /// How many of them the search found; all of them without one.
    public var foundSessions: Int

    /// Makes a report.
    public init(rows: [Row], totalSessions: Int, foundSessions: Int? = nil) {
        self.rows = rows
        self.totalSessions = totalSessions
        self.foundSessions = foundSessions ?? totalSessions
    }
}
