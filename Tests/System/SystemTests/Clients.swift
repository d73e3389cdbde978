import Foundation

/// A real client, what it is asked to do, and how its verdict is read.
enum Client: String, CaseIterable, Sendable, CustomStringConvertible {
    /// Debian's `stun`, the vovida client: RFC 3489.
    case stun
    /// pystun3 of PyPI: RFC 3489, in Python.
    case pystun3
    /// coturn's discovery of mapping and filtering behaviour: RFC 5780.
    case natdiscovery = "turnutils_natdiscovery"
    /// coturn's plain client: RFC 5389, and RFC 5780 where the server has it.
    case stunclient = "turnutils_stunclient"

    var description: String { rawValue }

    var path: String { self == .pystun3 ? Partners.pystun3 : rawValue }

    /// The server that this client is known to work with.
    var reference: Server { self == .stun || self == .pystun3 ? .vovida : .coturn }

    /// Asks the server and returns the client's verdict in its own words.
    ///
    /// - Parameter source: the client's own address, which pystun3 must know to tell an open network.
    func verdict(on server: UDPClient.Endpoint, source: String, namespace: String? = nil) async throws -> String {
        let port = String(server.port)
        let command: [String]
        // stunclient waits for ever for an answer that a NAT filters. The others end by themselves, pystun3 after
        // at most three times eight seconds.
        var limit = Duration.seconds(40)
        switch self {
        case .stun: command = ["stun", "\(server)"]
        case .pystun3:
            // Port 0: the kernel chooses, so that several run beside each other.
            command = [Partners.pystun3, "-i", source, "-p", "0", "-H", server.address, "-P", port]
        case .natdiscovery: command = [rawValue, "-m", "-f", "-p", port, server.address]
        case .stunclient:
            command = [rawValue, "-p", port, server.address]
            limit = .seconds(5)
        }
        let output = try await Program.run(["stdbuf", "-oL"] + command, namespace: namespace, limit: limit).lines
        switch self {
        case .stun, .pystun3:
            let mark = self == .stun ? "Primary: " : "NAT Type: "
            guard let line = output.first(where: { $0.hasPrefix(mark) }) else { return "no verdict: \(output)" }
            return line.dropFirst(mark.count).trimmingCharacters(in: .whitespaces)
        case .natdiscovery:
            let verdicts = output.filter { $0.hasPrefix("NAT with ") }
                .map { $0.dropFirst("NAT with ".count).trimmingCharacters(in: .punctuationCharacters) }
            if !verdicts.isEmpty { return verdicts.joined(separator: ", ") }
            return output.contains { $0.contains("timeout") } ? "no answer" : "no RFC 5780 answer"
        case .stunclient:
            return "\(output.count { $0.hasPrefix("RFC 5780 response") }) RFC 5780 responses"
        }
    }
}
