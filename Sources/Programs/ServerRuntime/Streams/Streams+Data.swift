import Addresses
import PacketEngine
import STUNCodec
import ServerCore

// A client's data connection (RFC 6062 section 4.5): its bytes are no messages any more. Where nothing has to be looked at they
// are moved by `Splice`, and the connection is none of `Streams` any longer; else they are copied, and it stays one.

/// A client's connection that carries data and is none of `Streams` any more.
struct DataStream {
    let stream: StreamHandle
    /// The client's address, which a proxy may have told.
    let client: SocketAddress
    /// As whose it is counted (`ConnectionLimits`); nil for nobody's.
    let counted: IPAddress?
}

extension Streams {
    /// Makes a connection carry data: what it has read is taken by `input.rest()`.
    mutating func carryData(_ index: Int, of partner: StreamPartner) {
        connections[index].partner = partner
        connections[index].owesSince = 0
    }

    /// Gives a connection away that carries data; its place among the client's connections goes along.
    mutating func release(_ index: Int) -> DataStream {
        let (stream, flow) = (connections[index].stream, connections[index].flow)
        let released = DataStream(stream: stream, client: flow.source, counted: connections[index].counted)
        connections[index].partner = nil
        watcher.unwatch(stream)
        forget(index, .relayed, isKept: true)
        return released
    }

    /// What of reading is wanted of a connection that carries data from now on.
    mutating func setReading(_ index: Int, _ reading: StreamInterest) {
        guard connections[index].isLive, connections[index].reading != reading else { return }
        connections[index].reading = reading
        want(connections[index].interest.contains(.output) ? [reading, .output] : reading, index)
    }

    /// Whether what follows needs no look at it, so that `release` may give the connection away.
    func canBeGivenAway(_ index: Int) -> Bool { if case .open = connections[index].stage { true } else { false } }

    /// The client sends no more: that ends a connection that carries messages; data may still go the other way.
    ///
    /// Where TLS has not said so, somebody may have cut off the rest (RFC 8446 section 6.1), and a peer must not take what there is for
    /// all of it. Requests of HTTP tell their length.
    mutating func endReading(ofData index: Int) {
        guard let partner = connections[index].partner else { return close(index, .byClient) }
        if let secure = connections[index].secure, secure.end == nil, partner.connection != nil { secure.end = .broken }
        connections[index].hasEnded = true
    }

    /// Whether the TLS session of a connection has ended.
    func hasSessionEnded(_ index: Int) -> Bool { connections[index].secure?.end != nil }

    /// Whether a connection is broken, which after its client's end is told by no read.
    func isBroken(_ index: Int) -> Bool { StreamSocket.connectionError(of: connections[index].stream) != 0 }

    /// Closes a connection by a reset, so that the client does not take what it has for all.
    mutating func abort(_ index: Int, _ end: StreamConnection.End) {
        guard connections[index].isLive else { return }
        if let secure = connections[index].secure {
            buffers.discard(&secure.sealed)
            tls.count -= 1
        }
        StreamSocket.abort(connections[index].stream)
        forget(index, end)
    }

    /// Puts a peer's bytes behind what waits for the client, and writes it; false when it is closed then.
    mutating func relay(_ index: Int) -> Bool {
        guard input.count > 0, connections[index].isLive else { return connections[index].isLive }
        guard input.keepRest(in: &buffers, as: &connections[index].output, limit: 2 * Self.dataLimit) else {
            close(index, .noMemory)
            return false
        }
        write(index)
        return connections[index].isLive
    }

    /// Whether all that peers have sent to the client was taken by it.
    func isDelivered(_ index: Int) -> Bool { connections[index].isDelivered }

    /// Tells the client of a connection without TLS that nothing more comes; data may still go the other way.
    mutating func endSending(_ index: Int) { StreamSocket.endSending(connections[index].stream) }
}
