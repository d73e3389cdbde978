import ServerSettings

/// The options that depend on their value alone.
extension CoturnImport {
    mutating func takeSpecial(_ line: CoturnLine) {
        switch line.name {
        case "relay-threads", "cpus": takeThreads(line)
        case "stale-nonce": takeNonceLifetime(line)
        case "max-allocate-lifetime": takeLifetime(line)
        case "rest-api-separator":
            let separator = line.value.first.map(String.init) ?? ":"
            let text = "time-limited user names have a colon here: give the web service that makes them one too"
            tell(line, separator == ":" ? .honoured : .missing, text)
        case "allocation-default-address-family":
            let text = "without a wish of the client the relay address is an IPv4 one (RFC 8656 section 7.2)"
            tell(line, line.value == "ipv4" ? .honoured : .missing, text)
        case "log-file": takeLogFile(line)
        case "web-admin-ip":
            become(
                "http-address",
                line.value,
                from: line,
                differing: "until a password is set the console is for this host alone"
            )
        case "web-admin-listen-on-workers": takeWebOnWorkers(line)
        case "redis-userdb": takeRedis(line)
        case "proc-user":
            become(
                "run-as",
                line.value,
                from: line,
                differing: "only root can start such a server: with User= of a systemd unit take run-as out"
            )
        default: break
        }
    }

    private mutating func takeThreads(_ line: CoturnLine) {
        guard let number = integer(of: line) else { return }
        if line.name == "cpus", self.line("relay-threads") != nil {
            return tell(line, .honoured, "relay-threads says how many")
        }
        become("workers", "\(min(max(number, 1), 128))", from: line)
    }

    private mutating func takeNonceLifetime(_ line: CoturnLine) {
        guard !line.value.isEmpty else { return become("nonce-lifetime", "600", from: line) }
        guard let number = integer(of: line) else { return }
        if number == 0 {
            return become("nonce-lifetime", "3600", from: line, differing: "a nonce lasts an hour at most")
        }
        let nearest = min(max(number, 10), 3600)
        become(
            "nonce-lifetime",
            "\(nearest)",
            from: line,
            differing: nearest == number ? nil : "from 10 to 3600 is allowed"
        )
    }

    private mutating func takeLifetime(_ line: CoturnLine) {
        guard !line.value.isEmpty else { return become("max-lifetime", "3600", from: line) }
        guard let number = integer(of: line) else { return }
        let nearest = min(max(number, 1), 86_400)
        become(
            "max-lifetime",
            "\(nearest)",
            from: line,
            differing: nearest == number ? nil : "from 1 to 86400 is allowed"
        )
        // The default must not be longer than the longest.
        if nearest < Settings().defaultBindingDuration { set("default-binding-duration", "\(nearest)", from: line) }
    }

    private mutating func takeLogFile(_ line: CoturnLine) {
        switch line.value {
        case "stdout", "-":
            tell(line, .missing, "with --no-daemon the log goes to the terminal; in the background to syslog")
        case "syslog": tell(line, .honoured, "the log of a server in the background goes to syslog")
        default: become("log-file", absolute(line.value), from: line)
        }
    }

    private mutating func takeWebOnWorkers(_ line: CoturnLine) {
        switch line.isOn {
        case nil: tell(line, .wrong, "\(quoted(line.value)) is neither on nor off")
        case false?: tell(line, .honoured, "it is off, which is as without the line")
        default:
            become(
                "http-tls",
                "on",
                from: line,
                differing: "HTTPS begins when a certificate is there and a password is set (`stund password`)"
            )
        }
    }

    /// `ip=10.0.0.5 dbname=2 password=secret port=6379 connect_timeout=30`, in any order.
    private mutating func takeRedis(_ line: CoturnLine) {
        var parts = ["host": "127.0.0.1", "port": "6379", "db": "0"]
        let names = [
            "ip": "host", "host": "host", "addr": "host", "ipaddr": "host", "hostaddr": "host", "dbname": "db",
            "db": "db",
            "database": "db", "port": "port", "password": "password", "user": "user",
        ]
        for word in line.value.split(whereSeparator: { $0 == " " || $0 == "\t" }) {
            let pair = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if ["connect_timeout", "timeout"].contains(pair[0]) { continue }
            guard pair.count == 2, let name = names[pair[0]] else {
                return tell(line, .wrong, "\(quoted(pair[0])) is no part of a Redis connection")
            }
            parts[name] = pair[1]
        }
        let host = parts["host"] ?? ""
        let address = "redis://\(host.contains(":") ? "[\(host)]" : host):\(parts["port"] ?? "")/\(parts["db"] ?? "")"
        if let password = parts["password"] {
            // A password with a colon needs the user before it.
            let user = parts["user"] ?? (password.contains(":") ? "default" : nil)
            let login = user.map { "\($0):\(password)" } ?? password
            if let complaint = Settings.complaint(about: login, for: "redis-password") {
                return tell(line, .wrong, "redis-password: \(complaint)")
            }
            set("redis-password", login, from: line)
        }
        set("redis-coturn-users", "on", from: line)
        become(
            "redis",
            address,
            from: line,
            differing:
                "coturn's users there may log in (redis-coturn-users), and this server keeps what a fleet shares beside them"
        )
    }

    /// A path that is right wherever the server is started: coturn begins a relative one at its configuration.
    func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : folder + path }
}
