import Addresses
import ServerSettings

/// Ports, addresses and peers: what several lines say together.
extension CoturnImport {
    // MARK: Ports

    mutating func takePorts() {
        var first = Int(Settings().stunPort1)
        if let line = line("listening-port"), let port = port(of: line) {
            first = port
            var text = "stun-port-1: \(port)"
            set("stun-port-1", "\(port)", from: line)
            // coturn's second port is the next one.
            if (self.line("alt-listening-port")?.integer ?? 0) == 0, port < 65_535, port != Int(Settings().stunPort1) {
                set("stun-port-2", "\(port + 1)", from: line)
                text += "; stun-port-2: \(port + 1)"
            }
            tell(line, .honoured, text)
        }
        if let line = line("alt-listening-port"), let port = integer(of: line) {
            if port == 0 {
                tell(line, .honoured, "the second port is the one after the first")
            } else if port == first || port > 65_535 {
                tell(line, .wrong, port == first ? "it is the first port too" : "\(quoted(line.value)) is no port")
            } else {
                become("stun-port-2", "\(port)", from: line)
            }
        }
        takeRelayPorts()
    }

    private mutating func port(of line: CoturnLine) -> Int? {
        guard let number = integer(of: line) else { return nil }
        guard (1...65_535).contains(number) else {
            tell(line, .wrong, "\(quoted(line.value)) is no port")
            return nil
        }
        return number
    }

    private mutating func takeRelayPorts() {
        let ends = ["min-port", "max-port"].compactMap { line($0) }
        guard let source = ends.last else { return }
        var first = 49_152
        var last = 65_535
        let ports = ends.map { port(of: $0) }
        for (line, port) in zip(ends, ports) {
            guard let port else {
                for (line, port) in zip(ends, ports) where port != nil {
                    tell(line, .honoured, "it is an end of relay-ports, once the other one can be read")
                }
                return
            }
            if line.name == "min-port" { first = port } else { last = port }
        }
        guard first <= last, last >= 1024 else {
            for line in ends {
                tell(line, .wrong, "there are no relay ports from \(first) to \(last), of those from 1024")
            }
            return
        }
        // A port cannot listen and relay: what is left is the longest part without those that listen.
        let own = [("stun-port-1", 3478), ("stun-port-2", 3479), ("tls-port", 5349)]
            .map { values[$0.0].flatMap { Int($0.text) } ?? $0.1 }.filter { (first...last).contains($0) }.sorted()
        var parts: [(first: Int, last: Int)] = []
        var start = max(first, 1024)
        for port in own + [last + 1] where port >= start {
            if port > start { parts.append((start, port - 1)) }
            start = port + 1
        }
        guard let longest = parts.max(by: { $0.last - $0.first < $1.last - $1.first }) else {
            for line in ends { tell(line, .wrong, "no port is left beside those that listen") }
            return
        }
        let isWhole = longest == (first, last)
        set("relay-ports", "\(longest.first)-\(longest.last)", from: source)
        for line in ends {
            let text = "relay-ports: \(longest.first)-\(longest.last)"
            let why = "; ports under 1024 and those that listen do not relay"
            tell(line, isWhole ? .honoured : .differs, isWhole ? text : text + why)
        }
    }

    // MARK: Addresses

    mutating func takeAddresses() {
        takeAddresses(of: "listening-ip", as: ["address", "second-address"])
        takeAddresses(of: "relay-ip", as: ["relay-address"])
        takeExternal()
    }

    /// One address of each family for each of the keys.
    private mutating func takeAddresses(of option: String, as keys: [String]) {
        var found: [String: [IPAddress]] = [:]
        for line in all(option) {
            guard let address = IPAddress(line.value) else {
                tell(line, .wrong, "\(quoted(line.value)) is no IP address")
                continue
            }
            if found.values.contains(where: { $0.contains(address) }) {
                tell(line, .honoured, "it is named before")
                continue
            }
            guard let key = keys.first(where: { key in !(found[key] ?? []).contains { $0.family == address.family } })
            else {
                tell(line, .missing, "there is room for \(keys.count) of a family (\(keys.joined(separator: ", ")))")
                continue
            }
            found[key, default: []].append(address)
            set(key, (found[key] ?? []).map(\.description).joined(separator: " "), from: line)
            tell(line, .honoured, "\(key): \(address)")
        }
    }

