import STUNCodec

/// Transaction ids for indications, which must be random in the sense of cryptography (RFC 8489 section 5): the key stream
/// of ChaCha20 (RFC 8439 section 2.3) in pieces of 96 bits.
///
/// The packet path cannot ask the system for each. A block makes five ids, and none of them tells anything of the key.
struct TransactionIDGenerator: Sendable {
    private let key: [8 of UInt32]
    private var counter: UInt64 = 0
    private var block = [16 of UInt32](repeating: 0)
    /// The next word of the block; the 16th is left over.
    private var position = 15

    /// Takes 128 random bits.
    init(_ first: UInt64, _ second: UInt64) {
        var key = [8 of UInt32](repeating: 0)
        for half in 0..<2 {
            key[4 &* half] = UInt32(truncatingIfNeeded: first)
            key[4 &* half &+ 1] = UInt32(truncatingIfNeeded: first >> 32)
            key[4 &* half &+ 2] = UInt32(truncatingIfNeeded: second)
            key[4 &* half &+ 3] = UInt32(truncatingIfNeeded: second >> 32)
        }
        self.key = key
    }

    /// An id that was not given before, with the cookie in front.
    mutating func next() -> TransactionID {
        if position == 15 {
            block = Self.block(
                key,
                [UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32), 0, 0]
            )
            counter &+= 1
            position = 0
        }
        defer { position &+= 3 }
        return TransactionID(
            high: UInt64(magicCookie) << 32 | UInt64(block[position]),
            low: UInt64(block[position &+ 1]) << 32 | UInt64(block[position &+ 2])
        )
    }

    /// One block of the key stream; `input` is the block's number and the nonce.
    static func block(_ key: [8 of UInt32], _ input: [4 of UInt32]) -> [16 of UInt32] {
        var start = [16 of UInt32](repeating: 0)
        // "expand 32-byte k"
        start[0] = 0x6170_7865
        start[1] = 0x3320_646E
        start[2] = 0x7962_2D32
        start[3] = 0x6B20_6574
        for index in 0..<8 { start[4 &+ index] = key[index] }
        for index in 0..<4 { start[12 &+ index] = input[index] }
        var state = start
        for _ in 0..<10 {
            quarterRound(&state, 0, 4, 8, 12)
            quarterRound(&state, 1, 5, 9, 13)
            quarterRound(&state, 2, 6, 10, 14)
            quarterRound(&state, 3, 7, 11, 15)
            quarterRound(&state, 0, 5, 10, 15)
            quarterRound(&state, 1, 6, 11, 12)
            quarterRound(&state, 2, 7, 8, 13)
            quarterRound(&state, 3, 4, 9, 14)
        }
        for index in 0..<16 { state[index] &+= start[index] }
        return state
    }

    private static func quarterRound(_ state: inout [16 of UInt32], _ a: Int, _ b: Int, _ c: Int, _ d: Int) {
        state[a] &+= state[b]
        state[d] = rotate(state[d] ^ state[a], by: 16)
        state[c] &+= state[d]
        state[b] = rotate(state[b] ^ state[c], by: 12)
        state[a] &+= state[b]
        state[d] = rotate(state[d] ^ state[a], by: 8)
        state[c] &+= state[d]
        state[b] = rotate(state[b] ^ state[c], by: 7)
    }

    private static func rotate(_ word: UInt32, by bits: UInt32) -> UInt32 { word << bits | word >> (32 &- bits) }
}
