import Addresses

/// How large an answer to an unauthenticated datagram may be: a source address can be forged, so every answer may hit a
/// stranger, and must not hit harder than the request that caused it was to send (attacks row 27).
enum AmplificationLimit {
    /// The largest answer in bytes to a request of `count` bytes.
    ///
    /// 1.6 times for IPv4 and 2.2 for IPv6 is the bare answer of RFC 8489 (20 bytes in, 32 or 44 out). With a second
    /// address, RFC 5780 section 6.1 demands four addresses: 3.4 and 5.8 times (68 and 116 bytes).
    static func bytes(forRequestOf count: Int, family: IPAddress.Family, hasAlternate: Bool) -> Int {
        switch (family, hasAlternate) {
        case (.v4, false): count &* 16 / 10
        case (.v6, false): count &* 22 / 10
        case (.v4, true): count &* 34 / 10
        case (.v6, true): count &* 58 / 10
        }
    }
}
