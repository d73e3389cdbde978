import Addresses
import Observability
import ServerCore

extension PeerRule {
    /// The rule in words; `peer` is what it denies: `the peer 10.0.0.1`.
    func text(of peer: String) -> RefusalText {
        switch self {
        case .portZero:
            RefusalText(
                "\(peer) has port 0, to which nothing can be sent",
                cure: "Have the client name the peer's port."
            )
        case .listeningSocket(let socket):
            RefusalText(
                "\(peer) is where this server itself listens (\(socket))",
                cure: "Nothing: no client may reach the server through itself."
            )
        case .denyPeers(let prefix):
            RefusalText(
                "\(peer) is in \(prefix), which deny-peers names",
                cure: "Take \(prefix) out of deny-peers if clients are to reach it."
            )
        case .hostAddress(let address):
            RefusalText(
                "\(peer) is \(address) of this server's own host",
                cure: "Add \(address) to allow-peers if clients are to reach other services of this host."
            )
        case .specialPurpose(let range):
            RefusalText("\(peer) is in \(range.words)", cure: range.cure)
        case .disguise(let form, of: let address, by: let rule):
            RefusalText(
                "\(peer) is the \(form.words) form of \(address), \(rule.words(of: address))",
                cure: rule.cure(form)
            )
        }
    }
}

extension DisguisedRule {
    fileprivate func words(of address: IPAddress) -> String {
        switch self {
        case .listeningSocket: "where this server itself listens"
        case .denyPeers(let prefix): "which is in \(prefix) of deny-peers"
        case .hostAddress: "which is an address of this server's own host"
        case .specialPurpose(let range): "which is in \(range.words)"
        case .tunnel: "and nothing is relayed through tunnels (RFC 8656 section 21.4)"
        }
    }

    fileprivate func cure(_ form: PeerDisguise) -> String {
        switch self {
        case .listeningSocket: "Nothing: no client may reach the server through itself."
        case .denyPeers(let prefix): "Take \(prefix) out of deny-peers if clients are to reach it."
        case .hostAddress, .specialPurpose: "Have the client use the IPv4 address itself, which must then be allowed."
        case .tunnel: "Have the client use the IPv4 address itself, or add the IPv6 address to allow-peers."
        }
    }
}

extension SpecialPurposeRange {
    fileprivate var words: String { "\(prefix) (\(name), RFC \(rfc)), which is no part of the public Internet" }

    fileprivate var cure: String {
        // RFC 1918, RFC 6598 and RFC 4193: what lan-peers opens.
        [1918, 6598, 4193].contains(rfc)
            ? "Set lan-peers: on if the server is for this network, or add the address to allow-peers."
            : "Nothing for a public server; if clients are to reach it all the same, add the address to allow-peers."
    }
}

extension PeerDisguise {
    fileprivate var words: String {
        switch self {
        case .mapped: "IPv4-mapped"
        case .compatible: "IPv4-compatible"
        case .translated: "IPv4-translated"
        case .nat64, .localNAT64: "NAT64"
        case .sixToFour: "6to4"
        case .teredo: "Teredo"
        case .isatap: "ISATAP"
        }
    }
}
