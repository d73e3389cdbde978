import Addresses
import STUNAuthentication
import STUNCodec

extension Server {
    /// Allocate (RFC 8656 section 7.2); its numbered steps are the outline, step 1 being done by the caller.
    mutating func allocate(
        _ context: TURNContext,
        _ message: borrowing Message,
        _ request: TURNRequest,
        _ identity: AuthenticatedRequest,
        _ turn: TURNPolicy,
        ports: inout some RelayPorts
    ) throws(Refusal) -> TURNOutcome {
        // 2. The 5-tuple is in use: a retransmission gets the same answer, anything else is a mismatch.
        if let index = table.index(of: context.flow) {
            if table.allocations[index].expires > context.now {
                guard table.allocations[index].answer.transactionID == message.transactionID,
                    table.allocations[index].user == identity.user
                else { throw .allocationExists }
                return .allocatedBefore(index)
            }
            end(index, .expired, now: context.now, ports: &ports)
        }
        // 3. UDP is relayed, and TCP to clients that use it.
        let relaysTCP = try Self.readTransport(message, request, context, turn)
        // RFC 8656 section 21.4: tunnels would let packets go in circles.
        if let rule = turn.peers.tunnel(context.flow.source.address) { throw .client(rule) }
        // 5 to 9.
        let wanted = try RelayWish(message, request, tcp: relaysTCP)
        // 4. Sockets do not tell the DF bit of what comes in, so it cannot be kept from IPv4 to IPv6 (RFC 8656 section 3.7).
        let staysV4 = request.dontFragment != nil && context.flow.source.address.family == .v4
        if staysV4, wanted.includesV6 { throw .unknownAttribute(.dontFragment) }
        let requested = try message.read(request.lifetime, as: Lifetime.self)?.seconds
        // 11. What a token stands for is here and nowhere else.
        if request.reservationToken == nil { try redirect(context, turn) }
        let account = try admit(identity, turn, memory: wanted.memory, now: context.now)
        // Open, or give back what was counted.
        do throws(Refusal) {
            let relays = try openRelays(wanted, now: context.now, ports: &ports)
            // Only a token's own port tells its family.
            if staysV4, let relay = relays[.v6] {
                ports.close(relay.id, now: context.now)
                throw .unknownAttribute(.dontFragment)
            }
            if relays.missing != nil { ledger.memory.give(MemoryCost.relaySocket) }
            let seconds = lifetime(requested, identity, turn, now: context.now)
            return .allocated(
                install(relays, wanted, context, message.transactionID, identity, turn, account, lifetime: seconds)
            )
        } catch {
            giveBack(account, memory: wanted.memory)
            throw error
        }
    }

    /// Whether TCP is asked for (RFC 6062 section 5.1), which needs a client that uses it too.
    private static func readTransport(
        _ message: borrowing Message,
        _ request: TURNRequest,
        _ context: TURNContext,
        _ turn: TURNPolicy
    ) throws(Refusal) -> Bool {
        guard let transport = try message.read(request.requestedTransport, as: RequestedTransport.self) else {
            throw .missing(.requestedTransport)
        }
        if transport == .udp { return false }
        guard transport == .tcp, turn.relaysTCP else { throw .transport(transport.protocolNumber) }
        guard context.flow.transport.isStream else { throw .needsStream }
        return true
    }

    /// 10. Counts the allocation for the user and for all, before anything is opened.
    private func admit(
        _ identity: AuthenticatedRequest,
        _ turn: TURNPolicy,
        memory: Int,
        now: Instant
    ) throws(Refusal) -> Account {
        try admit(
            AccountKey(identity.account),
            atMost: ledger.share(of: turn.quotas.userAllocations),
            orElse: .userAllocations(turn.quotas.userAllocations),
            turn,
            memory: memory,
            now: now
        )
    }

    /// Counts an allocation for its account and for all, before anything is opened.
    func admit(
        _ key: AccountKey,
        atMost limit: Int,
        orElse refusal: Refusal,
        _ turn: TURNPolicy,
        memory: Int,
        now: Instant
    ) throws(Refusal) -> Account {
        let month = AccountMonth(unixSeconds: unixSeconds(at: now))
        let account = ledger.account(for: key, month: month)
        guard account.bytes(in: month) < turn.quotas.userBytesPerMonth else {
            throw .monthlyBytes(turn.quotas.userBytesPerMonth)
        }
        guard account.tryAddAllocation(limit: limit) else { throw refusal }
        guard ledger.total.tryAddAllocation(limit: turn.quotas.totalAllocations) else {
            account.removeAllocation()
            throw .serverAllocations(turn.quotas.totalAllocations)
        }
        do throws(Refusal) {
            try takeMemory(memory, turn)
        } catch {
            giveBack(account, memory: 0)
            throw error
        }
        return account
    }

    func giveBack(_ account: Account, memory: Int) {
        ledger.memory.give(memory)
        account.removeAllocation()
        ledger.total.removeAllocation()
    }

    /// The sockets that were opened for an allocation.
    private struct Relays {
        var opened: [2 of OpenedRelay?] = [nil, nil]
        var missing: AddressErrorCode?

        subscript(_ family: IPAddress.Family) -> OpenedRelay? {
            for relay in [opened[0], opened[1]] where relay?.address.address.family == family { return relay }
            return nil
        }
    }

