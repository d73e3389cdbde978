/// Why bytes are no message of the dialect that they seemed to speak.
public enum MalformedMessage: Error, Equatable, Sendable {
    /// The datagram is shorter than a header.
    case tooShort
    /// The length field disagrees with the datagram, or is no multiple of four where the dialect demands it.
    case wrongLength
    /// An attribute reaches over the end of the message.
    case attributeOverrun
}

/// A STUN message: a borrowed view of its bytes, never a copy (RFC 8489 section 5).
///
/// The initializer checks the header and walks all attributes once, so that reading them later cannot fail on framing;
/// values are decoded only when asked for.
public struct Message: ~Escapable {
    /// The dialect it was read as.
    public let dialect: Dialect
    /// Method and class.
    public let type: MessageType
    /// The message from its first header byte to the last attribute's padding.
    public let bytes: RawSpan
    /// Whether attributes are padded to four bytes (see `init`).
    @usableFromInline
    let isPadded: Bool

    /// Reads a message that fills `bytes` exactly.
    ///
    /// Attributes are padded to four bytes since RFC 5389. Before it lengths had to be multiples of four, except for the
    /// 7-byte addresses of rosenberg-00: there a message length that is no multiple of four tells that nothing is padded.
    @_lifetime(copy bytes)
    @inlinable
    public init(parsing bytes: RawSpan, as dialect: Dialect) throws(MalformedMessage) {
        let header = dialect.headerLength
        guard bytes.byteCount >= header else { throw .tooShort }
        let length = Int(bytes.uint16(at: 2))
        guard header + length == bytes.byteCount, dialect != .cookie || length & 3 == 0 else { throw .wrongLength }
        self.dialect = dialect
        type = MessageType(rawValue: bytes.uint16(at: 0))
        isPadded = length & 3 == 0
        self.bytes = bytes
        var offset = header
        while nextAttribute(&offset) != nil {}
        guard offset == bytes.byteCount else { throw .attributeOverrun }
    }

    /// Reads a classic message whose length field is wrong: as many attributes as are whole (message 1008).
    ///
    /// Never reads past what the length field claims, since what follows may not be attributes at all. The caller has
    /// checked that a header is there (`Demultiplexer.Kind.wrongLength`).
    @_lifetime(copy bytes)
    public init(salvaging bytes: RawSpan) {
        let claimed = Message(classic: bytes.extracting(first: min(bytes.byteCount, 20 + Int(bytes.uint16(at: 2)))))
        var offset = 20
        while claimed.nextAttribute(&offset) != nil {}
        self.init(classic: bytes.extracting(first: offset))
    }

    /// Takes bytes for a classic message as they are.
    @_lifetime(copy bytes)
    private init(classic bytes: RawSpan) {
        dialect = .classic
        type = MessageType(rawValue: bytes.uint16(at: 0))
        isPadded = true
        self.bytes = bytes
    }

    /// The transaction id.
    @inlinable
    public var transactionID: TransactionID {
        switch dialect {
        case .rosenberg: TransactionID(high: UInt64(bytes.uint32(at: 4)), low: 0)
        case .classic, .cookie: TransactionID(high: bytes.uint64(at: 4), low: bytes.uint64(at: 12))
        }
    }

    /// Where one attribute stands.
    public struct Location: Sendable {
        /// Its number.
        public let type: AttributeType
        /// Its value's first byte, counted from the start of the message.
        public let start: Int
        /// Its value's length in bytes, without padding.
        public let count: Int

        @inlinable
        init(type: AttributeType, start: Int, count: Int) {
            self.type = type
            self.start = start
            self.count = count
        }
    }

    /// The attribute at `offset`, which then moves to the next one; nil at the end.
    ///
    /// Start at `dialect.headerLength`.
    @inlinable
    public func nextAttribute(_ offset: inout Int) -> Location? {
        guard offset &+ 4 <= bytes.byteCount else { return nil }
        let count = Int(bytes.uint16(at: offset &+ 2))
        let start = offset &+ 4
        let next = start &+ (isPadded ? (count &+ 3) & ~3 : count)
        guard next <= bytes.byteCount else { return nil }
        let type = AttributeType(rawValue: bytes.uint16(at: offset))
        offset = next
        return Location(type: type, start: start, count: count)
    }

    /// Where the first attribute of this number stands.
    ///
    /// Later ones of the same number do not count (RFC 8489 section 14).
    @inlinable
    public func first(_ type: AttributeType) -> Location? {
        var offset = dialect.headerLength
        while let location = nextAttribute(&offset) {
            if location.type == type { return location }
        }
        return nil
    }

    /// The bytes of an attribute's value.
    @inlinable
    @_lifetime(copy self)
    public func value(_ location: Location) -> RawSpan {
        bytes.extracting(location.start..<(location.start &+ location.count))
    }

    /// The first attribute of a kind, decoded; nil when there is none or its value is malformed.
    @inlinable
    public subscript<A: Attribute>(_: A.Type) -> A? {
        guard let location = first(A.type) else { return nil }
        return A(value: value(location), in: context)
    }

    /// What decoding an attribute's value may depend on.
    @inlinable
    public var context: AttributeContext {
        let layout: AddressLayout = dialect == .rosenberg ? (isPadded ? .draft01 : .draft00) : .standard
        return AttributeContext(transactionID: transactionID, addressLayout: layout)
    }
}
