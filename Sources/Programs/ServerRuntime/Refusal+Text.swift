// Long: one row for each cause; parts of the switch would each need a case that never happens.
import Addresses
import Administration
import Glibc
import Observability
import STUNAuthentication
import STUNCodec
import ServerCore

extension Refusal {
    /// The refusal in words.
    func text(_ context: RefusalContext) -> RefusalText {
        switch self {
        case .authentication(let refusal): refusal.text(context)
        case .tooShort(let bytes):
            RefusalText(
                "the request has \(bytes) bytes, and none of TURN has fewer than 28",
                cure: "Nothing: this is no TURN client, but a scan perhaps."
            )
        case .malformed(let attribute):
            RefusalText(
                "\(attribute.words) cannot be read",
                cure: "Update the client, or report the fault to its makers."
            )
        case .missing(let attribute):
            RefusalText(
                "the request has no \(attribute.words)",
                cure: "Update the client, or report the fault to its makers."
            )
        case .conflict(let one, let other):
            RefusalText(
                "\(one.words) and \(other.words) exclude each other (RFC 8656 section 7.2)",
                cure: "Have the client ask for one of the two only."
            )
        case .unknownMethod(let method):
            RefusalText(
                "this server does not know \(method.words)",
                cure: "Turn this extension off in the client; TURN over UDP does not need it."
            )
        case .unknownAttribute(let attribute):
            RefusalText(
                "this server does not know \(attribute.words), which the client insists on",
                cure: "Turn this extension off in the client."
            )
        case .noAllocation:
            RefusalText(
                "no allocation belongs to the client's address and port",
                cure:
                    "If it had one, look whether its NAT changes the port or it refreshes too late; the log at level 7 "
                    + "tells when allocations end."
            )
        case .otherTransport:
            RefusalText(
                "the allocation relays TCP connections and a channel was asked for, or datagrams and a connection",
                cure: "Have the client make an allocation of its own for each: REQUESTED-TRANSPORT says which it is."
            )
        case .needsStream:
            RefusalText(
                "TCP connections are relayed to clients on TCP or TLS only, and this one came by UDP or DTLS (RFC 6062)",
                cure: "Have the client use turn: with ?transport=tcp, or turns:."
            )
        case .unknownConnection:
            RefusalText(
                "no connection with a peer waits for this CONNECTION-ID",
                cure: "Have the client bind each connection once, and within 30 seconds after it has heard of it."
            )
        case .connectionExists(let peer):
            RefusalText(
                "the allocation has a connection with the peer \(peer), or is about to have one",
                cure: "Have the client use the one that it has, or close that first."
            )
        case .connectFailed(let peer):
            RefusalText(
                "no TCP connection with the peer \(peer) came about within 30 seconds",
                cure: "Look whether something listens there, and whether a firewall lets the relay address through."
            )
        case .connectionLimit(let limit):
            RefusalText(
                "the allocation has \(limit) TCP connections with peers, all that tcp-relay-connections allows",
                cure: "Raise tcp-relay-connections if clients really need so many, or have the client close some."
            )
        case .allocationExists:
            RefusalText(
                "the client's address and port have an allocation already",
                cure:
                    "Have the client use a new port for each allocation; `stund disconnect` with its address ends the old "
                    + "one."
            )
        case .otherUser:
            RefusalText(
                "the allocation was made by another user than the one who asks",
                cure: "Have the client keep one user name for the whole life of an allocation, a timed one too."
            )
        case .transport(let number):
            RefusalText(
                number == 6
                    ? "the client asks for relaying of TCP, and only UDP is relayed"
                    : "the client asks for the transport protocol \(number), and only UDP (17) and, with tcp-relay, TCP (6) are "
                        + "relayed",
                cure: number == 6
                    ? "Have the client ask for UDP, or set tcp-relay to on (RFC 6062; the client must come by TCP or TLS)."
                    : "Have the client ask for UDP."
            )
        case .addressFamily(let number):
            RefusalText(
                "the client asks for a relay address of \(familyName(number)), which this server does not relay",
                cure: "Set relay-address to an address of that family that this host has, or have the client ask for "
                    + "another one."
            )
        case .peerFamily(let number):
            RefusalText(
                "the request is about \(familyName(number)), and the allocation has no relay address of that family",
                cure: "Have the client ask for both families when it allocates (ADDITIONAL-ADDRESS-FAMILY)."
            )
        case .peer(let peer, let rule):
            rule.text(of: peer.port == 0 ? "the peer \(peer.address)" : "the peer \(peer)")
        case .client(let rule):
            RefusalText(
                rule.text(of: "the client's own address").cause
                    + ", through which nothing is relayed (RFC 8656 section 21.4)",
                cure: "Have the client use an address of its own network."
            )
        case .channelNumber(let number): context.text(ofChannelNumber: number)
        case .channelTaken(let number, let peer):
            RefusalText(
                "the channel \(hexadecimal(number)) is bound to another peer, \(peer)",
                cure: "Have the client use another number, or wait 15 minutes after the last refresh of the channel."
            )
        case .peerTaken(let peer, let number):
            RefusalText(
                "the peer \(peer) is bound to another channel, \(hexadecimal(number))",
                cure: "Have the client use that channel, or wait 15 minutes after its last refresh."
            )
        case .permissionLimit(let limit):
            RefusalText(
                "the allocation has \(limit) permissions, all that permissions-per-allocation allows",
                cure: "Raise permissions-per-allocation if clients really talk to so many peers."
            )
        case .channelLimit(let limit):
            RefusalText(
                "the allocation has \(limit) channels, all that channels-per-allocation allows",
                cure: "Raise channels-per-allocation if clients really talk to so many peers."
            )
        case .userAllocations(let limit):
            RefusalText(
                "the user has \(limit) allocations, all that user-allocations allows",
                cure:
                    "Raise user-allocations, give each client a user of its own, or end old ones with `stund disconnect`."
            )
        case .monthlyBytes(let limit):
            RefusalText(
                "the user's \(limit) bytes of this month (user-monthly-bytes) are used up",
                cure: "Raise user-monthly-bytes, or wait for the first of the next month (UTC)."
            )
        case .serverAllocations(let limit):
            RefusalText(
                "the server has \(limit) allocations, all that max-allocations allows",
                cure: "Raise max-allocations, or spread the load over more servers."
            )
        case .memory(let limit):
            RefusalText(
                "the server's allocations take \(HumanText.bytes(UInt64(clamping: limit))) with what belongs to them, all that "
                    + "memory-limit allows",
                cure: "Raise memory-limit if the host has more memory to spare, or spread the load over more servers."
            )
        case .mirrorClient:
            RefusalText(
                "the client's address is not in mirror-clients; it got no answer",
                cure: "Add its address or network to mirror-clients if it is yours, and leave it out otherwise."
            )
        case .mirrorsOfClient(let limit):
            RefusalText(
                "the client's address has \(limit) mirrors, all that mirrors-per-client allows",
                cure:
                    "Raise mirrors-per-client if many phones are behind that address; a mirror that nobody uses ends by itself."
            )
        case .mirrors(let limit):
            RefusalText(
                "the server has \(limit) mirrors, all that max-mirrors allows",
                cure: "Raise max-mirrors, or see with `stund sessions` whose they are."
            )
        case .sharedSecret(let code): Self.text(ofSharedSecret: code)
        case .transitioning:
            RefusalText(
                "the mirror changes its destination, which takes 3 seconds",
                cure: "Have the client ask again after 3 seconds."
            )
        case .noDestination(let peer):
            RefusalText(
                "the mirror's client has neither sent to \(peer) nor heard from it",
                cure: "Have the client send there first (Send Request)."
            )
        case .relayPort(let error): error.text
        case .redirected(let redirection): redirection.text
        case .draining:
            RefusalText(
                "the server drains: it takes no new allocations, and no other server of the client's address family is "
                    + "there to name",
                cure:
                    "Take the drain back with `stund drain --cancel`, wait until a server that ends has been started again, or "
                    + "set other-stun-servers and cluster-key so that clients are sent on."
            )
        }
    }

