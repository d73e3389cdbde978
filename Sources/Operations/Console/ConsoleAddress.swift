import Addresses
import ServerSettings

/// Where the console listens.
struct ConsoleAddress: Hashable, Sendable {
    /// The ports that are tried in turn when the one of the settings cannot be opened, as in the manual of 2002.
    static let otherPorts: ClosedRange<UInt16> = 5068...5099

    /// The addresses; `::` is every address of both families.
    var hosts: [String]
    /// The ports in the order in which they are tried.
    var ports: [UInt16]
    /// Whether only this host reaches them.
    var isLocal: Bool
    /// The port at which clients by TLS reach it too; nil when they don't.
    var tlsPort: UInt16?

    /// Without a password only this host is listened to, whatever the settings say: anybody who reaches the console may
    /// change everything then.
    init(_ settings: Settings) {
        let isOpen = settings.httpPasswordHash == nil
        let set = settings.httpAddress
        if isOpen {
            let loopback = set.filter(\.isLoopback)
            hosts = loopback.isEmpty ? ["127.0.0.1"] : loopback.map(\.description)
        } else {
            hosts = set.isEmpty ? ["::"] : set.map(\.description)
        }
        isLocal = isOpen || set.allSatisfy { $0.isLoopback } && !set.isEmpty
        tlsPort = settings.httpTLS && settings.tlsCertificate != nil && !isOpen ? settings.tlsPort : nil
        ports = [settings.httpPort] + Self.otherPorts.filter { $0 != settings.httpPort }
    }

    /// The address to enter in a browser.
    static func url(host: String, port: Int, name: String, scheme: String = "http") -> String {
        let place: String
        switch IPAddress(host) {
        case .some(let address) where address.isUnspecified: place = name
        case .some(let address) where address.family == .v6: place = "[\(host)]"
        default: place = host
        }
        let isUsual = port == (scheme == "http" ? 80 : 443)
        return "\(scheme)://\(place)\(isUsual ? "" : ":\(port)")/"
    }

    /// The port of such an address.
    static func port(of url: String) -> Int? {
        let place = url.split(separator: "/", omittingEmptySubsequences: true).dropFirst().first ?? ""
        guard let colon = place.lastIndex(of: ":"), !place.hasSuffix("]") else { return place.isEmpty ? nil : 80 }
        return Int(place[place.index(after: colon)...])
    }
}
