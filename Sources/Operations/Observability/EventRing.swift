// Unsafe: a ring of fixed memory that one thread fills and another one empties, without a lock and without allocation.
// The standard library has no such thing. `RingPositions` tells which of the two may touch a slot, and its indices are
// masked; every copy is clamped to the slot.
public import Addresses

/// What one packet worker tells the log: a ring of events with one producer and one consumer.
///
/// `append` and `signal` belong to the worker, `drain` to the thread of the log. The memory is about
/// `slots` x 1,550 bytes, taken once.
@safe public final class EventRing: @unchecked Sendable {
    /// An event as the log reads it.
    public struct Event: Sendable, Hashable {
        /// When it happened, in nanoseconds since 1970.
        public let time: Int64
        /// What happened.
        public let code: MessageCode
        /// How urgent it is.
        public let level: LogLevel
        /// The address it is about.
        public let address: SocketAddress?
        /// The number that the code's table row explains.
        public let detail: UInt32
        /// The first bytes of the message it is about.
        public let pdu: [UInt8]?
        /// How long that message was.
        public let pduLength: Int
    }

    /// The fixed part of a slot.
    private struct Header {
        var time: Int64
        var address: SocketAddress?
        var detail: UInt32
        var pduLength: UInt32
        var code: MessageCode
        var level: LogLevel
        var hasPDU: Bool
    }

    private static let pduSize = LogEntry.longestPDU

    private let positions: RingPositions
    private let headers: UnsafeMutablePointer<Header>
    private let bytes: UnsafeMutableRawPointer
    private let threadSignal: LogThreadSignal?

    /// Takes the memory of `slots` events, rounded up to a power of two (1...65,536); such a ring wakes nobody.
    public convenience init(slots: Int = 256) {
        self.init(slots: slots, threadSignal: nil)
    }

    /// Makes a ring whose `signal` wakes the thread that waits for `threadSignal`.
    init(slots: Int, threadSignal: LogThreadSignal?) {
        positions = RingPositions(slots: slots)
        let rounded = positions.slots
        self.threadSignal = threadSignal
        unsafe headers = .allocate(capacity: rounded)
        // One memory for all messages, zeroed so that its pages are real before the first packet comes.
        unsafe bytes = .allocate(byteCount: rounded * Self.pduSize, alignment: 16)
        unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0, count: rounded * Self.pduSize)
    }

    deinit {
        // Headers are plain values, so there is nothing to deinitialize.
        unsafe headers.deallocate()
        unsafe bytes.deallocate()
    }

    /// The number of slots.
    public var slots: Int { positions.slots }

    /// How many events did not fit since the ring was made.
    public var dropped: UInt64 { positions.dropped }

    /// Puts in an event; false when the ring is full and the event is lost.
    ///
    /// Only for the producer. Of a `pdu` longer than 1,500 bytes the first ones are kept, and its true length. `detail` is the number that the
    /// code's row in the table of messages explains.
    @discardableResult
    public func append(
        code: MessageCode,
        level: LogLevel,
        address: SocketAddress?,
        time: Int64,
        pdu: RawSpan?,
        detail: UInt32 = 0
    ) -> Bool {
        guard let slot = positions.free() else { return false }
        let length = pdu?.byteCount ?? 0
        let header = Header(
            time: time,
            address: address,
            detail: detail,
            pduLength: UInt32(clamping: length),
            code: code,
            level: level,
            hasPDU: pdu != nil
        )
        unsafe (headers + slot).initialize(to: header)
        if let pdu {
            let room = unsafe bytes + slot * Self.pduSize
            unsafe pdu.withUnsafeBytes { source in
                guard let start = source.baseAddress else { return }
                unsafe room.copyMemory(from: start, byteCount: min(length, Self.pduSize))
            }
        }
        positions.fill()
        return true
    }

    /// Wakes the thread of the log when events wait for it.
    ///
    /// Only for the producer, at most once a batch of packets.
    public func signal() {
        if !positions.isEmpty { threadSignal?.signal() }
    }

    /// Takes out the events that are there now, in their order.
    ///
    /// Only for the consumer.
    public func drain(_ body: (Event) -> Void) {
        for position in positions.filled {
            let event = event(in: positions.slot(at: position))
            // The slot is free before the event is looked at: formatting takes longer than anything here.
            positions.release(position)
            body(event)
        }
    }

    private func event(in slot: Int) -> Event {
        let header = unsafe headers[slot]
        let length = Int(header.pduLength)
        let kept = unsafe UnsafeRawBufferPointer(
            start: bytes + slot * Self.pduSize,
            count: min(length, Self.pduSize)
        )
        return Event(
            time: header.time,
            code: header.code,
            level: header.level,
            address: header.address,
            detail: header.detail,
            pdu: header.hasPDU ? unsafe Array(kept) : nil,
            pduLength: length
        )
    }
}