    private static func text(ofSharedSecret code: ErrorCode) -> RefusalText {
        let cause =
            switch code {
            case .staleCredentials:
                "the user name is none that this server has handed out over TLS in the last 15 minutes"
            case .integrityCheckFailure: "the integrity is not that of the user name's password"
            case .missingUsername: "the request has integrity and no user name"
            case .wrongCredentials: "the mirror was made with another user name"
            default: "the request has no integrity, which needs a shared secret"
            }
        return RefusalText(
            cause,
            cure:
                "Have the client get a user name and a password by a Shared Secret request over TLS (RFC 3489 section 8.2)."
        )
    }

    /// The peer that the request was about.
    var peer: SocketAddress? {
        switch self {
        case .peer(let peer, _), .noDestination(let peer), .channelTaken(_, by: let peer), .peerTaken(let peer, _),
            .connectionExists(let peer),
            .connectFailed(let peer):
            peer
        default: nil
        }
    }

    /// How urgent it is: who runs the server is asked why a credential is not accepted, or no port is left; the rest
    /// concerns the makers of clients.
    var level: LogLevel {
        switch self {
        case .authentication(let refusal) where refusal.isPartOfEverySession: .debug
        case .authentication(let refusal) where refusal.errorCode == .unauthenticated: .notice
        case .userAllocations, .monthlyBytes, .mirrorsOfClient, .mirrorClient: .notice
        case .serverAllocations, .mirrors, .memory, .relayPort(.noneFree), .relayPort(.openFiles), .relayPort(.system):
            .failure
        default: .info
        }
    }

