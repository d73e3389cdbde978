// Unsafe: reads the headers that the kernel is about to be handed.

import CLinux
import Glibc

@testable public import PacketEngine

extension DatagramBatch {
    /// How many bytes of control messages each system call for the first socket in the queue would carry.
    public mutating func controlSizes() -> [Int] {
        let messages = unsafe buildMessages(of: sendQueue.runs[0])
        return messages.map { message in unsafe Int(sendQueue.headers[message].header.msg_controllen) }
    }

    /// A batch that calls the system in a given way.
    public static func calling(by mode: Mode, joinsTrains: Bool = true) throws -> DatagramBatch {
        guard mode == .ring else { return DatagramBatch(mode: mode, joinsTrains: joinsTrains) }
        return DatagramBatch(for: try EventLoop(.ioUring), joinsTrains: joinsTrains)
    }
}

extension DatagramBatch.Mode {
    /// The ways that this system knows.
    public static let usable: [Self] = [.vectored, .single] + (EventLoop.refusalOfRing() == nil ? [.ring] : [])
}

extension EventLoop.Backend {
    /// The back ends that this system knows.
    public static let usable: [Self] = [.epoll] + (EventLoop.refusalOfRing() == nil ? [.ioUring] : [])
}
