/// Looks along while a server reads hellos: OpenSSL reserves at once what a ClientHello claims to be long, up to 131 kB, for nine
/// bytes that a stranger has sent.
///
/// Every other message has a small limit of its own there. A second hello follows where the server has asked for
/// another key (RFC 8446 section 4.1.4), which only TLS 1.3 does; so it looks until something encrypted comes.
struct HelloGuard {
    private var recordHead = 0
    private var isHandshake = false
    private var recordLength = 0
    private var recordLeft = 0
    private var messageHead = 0
    private var messageLength = 0
    private var messageLeft = 0
    /// How many messages have begun.
    private(set) var messages = 0
    /// Whether there is nothing more to look at.
    private(set) var isDone = false

    /// Whether OpenSSL may be given these bytes, which follow those before.
    mutating func admits(_ bytes: RawSpan) -> Bool {
        var offset = 0
        while offset < bytes.byteCount, !isDone {
            if recordHead < 5 {
                guard let byte = bytes.byte(at: offset) else { return true }
                takeHead(byte)
                offset &+= 1
            } else if isHandshake, messageLeft == 0 {
                guard let byte = bytes.byte(at: offset) else { return true }
                guard takeMessageHead(byte) else { return false }
                offset &+= 1
                pass(1)
            } else {
                var count = min(recordLeft, bytes.byteCount &- offset)
                if isHandshake {
                    count = min(count, messageLeft)
                    messageLeft &-= count
                }
                offset &+= count
                pass(count)
            }
        }
        return true
    }

    private mutating func takeHead(_ byte: UInt8) {
        switch recordHead {
        case 0:
            isHandshake = byte == 22
            isDone = byte == 23
        case 3: recordLength = Int(byte) << 8
        case 4:
            recordLength |= Int(byte)
            recordLeft = recordLength
        default: break
        }
        recordHead &+= 1
        if recordHead == 5, recordLeft == 0 { recordHead = 0 }
    }

    /// False when a hello claims too much.
    private mutating func takeMessageHead(_ byte: UInt8) -> Bool {
        if messageHead == 0 {
            messages &+= 1
            messageLength = 0
        } else {
            messageLength = messageLength << 8 | Int(byte)
        }
        messageHead &+= 1
        guard messageHead == 4 else { return true }
        messageHead = 0
        messageLeft = messageLength
        return messageLength <= ClientHello.longest
    }

    private mutating func pass(_ count: Int) {
        recordLeft &-= count
        if recordLeft == 0 { recordHead = 0 }
    }
}
