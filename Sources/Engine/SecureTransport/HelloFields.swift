/// Where the fields of a ClientHello lie (RFC 8446 section 4.1.2; with a cookie RFC 6347 section 4.2.1).
struct HelloFields {
    /// What TLS calls a vector: its length, then its bytes.
    struct Cursor {
        var offset: Int
        let end: Int

        /// The next `count` bytes.
        mutating func take(_ count: Int) -> Range<Int>? {
            guard count >= 0, count <= end &- offset else { return nil }
            defer { offset &+= count }
            return offset..<(offset &+ count)
        }

        /// The next number of so many bytes.
        mutating func number(_ count: Int, in bytes: RawSpan) -> Int? {
            guard let range = take(count) else { return nil }
            return bytes.number(at: range.lowerBound, bytes: count)
        }

        /// The next vector, whose length has so many bytes.
        mutating func vector(_ size: Int, in bytes: RawSpan) -> Range<Int>? {
            guard let length = number(size, in: bytes) else { return nil }
            return take(length)
        }
    }

    /// Version, random value and session.
    var beginning: Range<Int>
    var random: Range<Int>
    /// DTLS only.
    var cookie: Range<Int>
    /// Ciphers and compression methods.
    var choices: Range<Int>
    /// May be empty: TLS 1.2 knows hellos without any.
    var extensions: Range<Int>

    /// Nil when a length lies.
    init?(_ bytes: RawSpan, body: Range<Int>, hasCookie: Bool) {
        var cursor = Cursor(offset: body.lowerBound, end: min(body.upperBound, bytes.byteCount))
        guard cursor.take(2) != nil, let random = cursor.take(32), let session = cursor.vector(1, in: bytes),
            session.count <= 32
        else { return nil }
        self.random = random
        beginning = body.lowerBound..<cursor.offset
        cookie = cursor.offset..<cursor.offset
        if hasCookie {
            guard let range = cursor.vector(1, in: bytes) else { return nil }
            cookie = range
        }
        let start = cursor.offset
        guard let ciphers = cursor.vector(2, in: bytes), ciphers.count >= 2, ciphers.count % 2 == 0,
            let compression = cursor.vector(1, in: bytes), !compression.isEmpty
        else { return nil }
        choices = start..<cursor.offset
        extensions = cursor.offset..<cursor.offset
        if cursor.offset < cursor.end {
            guard let range = cursor.vector(2, in: bytes), cursor.offset == cursor.end else { return nil }
            extensions = range
        }
    }
}
