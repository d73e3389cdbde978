import SecureTransport
import TestTLS
import Testing

@Suite("A foreign client: openssl s_client")
struct OpenSSLClientTests {
    /// Serves one connection until the client has said hello, answers, and ends; returns the session and what the client printed.
    private func serve(_ arguments: [String]) throws -> (StreamPeer, String) {
        let listener = try LoopbackSocket(stream: true)
        let client = try OpenSSLClient(port: listener.port, arguments)
        let connection = try listener.acceptNext()
        let peer = try StreamPeer.server(TestContext.server(.rsa))
        client.type("hello")
        while peer.inbox != [UInt8](text: "hello\n"), let bytes = connection.read() {
            peer.take(bytes)
            connection.write(peer.takeOutbox())
            if peer.failure != nil { break }
        }
        peer.say([UInt8](text: "answer\n"))
        peer.close()
        connection.write(peer.takeOutbox())
        connection.endWriting()
        return (peer, client.finish())
    }

    @Test("TLS 1.2 and 1.3, with ALPN and a server's name", arguments: ["-tls1_2", "-tls1_3"])
    func versions(version: String) throws {
        let (peer, text) = try serve([version, "-alpn", "h2,stun.turn", "-servername", "turn.example.org"])
        #expect(peer.inbox == [UInt8](text: "hello\n"))
        #expect(peer.applicationProtocol == "stun.turn" && peer.serverName == "turn.example.org")
        #expect(text.contains("ALPN protocol: stun.turn"))
        #expect(text.contains("answer"))
        #expect(text.contains("Secure Renegotiation IS") && text.contains("Compression: NONE"))
    }

    @Test("a client without ALPN, or with a foreign one, is served without")
    func alpn() throws {
        for arguments in [[], ["-alpn", "h2"]] {
            let (peer, text) = try serve(arguments)
            #expect(peer.inbox == [UInt8](text: "hello\n") && peer.applicationProtocol == nil)
            #expect(text.contains("No ALPN negotiated") && text.contains("answer"))
        }
    }

    @Test("TLS 1.1 is refused, in words on both sides")
    func old() throws {
        let (peer, text) = try serve(["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"])
        #expect(peer.failure?.hasPrefix("no version of TLS from 1.2 on is common") == true)
        #expect(text.contains("alert protocol version"))
    }

    @Test("a second handshake in TLS 1.2 is refused, however the client wants it")
    func renegotiation() throws {
        for arguments in [["-tls1_2"], ["-tls1_2", "-legacy_renegotiation"]] {
            let listener = try LoopbackSocket(stream: true)
            let client = try OpenSSLClient(port: listener.port, arguments)
            let connection = try listener.acceptNext()
            let peer = try StreamPeer.server(TestContext.server(.rsa))
            client.type("hello")
            var hasAsked = false
            while let bytes = connection.read() {
                peer.take(bytes)
                if hasAsked {
                    // An alert (RFC 5246 section 7.2.2), not a handshake.
                    #expect(peer.outbox.isEmpty || peer.outbox[0] == 21)
                }
                connection.write(peer.takeOutbox())
                if !hasAsked, !peer.inbox.isEmpty {
                    hasAsked = true
                    // s_client's command for it.
                    client.type("R")
                }
            }
            let text = client.finish()
            #expect(peer.inbox == [UInt8](text: "hello\n"))
            #expect(text.contains("RENEGOTIATING") && text.contains("no renegotiation"))
        }
    }

    @Test("the two ciphers that RFC 7350 section 3 demands are there, and none without forward secrecy")
    func ciphers() throws {
        for cipher in ["ECDHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"] {
            let (peer, _) = try serve(["-tls1_2", "-cipher", cipher])
            #expect(peer.cipher == cipher && peer.inbox == [UInt8](text: "hello\n"))
        }
        for cipher in ["AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "DHE-RSA-AES256-GCM-SHA384"] {
            let (peer, _) = try serve(["-tls1_2", "-cipher", cipher])
            #expect(peer.failure?.hasPrefix("no cipher or key is common") == true)
        }
    }

    @Test("DTLS 1.2: cookie, handshake, text both ways, end")
    func datagrams() throws {
        let socket = try LoopbackSocket(stream: false)
        let client = try OpenSSLClient(
            port: socket.port,
            ["-dtls1_2", "-alpn", "stun.turn", "-servername", "turn.example.org"]
        )
        client.type("hello")
        let context = try TestContext.datagramServer(.rsa)
        var door = TestDoor()
        var peer: DatagramPeer?
        var answers = 0
        while peer?.inbox.isEmpty ?? true, let datagram = socket.readDatagram() {
            door.address = socket.sender
            switch door.judge(datagram) {
            case (.answer(let count), let answer):
                #expect(count == answer.count)
                answers += 1
                socket.answer(answer)
            case (.proven(let id), _):
                if peer?.hello != id { peer = DatagramPeer(try DatagramSession(server: context, hello: id)) }
                peer?.take(datagram)
            case (.other, _): peer?.take(datagram)
            case (.unfit, _): Issue.record("unfit")
            }
            peer?.takeOutbox().forEach(socket.answer)
        }
        let server = try #require(peer)
        #expect(answers == 1 && server.inbox == [[UInt8](text: "hello\n")])
        #expect(server.applicationProtocol == "stun.turn" && server.serverName == "turn.example.org")
        server.say([UInt8](text: "answer\n"))
        server.close()
        server.takeOutbox().forEach(socket.answer)
        let text = client.finish()
        #expect(text.contains("answer") && text.contains("ALPN protocol: stun.turn"))
    }
}
