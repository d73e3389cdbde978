import Testing

@Suite(
    "tshark, an independent decoder, reads everything that a relay says",
    .enabled(if: Capture.isPossible, "needs network namespaces, and Debian's tshark and ethtool")
)
struct RelayDecodingTests {
    /// What the clients below must have brought the server to say, by the types of RFC 8656 section 18.
    private static let expected = [
        "0x0103": "Allocate success", "0x0113": "Allocate error", "0x0104": "Refresh success",
        "0x0108": "CreatePermission success", "0x0109": "ChannelBind success", "0x0017": "Data indication",
    ]

    @Test(
        "turnutils_uclient by channels and indications, both families, right and wrong password",
        .enabled(if: Partners.has("turnutils_uclient"), "needs turnutils_uclient, of Debian's coturn"),
        .timeLimit(.minutes(3)),
        arguments: [Server.coturn, .ours]
    )
    func uclient(server: Server) async throws {
        let names = Partners.hasIPv6 ? ["-x", "-D", "-s", "-w", "-G"] : ["-D", "-s", "-w", "-G"]
        let modes = names.map { flag in
            RelayClientTests.Mode(
                name: flag,
                flags: flag == "-w" ? ["-w", "wrong"] : flag == "-x" ? ["-x", "-y", "-l", "1171"] : [flag, "-y"],
                server: flag == "-x" ? "::1" : "127.0.0.1",
                peer: nil
            )
        }
        try await Namespaces.with(.none, purpose: "decode\(server)") { namespaces in
            let namespace = namespaces.server
            let relay = Relay(server: server, namespace: namespace, settings: ["rfc5766-channels": "on"])
            try await relay.running { ports, _ in
                let frames = try await Capture.of(ports.first, on: "lo", in: namespace) {
                    try await withThrowingTaskGroup { group in
                        for mode in modes {
                            group.addTask { _ = try await RelayClientTests.run(mode, ports, namespace: namespace) }
                        }
                        try await group.waitForAll()
                    }
                }
                expectDecoded(frames)
                let types = Set(frames.filter(\.isFromServer).compactMap(\.type))
                for (type, name) in Self.expected where !types.contains(type) {
                    Issue.record("no \(name) was captured: \(types)")
                }
            }
        }
    }

    @Test(
        "aioice and aiortc",
        .enabled(if: Partners.hasPythonPeers, "needs aiortc of PyPI (`Scripts/install-packages test` fetches it)"),
        .timeLimit(.minutes(3))
    )
    func pythonPeers() async throws {
        try await Namespaces.with(.none, purpose: "decodepython") { namespaces in
            let namespace = namespaces.server
            try await Relay(namespace: namespace).running { ports, _ in
                let frames = try await Capture.of(ports.first, on: "lo", in: namespace) {
                    for kind in [["ice"], ["data", "--bytes", "200000"]] {
                        let command = kind + PythonPeerTests.asUser(ports)
                        let end = try await PythonPeerTests.run(command, namespace: namespace)
                        #expect(end.exitCode == 0, "\(end.output)")
                    }
                }
                expectDecoded(frames)
            }
        }
    }
}

/// Expects that everything from the server is decoded, and that ChannelData is among it.
func expectDecoded(_ frames: [Capture.Frame]) {
    let fromServer = frames.filter(\.isFromServer)
    #expect(fromServer.count { $0.channel != nil } > 10, "\(frames.count) frames")
    let wrong = fromServer.filter { !$0.isDecoded }
    #expect(wrong.isEmpty, "\(wrong.count) of \(fromServer.count), the first: \(wrong.prefix(5).map(\.line))")
}
