// Unsafe: getsockopt and setsockopt take pointers.

import CLinux
import Glibc

@testable public import PacketEngine

extension SocketHandle {
    /// An option of a socket whose value is a number.
    public func option(_ level: some BinaryInteger, _ name: Int32) -> Int32 {
        var value: Int32 = -1
        var length = socklen_t(MemoryLayout<Int32>.size)
        unsafe getsockopt(descriptor, Int32(level), name, &value, &length)
        return value
    }

    /// Sets such an option.
    public func setOption(_ level: some BinaryInteger, _ name: Int32, _ value: Int32) {
        var value = value
        unsafe setsockopt(descriptor, Int32(level), name, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}
