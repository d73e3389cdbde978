import ServerSettings

/// Users, secrets, certificate, bandwidth, and what no line says.
extension CoturnImport {
    /// How many users the settings take; more go to the store.
    private static let mostUsers = 1024

    // MARK: Users and secrets

    private var usesSecret: Bool { isOn("use-auth-secret") || !all("static-auth-secret").isEmpty }

    mutating func takeCredentials() {
        if let line = line("realm") { become("realm", line.value, from: line) }
        takeSecrets()
        takeUsers()
    }

    private mutating func takeSecrets() {
        let lines = all("static-auth-secret")
        if let line = line("use-auth-secret") {
            switch line.isOn {
            case nil: tell(line, .wrong, "\(quoted(line.value)) is neither on nor off")
            case true? where lines.isEmpty:
                tell(line, .missing, "the secrets are in coturn's database: give them to `stund secret add`")
            default: tell(line, .honoured, "time-limited credentials are taken when there is a secret")
            }
        }
        var items: [String] = []
        for (index, line) in lines.enumerated() {
            let item = Self.needsID(line.value) ? "coturn\(index + 1)=\(line.value)" : line.value
            guard !line.value.contains(where: { $0 == " " || $0 == "\t" }) else {
                tell(
                    line,
                    .wrong,
                    "turn-secrets takes no secret with a space in it: choose another one, here and in your web service"
                )
                continue
            }
            if items.contains(item) {
                tell(line, .honoured, "it is named before")
            } else {
                items.append(item)
                become("turn-secrets", items.joined(separator: " "), from: line)
            }
        }
    }

    /// Whether a secret would be read as an id and a secret.
    private static func needsID(_ secret: String) -> Bool {
        let parts = secret.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return parts.count == 2 && SecretSetting.isID(parts[0]) && parts[1].contains { $0 != "=" }
    }

    private mutating func takeUsers() {
        let lines = all("user")
        guard !usesSecret else {
            for line in lines {
                tell(line, .missing, "coturn lets no users in beside a secret; `stund user add` would let this one in")
            }
            return
        }
        var places: [String: Int] = [:]
        for (index, line) in lines.enumerated() { places[String(line.value.prefix { $0 != ":" })] = index }
        var items: [String] = []
        for (index, line) in lines.enumerated() {
            let name = String(line.value.prefix { $0 != ":" })
            let rest = line.value.dropFirst(name.count)
            let password = String(rest.dropFirst().drop { $0 == " " || $0 == "\t" })
            guard !name.isEmpty, !password.isEmpty else {
                tell(line, .wrong, "it is not of the form name:password or name:0xkey")
                continue
            }
            guard places[name] == index else {
                tell(
                    line,
                    .honoured,
                    "line \(lines[places[name] ?? index].number) gives this user another password, and the last one counts"
                )
                continue
            }
            if let item = take(name, password, line, inStore: items.count >= Self.mostUsers) {
                items.append(item)
                set("turn-users", items.joined(separator: " "), from: line)
            }
        }
    }

    /// The item for turn-users; nil after the user went to the store, or cannot be taken.
    private mutating func take(_ name: String, _ password: String, _ line: CoturnLine, inStore: Bool) -> String? {
        var key: [UInt8] = []
        if password.hasPrefix("0x") {
            guard let bytes = Self.bytes(ofHex: password.dropFirst(2)), bytes.count == 16 else {
                tell(line, .wrong, "the key of the user \(quoted(name)) is not 0x and 32 hexadecimal digits")
                return nil
            }
            guard self.line("realm") != nil else {
                tell(
                    line,
                    .wrong,
                    "a key belongs to a realm, and the file names none: add the line realm=NAME that the key was made for"
                )
                return nil
            }
            key = bytes
        }
        let hasSpace = (name + password).contains { $0.isWhitespace }
        if hasSpace || inStore {
            if let fault = Self.fault(name, password) {
                tell(line, .wrong, fault)
                return nil
            }
            result.users.append(.init(name: name, password: key.isEmpty ? password : nil, md5Key: key))
            tell(line, .honoured, "the user \(quoted(name)) goes into the account store")
            return nil
        }
        // A password with a colon needs the realm before it.
        let realm = self.line("realm")?.value ?? Settings().realm.first?.name ?? ""
        let item = password.contains(":") ? "\(name):\(realm):\(password)" : "\(name):\(password)"
        if let complaint = Settings.complaint(about: item, for: "turn-users") {
            tell(line, .wrong, "turn-users: \(complaint)")
            return nil
        }
        tell(line, .honoured, "turn-users: \(name), with its \(key.isEmpty ? "password" : "key")")
        return item
    }

