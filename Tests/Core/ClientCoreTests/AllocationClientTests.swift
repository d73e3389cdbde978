import Addresses
import ClientCore
import STUNCodec
import Testing
import WireFixtures

@Suite("The client of an allocation (RFC 8656 sections 6, 7, 9 and 12)")
struct AllocationClientTests {
    @Test("Challenge, Allocate, CreatePermission, ChannelBind, and in the end Refresh with 0")
    func wholeLife() throws {
        var server = ServerOnPaper()
        var paper = ClientOnPaper()
        #expect(paper.client.state == .idle)
        try paper.run(paper.client.allocate(at: 0), with: &server)
        #expect(paper.client.state == .ready)
        #expect(paper.client.relayed == ServerOnPaper.relayed)
        #expect(server.methods == [3, 3, 8, 9])
        try paper.run(paper.client.release(at: 0), with: &server)
        #expect(paper.client.state == .released)
        #expect(server.methods == [3, 3, 8, 9, 4])
        #expect(paper.client.unproven == 0)
    }

    @Test("Without a channel it is ready with the allocation")
    func allocationOnly() throws {
        var server = ServerOnPaper()
        var paper = ClientOnPaper(withChannel: false)
        try paper.run(paper.client.allocate(at: 0), with: &server)
        #expect(paper.client.state == .ready)
        #expect(server.methods == [3, 3])
    }

    @Test("Lost messages are sent again as they were, and all succeeds", arguments: [2, 3, 5])
    func lostMessages(oneIn: Int) throws {
        var server = ServerOnPaper()
        var paper = ClientOnPaper()
        try paper.run(paper.client.allocate(at: 0), with: &server) { $0 % oneIn != 0 }
        #expect(paper.client.state == .ready)
        try paper.run(paper.client.release(at: paper.now), with: &server) { $0 % oneIn != 0 }
        #expect(paper.client.state == .released)
    }

    @Test("A server that never answers is given up")
    func silence() throws {
        var server = ServerOnPaper()
        var paper = ClientOnPaper()
        try paper.run(paper.client.allocate(at: 0), with: &server) { _ in true }
        #expect(paper.client.state == .failed(.init(method: .allocate, cause: .unanswered)))
        #expect(paper.now == 39_500_000_000)
    }

    @Test("A connection that ends takes the request that is on its way with it, and nothing else")
    func disconnected() throws {
        var server = ServerOnPaper()
        var paper = ClientOnPaper()
        #expect(paper.client.disconnect() == .wait)
        _ = paper.client.allocate(at: 0)
        #expect(paper.client.disconnect() == .finished)
        #expect(paper.client.state == .failed(.init(method: .allocate, cause: .disconnected)))
        paper = ClientOnPaper()
        try paper.run(paper.client.allocate(at: 0), with: &server) { _ in false }
        #expect(paper.client.disconnect() == .wait && paper.client.state == .ready)
    }

    @Test("Over a stream a request is sent once, and waited for as long as over UDP (RFC 8489 section 6.2.2)")
    func overStream() {
        var transaction = Transaction(TransactionID(high: 0, low: 0), at: 0, .stream)
        #expect(transaction.advance(to: 39_499_999_999, .stream) == .waiting)
        #expect(transaction.advance(to: 39_500_000_000, .stream) == .lost)
    }

    @Test(
        "A stale nonce is replaced, and the request goes on",
        arguments: [UInt16(8), 9, 4],
        ["second-nonce, and longer", "n"]
    )
    func staleNonce(at method: UInt16, nonce: String) throws {
        var server = ServerOnPaper()
        var paper = ClientOnPaper()
        var step = paper.client.allocate(at: 0)
        var seen: [UInt16] = []
        while step == .send {
            let request = paper.request
            let type = UInt16(request[0]) << 8 | UInt16(request[1])
            // The server changes its mind just before that method comes for the first time.
            if type == method, !seen.contains(method) { server.nonce = Array(nonce.utf8) }
            seen.append(type)
            step = paper.take(try server.answer(request))
            if step == .finished, paper.client.state == .ready { step = paper.client.release(at: 0) }
        }
        #expect(paper.client.state == .released)
        #expect(seen.count { $0 == method } == 2)
    }

    @Test("A wrong password is refused once, and not tried for ever")
    func wrongPassword() throws {
        var server = ServerOnPaper()
        server.password = "another"
        var paper = ClientOnPaper()
        try paper.run(paper.client.allocate(at: 0), with: &server)
        #expect(paper.client.state == .failed(.init(method: .allocate, cause: .refused(401))))
        #expect(server.methods == [3, 3])
    }

    @Test("A server that finds every nonce stale is given up")
    func neverContent() throws {
        var server = ServerOnPaper()
        server.refusals[3] = 438
        var paper = ClientOnPaper()
        try paper.run(paper.client.allocate(at: 0), with: &server)
        #expect(paper.client.state == .failed(.init(method: .allocate, cause: .refused(438))))
    }

