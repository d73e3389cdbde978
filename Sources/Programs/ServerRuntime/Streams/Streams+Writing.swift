import PacketEngine
import STUNCodec
import ServerCore

extension Streams {
    /// How many bytes may wait for one client before peers' data is dropped.
    static let dataLimit = 65_536
    /// How many may with answers behind them: peers must not be able to fill the room of those.
    private static let answerLimit = 2 * dataLimit

    /// Puts an answer to a client behind what waits; a client that does not take its answers is given up.
    mutating func answer(_ bytes: RawSpan, on index: Int) {
        guard put(bytes, on: index, limit: Self.answerLimit) else { return close(index, .unread) }
    }

    /// Puts what a verdict sends to the client of a stream behind what waits, or drops it where too much does.
    mutating func take(_ bytes: RawSpan, _ verdict: Verdict) {
        guard case .toClient(let flow) = verdict, flow.transport.isStream else { return }
        let index = Int(flow.socket)
        guard index < connections.count, connections[index].isLive,
            put(bytes, on: index, limit: Self.dataLimit)
        else {
            counters.droppedUnread &+= 1
            return
        }
    }

    mutating func put(_ bytes: RawSpan, on index: Int, limit: Int) -> Bool {
        guard connections[index].isLive else { return false }
        guard buffers.append(bytes, to: &connections[index].output, limit: limit) else { return false }
        markDirty(index)
        return true
    }

    /// Has a connection written to at the end of the turn, unless the event loop says when.
    mutating func markDirty(_ index: Int) {
        guard !connections[index].isDirty, !connections[index].interest.contains(.output) else { return }
        connections[index].isDirty = true
        dirty.append(Int32(truncatingIfNeeded: index))
    }

    /// Writes what this turn has for clients.
    mutating func flush() {
        tls.handshakesLeft = TLSWork.handshakeBurst
        guard !dirty.isEmpty else { return }
        for number in dirty {
            let index = Int(number)
            guard connections[index].isDirty else { continue }
            connections[index].isDirty = false
            if connections[index].isLive { write(index) }
        }
        dirty.removeAll(keepingCapacity: true)
    }

    /// Writes what waits for a client, and has the event loop say when the rest can be written.
    mutating func write(_ index: Int) {
        if let secure = connections[index].secure { return write(index, secure) }
        switch buffers.write(&connections[index].output, to: connections[index].stream) {
        case .bytes: want(connections[index].reading, index)
        case .blocked: want([connections[index].reading, .output], index)
        case .ended, .failed: close(index, .broken)
        }
    }
}
