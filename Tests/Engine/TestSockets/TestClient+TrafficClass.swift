// Unsafe: plain system calls with control messages, independent of the code under test.

import Addresses
import CLinux
import Glibc

extension TestClient {
    private var isV4: Bool { local.address.family == .v4 }
    private var level: Int32 { Int32(isV4 ? IPPROTO_IP : IPPROTO_IPV6) }

    /// Sets the TOS byte or traffic class of what is sent from now on.
    public func setTrafficClass(_ byte: UInt8) throws { try set(isV4 ? IP_TOS : IPV6_TCLASS, Int32(byte)) }

    private func set(_ option: Int32, _ value: Int32) throws {
        var value = value
        let result = unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        guard result == 0 else { throw Failure(code: errno) }
    }

    /// The next datagram, or train of them, and the TOS byte or traffic class that it came with.
    public func receiveWithTrafficClass() throws -> (bytes: [UInt8], trafficClass: UInt8) {
        // The byte is taken from the header of what waits already, so it is early enough to ask for it now.
        try set(isV4 ? IP_RECVTOS : IPV6_RECVTCLASS, 1)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var control = [UInt64](repeating: 0, count: 32)
        let (count, length) = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe control.withUnsafeMutableBytes { messages in
                var vector = unsafe iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                return unsafe withUnsafeMutablePointer(to: &vector) { vector in
                    var header = unsafe msghdr()
                    unsafe header.msg_iov = vector
                    unsafe header.msg_iovlen = 1
                    unsafe header.msg_control = messages.baseAddress
                    unsafe header.msg_controllen = messages.count
                    let count = unsafe recvmsg(descriptor, &header, 0)
                    return (count, unsafe Int(header.msg_controllen))
                }
            }
        }
        guard count >= 0 else { throw Failure(code: errno) }
        // Each is a length of 8 bytes with its own, a level and a type of 4 bytes each, and the value, padded to 8 bytes.
        var word = 0
        while word + 2 < length / 8 + 1, control[word] > 16 {
            let wanted = UInt64(UInt32(level)) | UInt64(UInt32(isV4 ? IP_TOS : IPV6_TCLASS)) << 32
            if control[word + 1] == wanted {
                return (Array(buffer.prefix(count)), UInt8(truncatingIfNeeded: control[word + 2]))
            }
            word += (Int(control[word]) + 7) / 8
        }
        throw Failure(code: ENOMSG)
    }
}
