import Addresses
import STUNAuthentication
import STUNCodec
import ServerCore

extension RelayRun {
    /// Gives the server a client's datagram and judges what becomes of it.
    mutating func deliver(_ bytes: [UInt8], from flowBits: UInt8) throws(Violation) {
        let flow = Cast.flow(flowBits)
        let expectation = expect(bytes, from: flow)
        let before = server.counters
        ports.attempts = []
        let (verdict, datagram) = withPacket(bytes, headroom: Packet.headroom, capacity: max(1500, bytes.count)) {
            packet in
            server.receive(&packet, from: flow, now: now, ports: &ports)
        }
        try count(verdict, datagram, since: before)
        switch (verdict, expectation) {
        case (.drop, .nothing), (.drop, .notTURN): return
        case (.drop(let reason), .answer(let outlook)):
            guard case .refused = outlook.identity, model.settings.isRateLimited, reason == .rateLimited else {
                throw Violation(description: "a request was dropped: \(reason), \(bytes)")
            }
        case (.drop(let reason), .relay(let data)):
            try Violation.unless(!data.isCertain, "data that may go to \(data.peer) was dropped: \(reason)")
        case (.toPeer(let peer, let relay, let dontFragment), .relay(let data)):
            let isRight = peer == model.destination(data.peer) && dontFragment == data.dontFragment
            let own = model.allocations[data.index].relays[data.peer.address.family]
            try Violation.unless(isRight, "data for \(data.peer) goes to \(peer), DF \(dontFragment)")
            try Violation.unless(own?.id == relay, "data leaves by a relay socket of somebody else")
            try Violation.unless(datagram[...] == data.data, "data was changed on its way to a peer")
            model.allocations[data.index].toPeers.packets += 1
            model.allocations[data.index].toPeers.bytes += UInt64(data.data.count)
        case (.reply, .answer(let outlook)): try judge(datagram, outlook, flow)
        case (.reply, .notTURN), (.replyFrom, .notTURN):
            try Violation.unless(datagram.count * 10 <= bytes.count * 58, "\(datagram.count) bytes for \(bytes.count)")
        default:
            throw Violation(description: "\(verdict) for \(bytes) of \(flow.source), where \(expectation) is right")
        }
    }

    /// Every datagram is answered, relayed, or counted in exactly one reason to drop it.
    ///
    /// `isData` is false for ICMP errors, which reach the client without being traffic.
    mutating func count(
        _ verdict: Verdict,
        _ datagram: [UInt8],
        since before: Counters,
        isData: Bool = true
    ) throws(Violation) {
        let after = server.counters
        var drops = 0
        var expected = 0
        for index in after.dropped.indices { drops += Int(after.dropped[index] - before.dropped[index]) }
        var answers = 0
        for index in after.answered.indices { answers += Int(after.answered[index] - before.answered[index]) }
        for index in after.granted.indices { answers += Int(after.granted[index] - before.granted[index]) }
        for index in after.refused.indices { answers += Int(after.refused[index] - before.refused[index]) }
        var toPeers = 0
        var toClients = 0
        switch verdict {
        case .drop(let reason):
            expected = 1
            try Violation.unless(
                after.dropped[reason.rawValue] == before.dropped[reason.rawValue] + 1,
                "a drop was not counted as \(reason)"
            )
        case .reply, .replyFrom:
            // The answer to a retransmitted Allocate request is no success of its own.
            if datagram.starts(with: [0x01, 0x03]), answers == 0 { answers = 1 }
        case .toPeer: toPeers = 1
        case .toClient: toClients = 1
        case .handOver, .replyFor: throw Violation(description: "something handed over without other servers")
        case .connect, .bound, .attempt: throw Violation(description: "a connection while TCP is not relayed")
        }
        let isAnswer = drops + toPeers + toClients == 0
        try Violation.unless(
            drops == expected && answers == (isAnswer ? 1 : 0),
            "\(verdict) counted as \(drops) drops, \(answers) answers"
        )
        let traffic = (
            after.traffic.packetsToPeers - before.traffic.packetsToPeers,
            after.traffic.packetsToClient - before.traffic.packetsToClient
        )
        try Violation.unless(
            Int(traffic.0) == toPeers && Int(traffic.1) == (isData ? toClients : 0),
            "\(verdict) counted as traffic \(traffic)"
        )
        let bytes = after.traffic.bytesToPeers - before.traffic.bytesToPeers
        try Violation.unless(
            bytes == (toPeers == 1 ? UInt64(datagram.count) : 0),
            "\(bytes) bytes counted for \(datagram.count)"
        )
        datagrams += 1
        handled += UInt64(drops + answers + toPeers + toClients)
        try Violation.unless(datagrams == handled, "\(datagrams) datagrams, \(handled) answered, relayed or dropped")
        note(UInt64(drops))
        for byte in datagram { note(UInt64(byte)) }
    }

