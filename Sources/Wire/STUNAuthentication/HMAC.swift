internal import STUNCodec

/// An HMAC (RFC 2104) with its key already taken in: a value of fixed size, copied for each text.
struct HMAC<Hash: HashFunction>: Sendable {
    private var inner = Hash()
    private var outer = Hash()

    /// Takes in a key; one longer than a block of 64 bytes is hashed first.
    init(key: RawSpan) {
        var block = InlineArray<64, UInt8>(repeating: 0)
        if key.byteCount <= 64 {
            for index in 0..<key.byteCount { block[index] = key.uint8(at: index) }
        } else {
            let digest = Hash.digest(key)
            for index in 0..<Hash.length { block[index] = digest[index] }
        }
        for index in block.indices { block[index] ^= 0x36 }
        inner.update(block.rawBytes)
        for index in block.indices { block[index] ^= 0x36 ^ 0x5C }
        outer.update(block.rawBytes)
    }

    /// Takes in the next piece of the text.
    mutating func update(_ text: RawSpan) { inner.update(text) }

    /// The HMAC of all pieces; the value is used up.
    mutating func finish() -> Digest {
        let digest = inner.finish()
        outer.update(digest.rawBytes.extracting(first: Hash.length))
        return outer.finish()
    }

    /// The HMAC of one text.
    func code(of text: RawSpan) -> Digest {
        var copy = self
        copy.update(text)
        return copy.finish()
    }
}

extension HashFunction {
    /// The digest of one text.
    static func digest(_ text: RawSpan) -> Digest {
        var hash = Self()
        hash.update(text)
        return hash.finish()
    }

    /// Takes in a colon, which parts the fields of a credential (RFC 8489 section 9.2.2).
    mutating func updateWithColon() {
        let colon: [1 of UInt8] = [UInt8(ascii: ":")]
        update(colon.rawBytes)
    }
}
