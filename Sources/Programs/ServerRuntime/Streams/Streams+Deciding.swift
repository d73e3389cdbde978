import Addresses
import Administration
import PacketEngine
import STUNCodec
import SecureTransport
import ServerCore

// What a connection is for, by its first bytes: a client's, with TLS or without, another server's of the fleet, or a web site's.

extension Streams {
    /// In how many pieces what must come whole may come.
    private static let mostLooks: UInt8 = 64

    /// Looks at the first byte, which is left where it is: whoever gets the connection may want it.
    ///
    /// True when the connection can be read.
    mutating func decide(_ index: Int) -> Bool {
        switch input.peek(at: connections[index].stream) {
        case .bytes:
            let first = input.rest().uint8(at: 0)
            input.removeAll()
            return decide(index, by: first)
        case .blocked: return false
        case .ended: close(index, .byClient)
        case .failed: close(index, .broken)
        }
        return false
    }

    private mutating func decide(_ index: Int, by first: UInt8) -> Bool {
        // What comes behind a proxy's header is the client's, who is nobody to believe.
        if connections[index].hasProxyHeader { return begin(index, by: first) }
        if first == FleetDoor.firstByte, shared.fleet.isOpen {
            let stream = connections[index].stream
            watcher.unwatch(stream)
            forget(index, .handedOver)
            if !shared.fleet.pass(StreamSocket.handOver(stream), from: stream.remote) { StreamSocket.close(stream) }
            return false
        }
        if first == ProxyHeader.firstByte {
            let proxy = connections[index].stream.remote.address
            guard shared.rules.proxies.contains(where: { $0.contains(proxy) }) else {
                close(index, .notSTUN)
                return false
            }
            connections[index].stage = .gathering(.proxyHeader)
            return true
        }
        return begin(index, by: first)
    }

    /// Begins what a first byte says.
    private mutating func begin(_ index: Int, by first: UInt8) -> Bool {
        switch first {
        // A STUN message: 0x00 and 0x01 in all methods that there are (RFC 8489 section 5).
        case 0..<0x04 where shared.rules.takesPlain:
            connections[index].stage = .open
        case SecureStream.firstByte:
            connections[index].stage = shared.rules.webTLSServer == nil ? .greeting : .gathering(.hello)
        // The method of a request of HTTP (RFC 9110 section 9).
        case UInt8(ascii: "A")...UInt8(ascii: "Z") where shared.rules.webServer != nil:
            connections[index].stage = .open
            connections[index].web = .site
        default:
            close(index, .notSTUN)
            return false
        }
        return true
    }

    /// Reads more of what must come whole, and goes on once it has.
    mutating func gather(_ index: Int, _ wanted: StreamConnection.Wanted) {
        // What comes next may be answered by a handshake: what is not read shows again in the next turn.
        guard tls.handshakesLeft > 0 else { return }
        input.take(&connections[index].input, from: &buffers)
        // No more than fits where TLS takes it from, and little of what may follow.
        switch input.read(from: connections[index].stream, most: 4_096) {
        case .bytes: break
        case .blocked: return
        case .ended: return close(index, .byClient)
        case .failed: return close(index, .broken)
        }
        // All of it is looked at again each time.
        connections[index].looks &+= 1
        guard connections[index].looks <= Self.mostLooks else { return close(index, .tooSlow) }
        switch wanted {
        case .proxyHeader: readProxyHeader(index)
        case .hello: readHello(index)
        }
    }

    private mutating func readProxyHeader(_ index: Int) {
        switch ProxyHeader.read(input.rest()) {
        case .incomplete: return
        case .invalid: return close(index, .notSTUN)
        case .own(let count):
            input.take(count)
            connections[index].hasProxyHeader = true
        case .client(let client, let count):
            input.take(count)
            connections[index].hasProxyHeader = true
            if let proxy = connections[index].counted { shared.limits.leave(proxy) }
            connections[index].counted = nil
            if let refusal = shared.limits.enter(client.address) {
                counters.count(refusal)
                return close(index, .tooMany)
            }
            connections[index].counted = client.address
            connections[index].identify(source: client)
        }
        guard input.count > input.taken else {
            connections[index].stage = .undecided
            return
        }
        let first = input.rest().uint8(at: 0)
        guard begin(index, by: first) else { return }
        if case .gathering = connections[index].stage { readHello(index) }
    }

    private mutating func readHello(_ index: Int) {
        switch ClientHello.read(input.rest()) {
        case .incomplete: return
        case .notTLS: close(index, .notSTUN)
        case .found(let hello):
            guard isOurs(hello) else {
                connections[index].stage = .open
                connections[index].web = .tlsSite
                return
            }
            connections[index].stage = .greeting
        }
    }

    /// Whether a client that begins TLS so wants STUN or the console.
    private func isOurs(_ hello: ClientHello) -> Bool {
        guard let facts = tls.context?.facts else { return false }
        if hello.protocols.contains(where: SecureContexts.protocols.contains) { return true }
        guard hello.serverName.map({ facts.covers($0) }) ?? true else { return false }
        // Clients of STUN mostly name no protocol; browsers always name those of HTTP.
        return hello.protocols.isEmpty || shared.console.port != nil
    }
}