    /// The answer to a TURN request is well-formed, allowed, and does what it says.
    private mutating func judge(_ answer: [UInt8], _ outlook: RequestOutlook, _ flow: ClientFlow) throws(Violation) {
        guard let message = NaiveMessage(answer) else { throw Violation(description: "no message: \(answer)") }
        let request = outlook.message
        let isSuccess = message.type == request.type | 0x0100
        try Violation.unless(isSuccess || message.type == request.type | 0x0110, "an answer of type \(message.type)")
        try Violation.unless(message.id == request.id, "an answer of another transaction")
        try Violation.unless(message.hasZeroPadding, "padding is not zero: \(answer)")
        try Violation.unless(message.isFingerprintRight ?? true, "a wrong FINGERPRINT: \(answer)")
        let code = message.first(0x0009).map { value in
            let bytes = Array(value)
            return bytes.count == 4 ? Int(bytes[2]) * 100 + Int(bytes[3]) : 0
        }
        try Violation.unless((code == nil) == isSuccess, "code \(code ?? 0) in a message of type \(message.type)")
        switch outlook.identity {
        case .refused(let codes): try judgeRefusal(message, code ?? 0, codes, flow)
        case .known(let known):
            try checkIntegrity(answer, known)
            guard let code else {
                try Violation.unless(outlook.errors.isEmpty, "granted despite \(outlook.errors): \(request.bytes)")
                return try grant(message, outlook, known, flow)
            }
            try refuse(code, outlook)
        }
    }

    private mutating func judgeRefusal(
        _ message: NaiveMessage,
        _ code: Int,
        _ codes: Set<Int>,
        _ flow: ClientFlow
    ) throws(Violation) {
        try Violation.unless(codes.contains(code), "\(code) for a stranger, where \(codes) is right")
        let hasChallenge = code != 400
        try Violation.unless(
            message.bytes.count <= (hasChallenge ? 88 : 36),
            "\(message.bytes.count) bytes for a stranger"
        )
        try Violation.unless(
            (message.first(0x0015) != nil) == hasChallenge,
            "a challenge without a nonce, or no challenge with one"
        )
        try Violation.unless(
            (message.first(0x0014) != nil) == hasChallenge,
            "a challenge without a realm, or no challenge with one"
        )
        if let nonce = message.first(0x0015) {
            credentials.note(nonce: Array(nonce), to: flow.source.address, at: unixSeconds)
        }
    }

    private func checkIntegrity(_ answer: [UInt8], _ known: NaiveIdentity.Known) throws(Violation) {
        guard let parsed = try? Message(parsing: answer.raw, as: .cookie),
            case .valid = parsed.checkIntegrity(known.integrity, key: known.key)
        else { throw Violation(description: "an answer without the integrity of its request") }
    }

    /// An error for somebody who has shown a credential.
    private func refuse(_ code: Int, _ outlook: RequestOutlook) throws(Violation) {
        if outlook.alsoRight.contains(code) { return }
        if !outlook.errors.isEmpty {
            try Violation.unless(outlook.errors.contains(code), "\(code), where \(outlook.errors) is right")
        } else if ports.attempts.isEmpty || ports.attempts.contains(where: { $0.result != nil }) {
            let description = "\(code) where success is right: \(outlook.message.bytes)"
            try Violation.unless(!outlook.isCertain, description)
        } else {
            try Violation.unless([440, 508].contains(code), "\(code) where no relay socket could be opened")
        }
    }
}
