import Addresses
import PacketEngine
import STUNCodec
import ServerCore
import Synchronization

/// A client's connection on its way to the worker that has the connection with a peer which its ConnectionBind request names:
/// the system gives new connections to any worker.
///
/// Who takes nothing out closes it: no message that is lost with a worker that ends loses a connection.
final class HandedStream: Sendable {
    /// The connection with what was read of it: the request, and what came behind.
    struct Content: Sendable {
        let stream: StreamHandle
        let bytes: [UInt8]
        /// Its TLS session.
        let secure: SecureStream?
        /// The client's address, which a proxy may have told.
        let client: SocketAddress
        /// As whose it is counted.
        let counted: IPAddress?
        /// How often it was handed over before.
        let handOvers: UInt8
    }

    private let content: Mutex<Content?>
    private let limits: ConnectionLimits

    /// - `limits`: where the connection is counted.
    init(_ content: Content, countedBy limits: ConnectionLimits) {
        self.content = Mutex(content)
        self.limits = limits
    }

    deinit {
        guard let content = content.withLock({ $0 }) else { return }
        StreamSocket.close(content.stream)
        if let counted = content.counted { limits.leave(counted) }
    }

    /// Takes it, once.
    func take() -> Content? {
        content.withLock { content in
            defer { content = nil }
            return content
        }
    }
}

extension Streams {
    /// How often a connection goes to another worker: each time all that was read of it goes along.
    private static let mostHandOvers: UInt8 = 4

    /// Gives a connection away whose next frame begins at the rest of the input.
    mutating func handOver(_ index: Int) -> HandedStream {
        let stream = connections[index].stream
        let content = HandedStream.Content(
            stream: stream,
            bytes: Self.copy(input.rest()),
            secure: connections[index].secure,
            client: connections[index].flow.source,
            counted: connections[index].counted,
            handOvers: connections[index].handOvers
        )
        if content.secure != nil { tls.count -= 1 }
        watcher.unwatch(stream)
        forget(index, .handedOver, isKept: true)
        return HandedStream(content, countedBy: shared.limits)
    }

    /// The connection with a peer that the next frame of what was read asks for; nil for all other frames.
    mutating func nextBind(_ index: Int) -> ConnectionID? {
        guard connections[index].isLive, connections[index].handOvers < Self.mostHandOvers else { return nil }
        let rest = input.rest()
        // Asked for each frame, and nearly always no.
        guard rest.byteCount >= 2, rest.uint16(at: 0) == MessageType(.connectionBind, .request).rawValue,
            case .whole(let count, _) = StreamFramer.first(in: rest)
        else { return nil }
        return ConnectionID(ofBindRequest: rest.extracting(first: count))
    }

    private static func copy(_ bytes: RawSpan) -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(bytes.byteCount)
        for offset in 0..<bytes.byteCount { copy.append(bytes.uint8(at: offset)) }
        return copy
    }

    /// Takes over a connection that another worker has given away, what it has read in the input; nil when that is not possible.
    mutating func adopt(_ content: HandedStream.Content, now: UInt64) -> Int? {
        let index = add(content.stream, countedAs: content.counted, now: now)
        guard connections[index].isLive else { return nil }
        connections[index].handOvers = content.handOvers &+ 1
        connections[index].stage = .open
        connections[index].identify(source: content.client)
        if let secure = content.secure { adopt(secure, index) }
        input.removeAll()
        guard buffers.append(content.bytes, to: &connections[index].input, limit: input.capacity) else {
            close(index, .noMemory)
            return nil
        }
        input.take(&connections[index].input, from: &buffers)
        return index
    }
}

extension Worker {
    /// The worker that the next frame of a connection is for; nil for this one.
    ///
    /// A connection with an allocation stays with it: the core refuses its request. So does one whose answers are not taken.
    mutating func otherWorker(for index: Int) -> Int? {
        guard let id = streams.nextBind(index), server.policy.turn?.relaysTCP == true, Int(id.worker) != number,
            Int(id.worker) < mailboxes.count,
            !server.hasAllocation(streams.connections[index].flow)
        else { return nil }
        streams.write(index)
        guard streams.connections[index].isLive, streams.isDelivered(index) else { return nil }
        return Int(id.worker)
    }

    /// Serves a connection that another worker has handed over.
    mutating func take(_ handed: HandedStream) {
        guard let content = handed.take() else { return }
        if let index = streams.adopt(content, now: now.nanoseconds) { serveFrames(index) }
        endStreams()
        if nextSweep == .max { nextSweep = now.nanoseconds + Self.sweepPause }
    }
}