    private func openRelays(_ wish: RelayWish, now: Instant, ports: inout some RelayPorts) throws(Refusal) -> Relays {
        var relays = Relays()
        var refusal: RelayPortError?
        do throws(RelayPortError) {
            relays.opened[0] = try ports.open(wish.first, now: now)
        } catch {
            refusal = error
        }
        if let additional = wish.additional {
            do throws(RelayPortError) {
                relays.opened[1] = try ports.open(additional, now: now)
            } catch {
                relays.missing = AddressErrorCode(family: .v6, code: Refusal.relayPort(error).errorCode)
            }
            // RFC 8656 section 7.2: one family alone is a success that says why the other one is missing.
            if let error = refusal, relays.opened[1] != nil {
                relays.missing = AddressErrorCode(family: .v4, code: Refusal.relayPort(error).errorCode)
                refusal = nil
            }
        }
        if let refusal { throw .relayPort(refusal) }
        return relays
    }

    private mutating func install(
        _ relays: Relays,
        _ wish: RelayWish,
        _ context: TURNContext,
        _ transactionID: TransactionID,
        _ identity: AuthenticatedRequest,
        _ turn: TURNPolicy,
        _ account: Account,
        lifetime: UInt32
    ) -> Int {
        let expires = context.now.adding(seconds: lifetime)
        serial &+= 1
        let index = table.insert(
            Allocation(
                serial: serial,
                flow: context.flow,
                user: identity.user,
                realm: turn.authenticator.book.realms[identity.realm].name,
                username: username.text,
                account: account,
                began: context.now,
                lastRelayed: context.now,
                relaysTCP: wish.isTCP,
                v4: relays[.v4].map { Allocation.Relay(id: $0.id, address: $0.address, expires: expires) },
                v6: relays[.v6].map { Allocation.Relay(id: $0.id, address: $0.address, expires: expires) },
                answer: AllocateAnswer(
                    transactionID: transactionID,
                    lifetime: lifetime,
                    token: relays.opened[0]?.token,
                    missing: relays.missing
                )
            )
        )
        wheel.arm(index, at: expires)
        effects.append(.allocated(session(index, now: context.now)))
        return index
    }

    /// The seconds that an allocation gets (RFC 8656 sections 7.2 and 8.2).
    func lifetime(_ requested: UInt32?, _ identity: AuthenticatedRequest, _ turn: TURNPolicy, now: Instant) -> UInt32 {
        let granted = turn.lifetimes(ofRealm: identity.realm).granted(requested)
        guard turn.endsAtCredentialExpiry, let expiry = identity.expiry else { return granted }
        let left = expiry &- min(expiry, unixSeconds(at: now))
        return min(granted, UInt32(clamping: left))
    }
}

/// Which relay addresses an Allocate request asks for (RFC 8656 section 7.2, steps 5 to 9).
struct RelayWish {
    let first: RelayPortRequest
    private(set) var additional: RelayPortRequest?
    /// Whether the ports are for TCP.
    let isTCP: Bool

    /// Whether an IPv6 relay address is asked for.
    var includesV6: Bool {
        switch first {
        case .any(.v6), .even(.v6), .evenReservingNext(.v6), .tcp(.v6): true
        default: additional != nil
        }
    }

    /// What the allocation takes with its sockets.
    var memory: Int { MemoryCost.allocation &+ (additional == nil ? 1 : 2) &* MemoryCost.relaySocket }

    init(_ message: borrowing Message, _ request: TURNRequest, tcp isTCP: Bool) throws(Refusal) {
        self.isTCP = isTCP
        // RFC 6062 section 5.1: what is about datagrams and their ports alone.
        if isTCP {
            if request.dontFragment != nil { throw .conflict(.requestedTransport, .dontFragment) }
            if request.evenPort != nil { throw .conflict(.requestedTransport, .evenPort) }
            if request.reservationToken != nil { throw .conflict(.requestedTransport, .reservationToken) }
        }
        let evenPort = try message.read(request.evenPort, as: EvenPort.self)
        let token = try message.read(request.reservationToken, as: ReservationToken.self)
        let requested = try message.read(request.requestedFamily, as: RequestedAddressFamily.self)
        let additional = try message.read(request.additionalFamily, as: AdditionalAddressFamily.self)
        // 5. A token stands for its port alone.
        if let token {
            if evenPort != nil { throw .conflict(.reservationToken, .evenPort) }
            if requested != nil { throw .conflict(.reservationToken, .requestedAddressFamily) }
            if additional != nil { throw .conflict(.reservationToken, .additionalAddressFamily) }
            first = .reserved(token: token.value)
            return
        }
        // 6. and 7.
        if requested != nil, additional != nil { throw .conflict(.requestedAddressFamily, .additionalAddressFamily) }
        var family = IPAddress.Family.v4
        if let requested {
            guard let known = requested.family else { throw .addressFamily(requested.rawValue) }
            family = known
        }
        // 8. The additional family can only be IPv6, and with it no port can be kept.
        if let additional {
            guard additional.family == .v6 else { throw .malformed(.additionalAddressFamily) }
            if evenPort?.reservesNext == true { throw .conflict(.additionalAddressFamily, .evenPort) }
            self.additional = isTCP ? .tcp(.v6) : evenPort == nil ? .any(.v6) : .even(.v6)
        }
        // 9.
        switch evenPort?.reservesNext {
        case nil: first = isTCP ? .tcp(family) : .any(family)
        case false: first = .even(family)
        case true: first = .evenReservingNext(family)
        }
    }
}
