// Unsafe: reads the headers that the kernel is about to be handed.

import CLinux
import Glibc

@testable public import PacketEngine

extension DatagramBatch {
    /// How many bytes of control messages each system call for the first socket in the queue would carry.
    public mutating func controlSizes() -> [Int] {
        let count = unsafe buildMessages(of: sendQueue.runs[0])
        return (0..<count).map { message in unsafe Int(sendQueue.headers[message].header.msg_controllen) }
    }
}