    /// The number of the log message: 1013 of the manual when the server has nothing left.
    var code: MessageCode { level == .failure ? .noPortLeft : .requestRefused }
}

extension RefusalContext {
    fileprivate func text(ofChannelNumber number: UInt16) -> RefusalText {
        let last = hexadecimal(acceptsRFC5766Channels ? 0x7FFE : 0x4FFF)
        let isOld = !acceptsRFC5766Channels && (0x5000...0x7FFE).contains(number)
        return RefusalText(
            "the channel number \(hexadecimal(number)) is outside 0x4000-\(last)",
            cure: isOld
                ? "Set rfc5766-channels: on for old clients that use such numbers."
                : "Update the client, or report the fault to its makers."
        )
    }
}

extension Redirection {
    /// The redirection in words.
    fileprivate var text: RefusalText {
        let cure =
            "Nothing: clients that know ALTERNATE-SERVER ask there by themselves; name several servers to the others."
        switch cause {
        case .draining:
            return RefusalText(
                "the server drains and takes no new allocations: the client was sent to \(server)",
                cure: cure
            )
        case .load(let load):
            return RefusalText(
                "the server has \(load / 10) % of the allocations that it may have, at which redirect-at sends clients to "
                    + "one with less to do: the client was sent to \(server)",
                cure: cure
            )
        }
    }
}

extension RelayPortError {
    /// The error in words.
    fileprivate var text: RefusalText {
        switch self {
        case .noneFree:
            RefusalText(
                "no port of relay-ports is free: all are taken, or rest for a moment after their last use",
                cure: "Widen relay-ports, and open the new ones in the firewall."
            )
        case .openFiles(let limit):
            RefusalText(
                "the server may have \(limit) files open, and there is no room for another relay socket among them",
                cure:
                    "Raise LimitNOFILE of the service, or `ulimit -n`, and restart; or spread the load over more servers."
            )
        case .unknownToken:
            RefusalText(
                "nothing is kept for the RESERVATION-TOKEN: it was used, or is older than 30 seconds",
                cure: "Have the client ask for a new pair of ports with EVEN-PORT."
            )
        case .familyMissing(let family):
            RefusalText(
                "this server has no relay address of \(familyName(family.rawValue))",
                cure: "Set relay-address to an address of that family that this host has, or have the client ask for "
                    + "another one."
            )
        case .system(let number):
            RefusalText(
                "the system opens no relay socket: \(SystemError(number: number).text)",
                cure: number == EADDRNOTAVAIL
                    ? "See `ip address`: the relay address is this host's no more; set relay-address and restart."
                    : "Raise the limit that this names, for open files LimitNOFILE of the service or `ulimit -n`."
            )
        }
    }
}

/// `IPv4`, or the number when it is none that STUN knows.
private func familyName(_ number: UInt8) -> String {
    IPAddress.Family(rawValue: number).map { $0 == .v4 ? "IPv4" : "IPv6" } ?? "the unknown address family \(number)"
}
