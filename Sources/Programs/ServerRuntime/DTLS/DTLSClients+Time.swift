import PacketEngine
import SecureTransport
import ServerCore

extension DTLSClients {
    /// Whether `tick` is due.
    func isTickDue(_ now: UInt64) -> Bool { now >= nextTick }

    /// How many handshakes are not over: `tick` is called for each, from the last to the first, and then `endTicks`.
    var handshakeCount: Int { handshaking.count }

    /// Does what time demands of a handshake: repeats what was not answered, and gives up what takes too long.
    mutating func tick(_ place: Int, now: UInt64) {
        guard place < handshaking.count else { return }
        let row = Int(handshaking[place])
        guard now >= clients[row].deadline, let box = clients[row].box else { return }
        if now &- clients[row].began >= Self.handshakeLimit { return end(row, .tooSlow) }
        var room = output.room()
        let cuts = box.session.tick(now: now, sending: &room)
        send(cuts, of: row)
        settle(row, box, now)
    }

    /// Says when the next ones are due.
    mutating func endTicks(now: UInt64) {
        nextTick = .max
        for row in handshaking { nextTick = min(nextTick, clients[Int(row)].deadline) }
        if nextTick != .max { nextTick = max(nextTick, now &+ Self.tickPause) }
    }

    /// Whether `sweep` is due.
    func isSweepDue(_ now: UInt64) -> Bool { now >= nextSweep }

    /// Ends the sessions of clients that have said nothing for long and that `isNeeded` does not name.
    mutating func sweep(now: UInt64, isNeeded: (ClientFlow) -> Bool) {
        for row in clients.indices where clients[row].box != nil && !clients[row].isHandshaking {
            if now &- clients[row].lastHeard >= Self.idleLimit, !isNeeded(clients[row].flow) { end(row, .idle) }
        }
        nextSweep = count > 0 ? now &+ Self.sweepPause : .max
    }
}
