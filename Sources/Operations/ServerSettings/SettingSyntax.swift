import Addresses

/// Why a text is no value: `reason` completes the sentence that begins with the text, or with the one `item` of it.
struct InvalidValue: Error {
    let reason: String
    let item: String?

    init(_ reason: String, item: String? = nil) {
        self.reason = reason
        self.item = item
    }
}

/// How the text of one kind of setting is read and written; the same for the file, the environment and flags.
struct SettingSyntax<Value: Sendable>: Sendable {
    let kind: SettingKind
    let parse: @Sendable (String) throws(InvalidValue) -> Value
    let format: @Sendable (Value) -> String
}

extension SettingSyntax where Value: FixedWidthInteger {
    static func integer(_ range: ClosedRange<Value>) -> Self {
        let limits = Int(clamping: range.lowerBound)...Int(clamping: range.upperBound)
        return Self(
            kind: .integer(limits),
            parse: { (text) throws(InvalidValue) in Value(clamping: try parseInteger(text, in: limits)) },
            format: { "\($0)" }
        )
    }
}

extension SettingSyntax<Int?> {
    static func autoOrInteger(_ range: ClosedRange<Int>) -> Self {
        Self(
            kind: .autoOrInteger(range),
            parse: { (text) throws(InvalidValue) in text == "auto" ? nil : try parseInteger(text, in: range) },
            format: { $0.map { "\($0)" } ?? "auto" }
        )
    }
}

extension SettingSyntax<Bool> {
    static var onOff: Self {
        Self(
            kind: .onOff,
            parse: { (text) throws(InvalidValue) in
                switch text.lowercased() {
                case "on", "true", "yes": return true
                case "off", "false", "no": return false
                default: throw InvalidValue("is neither on nor off")
                }
            },
            format: { $0 ? "on" : "off" }
        )
    }
}

extension SettingSyntax where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static func choice() -> Self {
        Self(
            kind: .choice(Value.allCases.map(\.rawValue)),
            parse: { (text) throws(InvalidValue) in
                guard let value = Value(rawValue: text) else {
                    throw InvalidValue("is not one of the words known here")
                }
                return value
            },
            format: { $0.rawValue }
        )
    }
}

extension SettingSyntax<[UInt16]> {
    static var ports: Self {
        Self(
            kind: .list("up to 8 ports, separated by spaces"),
            parse: { (text) throws(InvalidValue) in
                var ports: [UInt16] = []
                for item in try items(of: text, atMost: 8) {
                    let port = UInt16(clamping: try parseInteger(item, in: 1...65535))
                    guard !ports.contains(port) else { throw InvalidValue("is named twice", item: item) }
                    ports.append(port)
                }
                return ports
            },
            format: { $0.map(String.init).joined(separator: " ") }
        )
    }
}

extension SettingSyntax<[IPAddress]> {
    static func addresses(allowsUnspecified: Bool) -> Self {
        Self(
            kind: .list("IP addresses, at most one IPv4 and one IPv6, separated by spaces"),
            parse: { (text) throws(InvalidValue) in
                var addresses: [IPAddress] = []
                for item in try items(of: text) {
                    let address = try parseAddress(item, allowsUnspecified: allowsUnspecified)
                    guard !addresses.contains(where: { $0.family == address.family }) else {
                        throw InvalidValue("is a second address of its family", item: item)
                    }
                    addresses.append(address)
                }
                return addresses
            },
            format: { $0.map(\.description).joined(separator: " ") }
        )
    }
}

extension SettingSyntax<[OtherServer]> {
    static var otherServers: Self {
        Self(
            kind: .list(
                """
                up to \(maximumItems) of host or host:port, separated by spaces; an IPv6 address as [address]:port; \
                /classic behind a server of another make
                """
            ),
            parse: { (text) throws(InvalidValue) in
                var servers: [OtherServer] = []
                for item in try items(of: text) {
                    guard let server = OtherServer(item) else {
                        throw InvalidValue(
                            "is not a host name or IP address with an optional port",
                            item: item
                        )
                    }
                    guard !servers.contains(server) else { throw InvalidValue("is named twice", item: item) }
                    servers.append(server)
                }
                return servers
            },
            format: { $0.map(\.description).joined(separator: " ") }
        )
    }
}

extension SettingSyntax<[IPPrefix]> {
    static var prefixes: Self {
        Self(
            kind: .list("up to \(maximumItems) of address or address/length, separated by spaces"),
            parse: { (text) throws(InvalidValue) in
                var prefixes: [IPPrefix] = []
                for item in try items(of: text) { prefixes.append(try parsePrefix(item)) }
                return prefixes
            },
            format: { $0.map(\.description).joined(separator: " ") }
        )
    }
}

extension SettingSyntax<SocketAddress?> {
    /// One address and port, or nothing.
    static var place: Self {
        Self(
            kind: .text("address:port, an IPv6 address as [address]:port, or nothing", mayBeEmpty: true),
            parse: { (text) throws(InvalidValue) in
                guard !text.isEmpty else { return nil }
                guard let place = SocketAddress(text) else {
                    throw InvalidValue("is not an IP address and a port (names are not looked up here)")
                }
                guard place.port > 0 else { throw InvalidValue("has no port") }
                _ = try parseAddress("\(place.address)", allowsUnspecified: false)
                return place
            },
            format: { $0?.description ?? "" }
        )
    }
}