    @Test("A refusal says method and code", arguments: [(UInt16(3), 486), (8, 403), (9, 508)])
    func refusal(of method: UInt16, with code: Int) throws {
        var server = ServerOnPaper()
        server.refusals[method] = code
        var paper = ClientOnPaper()
        try paper.run(paper.client.allocate(at: 0), with: &server)
        let failure = AllocationClient.Failure(method: Method(rawValue: method), cause: .refused(UInt16(code)))
        #expect(paper.client.state == .failed(failure))
    }

    @Test("An allocation that is gone already is released")
    func goneAlready() throws {
        var server = ServerOnPaper()
        var paper = ClientOnPaper()
        try paper.run(paper.client.allocate(at: 0), with: &server)
        server.refusals[4] = 437
        try paper.run(paper.client.release(at: 0), with: &server)
        #expect(paper.client.state == .released)
    }
}

@Suite("What a client does not believe (RFC 8489 sections 6.3 and 9.2.5)")
struct DisbeliefTests {
    /// A client whose signed Allocate is on its way, and the server.
    private func asked() throws -> (ClientOnPaper, ServerOnPaper) {
        var server = ServerOnPaper()
        var paper = ClientOnPaper()
        #expect(paper.client.allocate(at: 0) == .send)
        #expect(paper.take(try server.answer(paper.request)) == .send)
        return (paper, server)
    }

    @Test("A success answer without a signature counts as not received")
    func unsigned() throws {
        var (paper, server) = try asked()
        server.signsAnswers = false
        #expect(paper.take(try server.answer(paper.request)) == .wait)
        #expect(paper.client.state == .allocating)
        #expect(paper.client.unproven == 1)
        server.signsAnswers = true
        #expect(paper.take(try server.answer(paper.request)) == .send)
    }

    @Test("A success answer with one changed bit counts as not received")
    func changed() throws {
        var (paper, server) = try asked()
        var answer = try server.answer(paper.request)
        answer[26] ^= 1
        #expect(paper.take(answer) == .wait)
        #expect(paper.client.unproven == 1)
    }

    @Test("An answer to another transaction, of another method, or cut off is none")
    func foreign() throws {
        var (paper, server) = try asked()
        let answer = try server.answer(paper.request)
        var other = answer
        other[19] ^= 1
        #expect(paper.take(other) == .wait)
        other = answer
        other[1] = 0x08
        #expect(paper.take(other) == .wait)
        for count in 0..<answer.count { #expect(paper.take(Array(answer[..<count])) == .wait) }
        #expect(paper.take(paper.request) == .wait)
        #expect(paper.client.state == .allocating)
        // It is not the signature that tells them apart.
        #expect(paper.client.unproven == 0)
    }

    @Test("The answer to the request before comes twice, and is passed over")
    func answeredBefore() throws {
        var server = ServerOnPaper()
        var paper = ClientOnPaper()
        #expect(paper.client.allocate(at: 0) == .send)
        let challenge = try server.answer(paper.request)
        #expect(paper.take(challenge) == .send)
        let request = paper.request
        #expect(paper.take(challenge) == .wait)
        #expect(paper.request == request)
    }

    @Test("A success without a relayed address is wrong")
    func noAddress() throws {
        var (paper, server) = try asked()
        server.namesRelayed = false
        #expect(paper.take(try server.answer(paper.request)) == .finished)
        #expect(paper.client.state == .failed(.init(method: .allocate, cause: .wrongAnswer)))
    }

    @Test("A nonce up to 128 bytes is taken, a longer or empty one is not", arguments: [0, 1, 128, 129, 700])
    func nonceLength(_ length: Int) throws {
        var server = ServerOnPaper()
        server.nonce = [UInt8](repeating: 0x61, count: length)
        var paper = ClientOnPaper()
        #expect(paper.client.allocate(at: 0) == .send)
        let step = paper.take(try server.answer(paper.request))
        #expect(step == ((1...128).contains(length) ? .send : .finished))
    }

    @Test("A buffer that is too small holds no half request")
    func smallBuffer() throws {
        let (paper, _) = try asked()
        let whole = paper.request
        #expect(paper.written(capacity: whole.count) == whole)
        for capacity in 0..<whole.count { #expect(paper.written(capacity: capacity).isEmpty) }
    }

    @Test("Random bytes never move it")
    func randomBytes() throws {
        var (paper, _) = try asked()
        var generator = SeededGenerator.announced("DisbeliefTests.randomBytes")
        let head = Array(paper.request[..<20])
        for _ in 0..<20_000 {
            var bytes = generator.bytes(Int.random(in: 0...120, using: &generator))
            // Half of them have the right id, so that more than the first look sees them.
            if bytes.count >= 20, Bool.random(using: &generator) { bytes.replaceSubrange(4..<20, with: head[4...]) }
            _ = paper.take(bytes)
            if case .failed = paper.client.state { (paper, _) = try asked() }
            #expect(paper.client.relayed == nil)
        }
    }
}
