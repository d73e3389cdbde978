public import Addresses
import Glibc

/// A client of a test that exchanges frames by a stream, with TLS or without.
public protocol TestFrames: AnyObject {
    /// Its own address.
    var local: SocketAddress { get }
    /// Sends all of it.
    func send(_ bytes: [UInt8]) throws
    /// Exactly so many bytes, or fewer when the end comes before.
    func receive(exactly count: Int) throws -> [UInt8]
}

extension TestStream: TestFrames {}

extension TestFrames {
    /// The next STUN message, or ChannelData without its padding, which must be zeros; fails with code 0 at the end.
    public func receiveFrame() throws -> [UInt8] {
        var frame = try all(4)
        let length = Int(frame[2]) << 8 | Int(frame[3])
        if frame[0] & 0xC0 == 0 { return frame + (try all(16 + length)) }
        frame += try all(length)
        guard try all((4 - length % 4) % 4).allSatisfy({ $0 == 0 }) else { throw TestClient.Failure(code: EBADMSG) }
        return frame
    }

    private func all(_ count: Int) throws -> [UInt8] {
        let bytes = try receive(exactly: count)
        guard bytes.count == count else { throw TestClient.Failure(code: 0) }
        return bytes
    }
}

extension TestStream {
    /// Whether the other end closes the connection, by an end or a reset, before it sends anything more.
    public func ends() -> Bool {
        do {
            return try receive(1).isEmpty
        } catch {
            return (error as? TestClient.Failure)?.code == ECONNRESET
        }
    }
}