extension SettingSyntax<String?> {
    static var path: Self {
        Self(
            kind: .text("the path of a file, or nothing", mayBeEmpty: true),
            parse: { (text) throws(InvalidValue) in
                guard !text.isEmpty else { return nil }
                guard !text.hasSuffix("/") else { throw InvalidValue("is a folder, not a file") }
                return try withoutControlCharacters(text, maximumBytes: 4095)
            },
            format: { $0 ?? "" }
        )
    }

    static var hostUser: Self {
        Self(
            kind: .text("the name of a user of this host, or nothing", mayBeEmpty: true),
            parse: { (text) throws(InvalidValue) in
                guard !text.isEmpty else { return nil }
                guard !text.contains(where: { $0.isWhitespace || $0 == ":" || $0 == "/" }) else {
                    throw InvalidValue("has a space, a colon or a slash in it")
                }
                return try withoutControlCharacters(text, maximumBytes: 255)
            },
            format: { $0 ?? "" }
        )
    }

    static var hash: Self {
        Self(
            kind: .text("a scrypt hash of a password, as `stund password` makes it", mayBeEmpty: false),
            parse: { (text) throws(InvalidValue) in
                guard !text.isEmpty else { throw InvalidValue("is empty") }
                guard !text.contains(where: \.isWhitespace) else { throw InvalidValue("has a space in it") }
                return try withoutControlCharacters(text, maximumBytes: 1024)
            },
            format: { $0 ?? "" }
        )
    }
}

extension SettingSyntax<String> {
    /// HTTP Basic authentication ends the name at the first colon (RFC 7617 section 2).
    static var userName: Self {
        Self(
            kind: .text("a name of 1 to 255 bytes without a colon", mayBeEmpty: false),
            parse: { (text) throws(InvalidValue) in
                guard !text.isEmpty else { throw InvalidValue("is empty") }
                guard !text.contains(":") else { throw InvalidValue("has a colon in it") }
                return try withoutControlCharacters(text, maximumBytes: 255)
            },
            format: { $0 }
        )
    }
}

/// The most items of a list: each one may be looked at for a packet.
private let maximumItems = 64

/// The items of a list, which spaces separate.
func items(of text: String, atMost limit: Int = maximumItems) throws(InvalidValue) -> [String] {
    let items = text.split(whereSeparator: \.isWhitespace)
    guard items.count <= limit else { throw InvalidValue("has \(items.count) items") }
    return items.map(String.init)
}

/// Reads decimal digits only: YAML's other forms (0x10, 1_000, 1:30, 05) mean different numbers to different readers.
func parseInteger(_ text: String, in range: ClosedRange<Int>) throws(InvalidValue) -> Int {
    guard !text.isEmpty else { throw InvalidValue("is empty") }
    let isNegative = text.hasPrefix("-")
    let digits = isNegative ? text.dropFirst() : text[...]
    guard !digits.isEmpty, digits.utf8.allSatisfy(isDigit) else {
        throw InvalidValue("is not a whole number in decimal digits")
    }
    guard digits.first != "0" || digits.utf8.count == 1 else {
        throw InvalidValue("has a leading zero, which some readers take for octal")
    }
    let value = Int(text) ?? (isNegative ? Int.min : Int.max)
    guard value >= range.lowerBound else { throw InvalidValue("is too low") }
    guard value <= range.upperBound else { throw InvalidValue("is too high") }
    return value
}

/// Reads an address at which a socket of this server can live.
func parseAddress(_ text: String, allowsUnspecified: Bool) throws(InvalidValue) -> IPAddress {
    guard let address = IPAddress(text) else {
        throw InvalidValue("is not an IP address (names are not looked up here)", item: text)
    }
    guard allowsUnspecified || !address.isUnspecified else {
        throw InvalidValue("is no single address", item: text)
    }
    for (range, reason) in unusableRanges where range.contains(address) { throw InvalidValue(reason, item: text) }
    return address
}

/// Ranges in which no socket of this server can live, and why.
private let unusableRanges: [(IPPrefix, String)] = [
    ("224.0.0.0/4", "is a multicast address"),
    ("255.255.255.255/32", "is the broadcast address"),
    ("ff00::/8", "is a multicast address"),
    ("fe80::/10", "is a link-local address, which works only with the name of an interface"),
    ("::ffff:0:0/96", "is an IPv4 address written as IPv6: write it as IPv4"),
].compactMap { (text, reason) in IPPrefix(text).map { ($0, reason) } }

private func parsePrefix(_ text: String) throws(InvalidValue) -> IPPrefix {
    if let prefix = IPPrefix(text) { return prefix }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    if parts.count == 2, let address = IPAddress(String(parts[0])), let length = Int(parts[1]),
        let prefix = IPPrefix(address.masked(to: length), length: length)
    {
        throw InvalidValue("has bits set after its length: write \(prefix)", item: text)
    }
    throw InvalidValue("is not an address, or an address/length", item: text)
}

/// `text`, when it is short enough and has no control character in it.
func withoutControlCharacters(_ text: String, maximumBytes: Int) throws(InvalidValue) -> String {
    guard text.utf8.count <= maximumBytes else { throw InvalidValue("is longer than \(maximumBytes) bytes") }
    guard !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
        throw InvalidValue("has a control character in it")
    }
    return text
}