    private mutating func takeExternal() {
        let relays = (values["relay-address"]?.text ?? "").split(separator: " ").compactMap { IPAddress(String($0)) }
        var pairs: [String] = []
        var hasSingle = false
        for line in all("external-ip") {
            let parts = line.value.split(separator: "/", omittingEmptySubsequences: false).map { IPAddress(String($0)) }
            guard (1...2).contains(parts.count), let external = parts[0], let local = parts.last ?? nil,
                external.family == local.family
            else {
                tell(line, .wrong, "\(quoted(line.value)) is neither an address nor public/private")
                continue
            }
            if parts.count == 1 {
                guard !hasSingle else {
                    tell(line, .honoured, "coturn takes the first one alone")
                    continue
                }
                hasSingle = true
            }
            guard
                relays.isEmpty
                    || (parts.count == 1 ? relays.contains { $0.family == external.family } : relays.contains(local))
            else {
                tell(line, .missing, "it stands for an address that does not relay (relay-address)")
                continue
            }
            pairs.append(line.value)
            become("external-ip", pairs.joined(separator: " "), from: line)
        }
    }

    // MARK: Peers

    mutating func takePeers() {
        var allowed = ranges(of: "allowed-peer-ip")
        if let line = line("allow-loopback-peers") {
            switch line.isOn {
            case nil: tell(line, .wrong, "\(quoted(line.value)) is neither on nor off")
            case false?: tell(line, .honoured, "it is off, which is as without the line")
            default:
                allowed += ["127.0.0.0-127.255.255.255", "::1"].compactMap { text in
                    AddressRange(text).map { ($0, line) }
                }
            }
        }
        let denied = ranges(of: "denied-peer-ip")
        let allowing = AddressRange.prefixes(allowed.map(\.0))
        // In coturn what is allowed is allowed whatever else denies it; here the longest prefix decides.
        let denying = AddressRange.prefixes(denied.map(\.0)).filter { prefix in
            !allowing.contains { $0.length <= prefix.length && $0.contains(prefix.address) }
        }
        take(allowing, of: allowed.map(\.1), as: "allow-peers")
        take(denying, of: denied.map(\.1), as: "deny-peers")
    }

    private mutating func ranges(of option: String) -> [(AddressRange, CoturnLine)] {
        var ranges: [(AddressRange, CoturnLine)] = []
        for line in all(option) {
            if let range = AddressRange(line.value) {
                ranges.append((range, line))
            } else {
                tell(line, .wrong, "\(quoted(line.value)) is neither an address nor first-last")
            }
        }
        return ranges
    }

    private mutating func take(_ prefixes: [IPPrefix], of lines: [CoturnLine], as key: String) {
        guard let source = lines.last else { return }
        let text = prefixes.map(\.description).joined(separator: " ")
        var told: Set<Int> = []
        if prefixes.isEmpty {
            for line in lines {
                tell(line, .honoured, "what it denies is allowed by other lines, which count for more")
            }
            return
        }
        if let complaint = Settings.complaint(about: text, for: key) {
            for line in lines {
                tell(
                    line,
                    .wrong,
                    "all lines together are \(prefixes.count) prefixes, which \(key) does not take: \(quoted(complaint))"
                )
            }
            return
        }
        set(key, text, from: source)
        for line in lines where told.insert(line.number).inserted {
            let own = AddressRange(line.value).map(\.prefixes) ?? prefixes
            tell(line, .honoured, "\(key): \(own.map(\.description).joined(separator: " "))")
        }
    }
}
