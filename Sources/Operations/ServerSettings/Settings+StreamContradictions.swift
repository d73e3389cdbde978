import Addresses

extension Settings {
    /// A web server that is this server itself, which would pass connections to itself for ever; nil when none is.
    func streamContradiction(origins: [String: SettingOrigin]) -> SettingsError.Problem? {
        let ports =
            (tcp ? [("stun-port-1", stunPort1)] : []) + (tlsCertificate == nil ? [] : [("tls-port", tlsPort)])
            + streamPorts.map { ("stream-ports", $0) }
        for (key, place) in [("web-server", webServer), ("web-tls-server", webTLSServer)] {
            guard let place, place.address.isLoopback || (address + secondAddress).contains(place.address),
                let own = ports.first(where: { $0.1 == place.port })
            else { continue }
            return problem(
                between: key,
                and: own.0,
                origins,
                "\(key) \(place) is \(own.0) of this server itself: name the address and port of the web server"
            )
        }
        return nil
    }

    /// What waits for the next start although each setting that changed is read at once; nil when nothing does.
    ///
    /// The first certificate opens tls-port, and without one it is closed.
    public func securePortNotice(since started: Settings) -> String? {
        switch (started.tlsCertificate, tlsCertificate) {
        case (nil, .some):
            "tls-port \(tlsPort) opens when the server starts anew, as it had no certificate before; its other ports use it at once"
        case (.some, nil):
            "tls-port \(started.tlsPort) is closed when the server starts anew, and serves nobody until then"
        default: nil
        }
    }

    /// What is allowed in the settings of TCP, TLS and DTLS but has no effect.
    var streamWarnings: [String] {
        var warnings: [String] = []
        if tlsCertificate == nil {
            let idle = [
                ("tls-key", tlsKey != nil), ("tls-port", tlsPort != Settings().tlsPort), ("http-tls", httpTLS),
            ]
            for (key, isSet) in idle where isSet {
                warnings.append("\(key) has no effect without tls-certificate: name the file with the certificate")
            }
        }
        if webProxyProtocol, webServer == nil, webTLSServer == nil {
            warnings.append(
                "web-proxy-protocol has no effect without web-server or web-tls-server: name the web server"
            )
        }
        if httpTLS, httpPasswordHash == nil {
            warnings.append("http-tls has no effect until the console has a password: `stund password` sets it")
        }
        return warnings
    }
}