    /// Why a name or password cannot be used; nil when both can.
    private static func fault(_ name: String, _ password: String) -> String? {
        do throws(OpaqueStringError) {
            _ = try OpaqueString(password)
            _ = try OpaqueString(name)
        } catch {
            return "the name or password of the user \(quoted(name)) \(error)"
        }
        let isShort = name.utf8.count <= UserSetting.longestName && password.utf8.count <= UserSetting.longestPassword
        return isShort ? nil : "the name or password of the user \(quoted(name)) is too long"
    }

    static func bytes(ofHex text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for byte in text.utf8 {
            guard let digit = Character(UnicodeScalar(byte)).hexDigitValue.map(UInt8.init) else { return nil }
            if let first = high { bytes.append(first << 4 | digit) }
            high = high == nil ? digit : nil
        }
        return high == nil ? bytes : nil
    }

    // MARK: TLS

    mutating func takeCertificate() {
        let (noTLS, noDTLS) = (isOn("no-tls"), isOn("no-dtls"))
        for name in ["no-tls", "no-dtls"] {
            guard let line = line(name) else { continue }
            switch line.isOn {
            case nil: tell(line, .wrong, "\(quoted(line.value)) is neither on nor off")
            case false?: tell(line, .honoured, "it is off, which is as without the line")
            default:
                if noTLS, noDTLS {
                    tell(line, .honoured, "without tls-certificate there is neither TLS nor DTLS")
                } else if name == "no-dtls" {
                    become("dtls", "off", from: line)
                } else {
                    tell(line, .missing, "with a certificate TLS is always served")
                }
            }
        }
        for (name, key) in [("cert", "tls-certificate"), ("pkey", "tls-key")] {
            guard let line = line(name) else { continue }
            let path = absolute(line.value)
            if noTLS, noDTLS {
                tell(line, .honoured, "coturn makes no use of it either, without TLS and DTLS")
            } else if name == "pkey", self.line("cert") == nil {
                tell(line, .missing, "a key alone is of no use: name the certificate in tls-certificate")
            } else if isReadable(path) {
                become(key, path, from: line)
            } else {
                // coturn starts without TLS then; this server would not start.
                tell(
                    line,
                    .missing,
                    "\(quoted(path)) cannot be read here: set \(key) when it can, or the server would not start"
                )
            }
        }
        if values["tls-certificate"] == nil, let line = line("pkey"), values["tls-key"] != nil {
            forget("tls-key")
            result.lines.removeAll { $0.number == line.number }
            tell(line, .missing, "a key alone is of no use: name the certificate in tls-certificate")
        }
    }

    // MARK: Bandwidth

    mutating func takeBandwidth() {
        if let line = line("bps-capacity"), let number = integer(of: line) {
            let both = "coturn counts each way by itself, so both ways together have twice as much"
            if number == 0 {
                become("total-bandwidth", "unlimited", from: line)
            } else {
                become(
                    "total-bandwidth",
                    "\(number.multipliedReportingOverflow(by: 2).partialValue)",
                    from: line,
                    differing: both
                )
            }
        }
        guard let line = line("max-bps"), let number = integer(of: line) else { return }
        let quota = self.line("user-quota")?.integer ?? 0
        let product = number.multipliedReportingOverflow(by: 2 * max(1, min(quota, 1_000_000)))
        if number == 0 {
            become("user-bandwidth", "unlimited", from: line)
        } else if quota > 0, !product.overflow {
            become(
                "user-bandwidth",
                "\(product.partialValue)",
                from: line,
                differing:
                    "a user has it, for all \(quota) allocations and both ways together, not each allocation and each way"
            )
        } else {
            tell(
                line,
                .missing,
                "user-bandwidth limits a user, not an allocation, and without user-quota a user has any number of them"
            )
        }
    }

    // MARK: What no line says

    mutating func addNotes() {
        guard !isOn("stun-only") else { return }
        if values["rfc5766-channels"] == nil, let first = lines.first {
            set("rfc5766-channels", "on", from: CoturnLine(.init(number: 0, text: first.name, fault: nil)))
            result.notes.append(
                "rfc5766-channels: on, as coturn takes channel numbers up to 0x7FFE that RFC 8656 has given up."
            )
        }
        result.notes.append(
            "Peers in private networks are denied unless allow-peers names them, or lan-peers is on; coturn allows them unless denied."
        )
        if line("no-tcp-relay") == nil {
            result.notes.append(
                "TCP is not relayed unless tcp-relay is on (RFC 6062); coturn relays it unless no-tcp-relay is there."
            )
        }
        if line("realm") == nil {
            result.notes.append("The realm is \"stund\"; without a line for it coturn takes the domain of the host.")
        }
        guard all("user").isEmpty, !usesSecret, line("redis-userdb") == nil else { return }
        result.notes.append(
            isOn("lt-cred-mech")
                ? "No line has a user or a secret: those in coturn's database have to come by `stund user add` or user= lines."
                : "With this file coturn relays for everybody. Here nobody relays without logging in: `stund credentials` makes what clients need."
        )
    }
}
