import ServerSettings

/// Reads stund.txt: lines `name = value` with the names of the setup page of 2002.
struct ManualImport {
    private var result = SettingsImport(form: .manual)
    private var values: [String: (text: String, line: Int, name: String)] = [:]
    private var password: (text: String, line: ForeignText.Line)?
    private var confirmation: (text: String, line: ForeignText.Line)?

    /// The fields of the setup and licence pages, as letters and digits alone.
    private static let fields: [String: String] = [
        "otherstunserver": "other-stun-servers", "otherstunservers": "other-stun-servers", "stunport": "stun-port-1",
        "stunport1": "stun-port-1", "stunport2": "stun-port-2", "defaultbindingduration": "default-binding-duration",
        "defaultbindingdurationturn": "default-binding-duration", "loglevel": "log-level", "loglevel09": "log-level",
        "httpport": "http-port", "htmlport": "http-port", "httpuser": "http-user", "httppassword": "password",
        "httppasswordconfirm": "confirmation", "ipaddress": "ip-address", "licensekey": "license-key",
        "licencekey": "license-key",
    ]
    /// The settings' own names count too.
    private static let names: [String: String] = Settings.keys.reduce(into: fields) { names, key in
        names[squeezed(key.name)] = names[squeezed(key.name)] ?? key.name
    }

    private static func squeezed(_ text: some StringProtocol) -> String {
        String(text.lowercased().filter { $0.isASCII && ($0.isLetter || $0.isNumber) })
    }

    /// The setting or field that a line is about; nil when nobody knows it.
    static func key(of text: String) -> String? {
        guard let end = text.firstIndex(of: "=") else { return nil }
        return names[squeezed(text[..<end])]
    }

    mutating func read(_ text: ForeignText) -> SettingsImport {
        var seen: [String: Int] = [:]
        for line in text.lines {
            let parts = line.text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = Self.trimmed(parts[0])
            if let fault = line.fault {
                tell(line, name, .wrong, fault)
            } else if parts.count < 2 {
                tell(line, name, .wrong, "it is not of the form name = value")
            } else if let key = Self.key(of: line.text) {
                if let other = seen[key] {
                    tell(
                        line,
                        name,
                        .wrong,
                        "line \(other) says it too, and nobody knows which one counts: take one out"
                    )
                } else {
                    seen[key] = line.number
                    take(key, Self.trimmed(parts[1]), line, name)
                }
            } else {
                tell(line, name, .unknown, "the setup page has no such field")
            }
        }
        takePassword()
        result.lines.sort { $0.number < $1.number }
        result.rows = Settings.keys.compactMap { key in
            values[key.name].map { .init(key: key.name, value: $0.text, comment: "line \($0.line): \($0.name)") }
        }
        return result
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        var rest = text[...]
        while let last = rest.last, last.isWhitespace { rest = rest.dropLast() }
        return String(rest.drop(while: \.isWhitespace))
    }

    private mutating func tell(
        _ line: ForeignText.Line,
        _ name: String,
        _ outcome: ImportedLine.Outcome,
        _ text: String
    ) {
        result.lines.append(ImportedLine(number: line.number, name: name, outcome: outcome, text: text))
    }

    private mutating func take(_ key: String, _ value: String, _ line: ForeignText.Line, _ name: String) {
        switch key {
        case "password": password = (value, line)
        case "confirmation": confirmation = (value, line)
        case "ip-address":
            tell(line, name, .missing, "it was for the licence key: the server finds its addresses by itself")
        case "license-key":
            tell(line, name, .missing, "no key is needed, and one of 2002 is none that could be checked")
        case "other-stun-servers": takeOthers(value, line, name)
        case "http-user" where value.isEmpty, "http-port" where value.isEmpty:
            tell(line, name, .honoured, "it is empty, which is as without the line")
        default: become(key, value, line, name)
        }
    }

    private mutating func become(
        _ key: String,
        _ value: String,
        _ line: ForeignText.Line,
        _ name: String,
        differing why: String? = nil
    ) {
        if let complaint = Settings.complaint(about: value, for: key) {
            return tell(line, name, .wrong, "\(key): \(complaint)")
        }
        values[key] = (value, line.number, name)
        let text = "\(key): \(Settings.key(named: key)?.isSecret == true ? "(set)" : value)"
        tell(line, name, why == nil ? .honoured : .differs, why.map { "\(text); \($0)" } ?? text)
    }

    /// Servers of 2002 take requests by RESPONSE-ADDRESS alone, which is what `/classic` stands for.
    private mutating func takeOthers(_ value: String, _ line: ForeignText.Line, _ name: String) {
        let servers = value.split(whereSeparator: \.isWhitespace).map {
            $0.hasSuffix("/classic") ? "\($0)" : "\($0)/classic"
        }
        guard !servers.isEmpty else { return tell(line, name, .honoured, "it is empty, which is as without the line") }
        become(
            "other-stun-servers",
            servers.joined(separator: " "),
            line,
            name,
            differing: "when such a server is a stund too, take /classic away and give both one cluster-key"
        )
    }

    private mutating func takePassword() {
        for entry in [password, confirmation].compactMap(\.self) {
            let name = entry.line.number == password?.line.number ? "HTTP password" : "HTTP password (confirm)"
            if let password, let confirmation, password.text != confirmation.text {
                tell(entry.line, name, .wrong, "the two passwords differ")
            } else if password == nil {
                tell(entry.line, name, .wrong, "the password itself is not there")
            } else if entry.text.isEmpty {
                tell(entry.line, name, .honoured, "it is empty, so no password is set")
            } else {
                result.consolePassword = entry.text
                tell(entry.line, name, .honoured, "http-password-hash: (set); only a hash of it is kept")
            }
        }
    }
}
