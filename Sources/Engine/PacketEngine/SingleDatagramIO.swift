// Unsafe: system calls on the batch's headers.

import CLinux
import Glibc

/// One system call a datagram: what the calls for many do, in the plainest words.
extension DatagramBatch {
    /// Receives datagrams one by one until none waits or the batch is full; -1 with errno when the first call fails.
    func receiveSingly(_ descriptor: Int32) -> Int {
        for slot in 0..<Self.capacity {
            let length = unsafe recvmsg(descriptor, &received[slot].header, Int32(MSG_DONTWAIT))
            // An error is told only when nothing came; else it shows again at the next call.
            guard length >= 0 else { return slot == 0 ? -1 : slot }
            unsafe received[slot].length = UInt32(truncatingIfNeeded: length)
        }
        return Self.capacity
    }

    /// Sends one datagram; 1, or -1 with errno.
    func sendSingly(_ descriptor: Int32, _ index: Int) -> Int {
        unsafe sendmsg(descriptor, &sending[index].header, Int32(MSG_DONTWAIT)) >= 0 ? 1 : -1
    }
}
