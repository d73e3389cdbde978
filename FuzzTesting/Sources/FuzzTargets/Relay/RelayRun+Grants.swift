import Addresses
import STUNCodec
import ServerCore

extension RelayRun {
    /// Does in the model what a success answer grants, and checks that it grants no more than was asked.
    mutating func grant(
        _ answer: NaiveMessage,
        _ outlook: RequestOutlook,
        _ known: NaiveIdentity.Known,
        _ flow: ClientFlow
    ) throws(Violation) {
        let request = outlook.message
        switch request.type {
        case 0x0003 where outlook.isRepeated: try repeatAllocate(answer, flow)
        case 0x0003: try allocate(answer, request, known, flow)
        case 0x0004: try refresh(answer, request, known, flow)
        case 0x0008:
            guard let index = model.index(of: flow, now) else {
                throw Violation(description: "permission without allocation")
            }
            for case let peer? in peers(request, before: known.end) {
                model.allocations[index].permissions[peer.address] = now.adding(seconds: 300)
            }
        default:
            guard let index = model.index(of: flow, now), let number = request.first(0x000C, before: known.end),
                let peer = request.first(0x0012, before: known.end).flatMap({ self.peer(request, $0) })
            else { throw Violation(description: "a channel without allocation, number or peer") }
            let channel = (peer: peer, expires: now.adding(seconds: 600))
            model.allocations[index].channels[NaiveMessage.number(number.prefix(2))] = channel
            model.allocations[index].permissions[peer.address] = now.adding(seconds: 300)
        }
    }

    private func relayed(_ answer: NaiveMessage) -> [SocketAddress] {
        answer.attributes.filter { $0.type == 0x0016 }.compactMap { answer.address($0.bytes) }
    }

    private func seconds(_ message: NaiveMessage, before end: Int = .max) -> Int? {
        message.first(0x000D, before: end).map { NaiveMessage.number($0) }
    }

    private mutating func allocate(
        _ answer: NaiveMessage,
        _ request: NaiveMessage,
        _ known: NaiveIdentity.Known,
        _ flow: ClientFlow
    ) throws(Violation) {
        let opened = ports.attempts.compactMap(\.result)
        let addresses = relayed(answer)
        try Violation.unless(
            !opened.isEmpty && Set(addresses) == Set(opened.map(\.address)),
            "\(addresses) answered, \(opened) opened"
        )
        let mapped = answer.first(0x0020).flatMap { answer.address($0) }
        try Violation.unless(mapped == flow.source, "\(flow.source) mapped as \(String(describing: mapped))")
        try checkWish(answer, request, known, opened)
        let granted = model.lifetime(
            seconds(request, before: known.end),
            expiry: known.expiry,
            unixSeconds: unixSeconds
        )
        try Violation.unless(seconds(answer) == granted, "a lifetime of \(seconds(answer) ?? -1), \(granted) is right")
        let expires = now.adding(seconds: UInt32(clamping: granted))
        var relays: [IPAddress.Family: (id: RelayID, address: SocketAddress, expires: Instant)] = [:]
        for relay in opened { relays[relay.address.address.family] = (relay.id, relay.address, expires) }
        model.allocations.append(
            ModelAllocation(
                flow: flow,
                user: known.user,
                account: known.account,
                transaction: Array(request.id),
                relays: relays
            )
        )
    }

    /// The relays are what was asked for (RFC 8656 section 7.2, steps 5 to 9).
    private func checkWish(
        _ answer: NaiveMessage,
        _ request: NaiveMessage,
        _ known: NaiveIdentity.Known,
        _ opened: [OpenedRelay]
    ) throws(Violation) {
        let even = request.first(0x0018, before: known.end)
        let isDual = request.additionalFamily(before: known.end) != nil
        let token = answer.first(0x0022).map { UInt64(truncatingIfNeeded: NaiveMessage.number($0)) }
        try Violation.unless(token == opened.first?.token, "a token of \(token ?? 0)")
        try Violation.unless(
            token == nil || even?.first == 0x80 || (even?.first ?? 0) & 0x80 != 0,
            "a token nobody asked for"
        )
        try Violation.unless(
            (answer.first(0x8001) != nil) == (isDual && opened.count == 1),
            "ADDRESS-ERROR-CODE is wrong"
        )
        if even != nil {
            try Violation.unless(opened.allSatisfy { $0.address.port % 2 == 0 }, "an odd port for EVEN-PORT")
        }
        if let reserved = request.first(0x0022, before: known.end) {
            let wanted = RelayPortRequest.reserved(token: UInt64(truncatingIfNeeded: NaiveMessage.number(reserved)))
            try Violation.unless(ports.attempts.map(\.request) == [wanted], "another port than the reserved one")
        } else if !isDual {
            let family = request.first(0x0017, before: known.end)?.first ?? 1
            let isRight = opened.map(\.address.address.family.rawValue) == [family]
            try Violation.unless(isRight, "relays of other families than \(family)")
        }
    }

    /// The retransmission of a request is answered as before; it takes no more sockets.
    private func repeatAllocate(_ answer: NaiveMessage, _ flow: ClientFlow) throws(Violation) {
        guard let index = model.index(of: flow, now) else { throw Violation(description: "no allocation to repeat") }
        let live = model.allocations[index].relays.values.filter { $0.expires > now }.map(\.address)
        try Violation.unless(ports.attempts.isEmpty, "a retransmission opened a relay socket")
        try Violation.unless(Set(relayed(answer)) == Set(live), "\(relayed(answer)) answered again, \(live) there")
    }

    private mutating func refresh(
        _ answer: NaiveMessage,
        _ request: NaiveMessage,
        _ known: NaiveIdentity.Known,
        _ flow: ClientFlow
    ) throws(Violation) {
        guard let index = model.index(of: flow, now) else { throw Violation(description: "a refresh of nothing") }
        let requested = seconds(request, before: known.end)
        var granted = 0
        if requested != 0 { granted = model.lifetime(requested, expiry: known.expiry, unixSeconds: unixSeconds) }
        try Violation.unless(seconds(answer) == granted, "a lifetime of \(seconds(answer) ?? -1), \(granted) is right")
        let asked = request.first(0x0017, before: known.end)?.first.flatMap { IPAddress.Family(rawValue: $0) }
        for (family, relay) in model.allocations[index].relays where asked == nil || asked == family {
            // What has ended is gone for good.
            guard relay.expires > now else { continue }
            model.allocations[index].relays[family]?.expires =
                granted == 0 ? now : now.adding(seconds: UInt32(clamping: granted))
            if granted == 0 { model.allocations[index].end(family) }
        }
        model.prune(now)
    }
}

extension ModelAllocation {
    /// Takes away what belongs to a family.
    fileprivate mutating func end(_ family: IPAddress.Family) {
        relays[family] = nil
        permissions = permissions.filter { $0.key.family != family }
        channels = channels.filter { $0.value.peer.address.family != family }
    }
}
