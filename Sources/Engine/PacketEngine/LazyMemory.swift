// Unsafe: maps memory from the system.

import Glibc

/// Memory that takes none of the host's until it is touched: room for the longest datagrams, which hardly ever come.
enum LazyMemory {
    /// What nearly all datagrams are shorter than, with what stands before them; less than a page.
    private static let usual = 2048

    /// Maps zeros, beginning with a page.
    static func map(_ count: Int) -> UnsafeMutableRawPointer {
        let memory = unsafe mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            preconditionFailure("there is no memory for \(count) bytes of packet buffers")
        }
        // A huge page would take all the room around the first byte that is touched.
        _ = unsafe madvise(memory, count, MADV_NOHUGEPAGE)
        return unsafe memory
    }

    /// Maps room for so many values, each of which is written before it is read.
    static func map<T>(_ count: Int, of type: T.Type) -> UnsafeMutablePointer<T> {
        unsafe map(count * MemoryLayout<T>.stride).bindMemory(to: type, capacity: count)
    }

    /// Takes at once what ordinary datagrams will use of `count` pieces, so that a server does not grow while it serves them.
    static func touch(_ memory: UnsafeMutableRawPointer, _ count: Int, every stride: Int) {
        for piece in 0..<count {
            unsafe memory.storeBytes(of: 0, toByteOffset: piece * stride, as: UInt8.self)
            unsafe memory.storeBytes(of: 0, toByteOffset: piece * stride + usual, as: UInt8.self)
        }
    }

    /// Gives it back.
    static func unmap(_ memory: UnsafeMutableRawPointer, _ count: Int) { _ = unsafe munmap(memory, count) }

    /// Gives it back.
    static func unmap<T>(_ memory: UnsafeMutablePointer<T>, _ count: Int) {
        unsafe unmap(UnsafeMutableRawPointer(memory), count * MemoryLayout<T>.stride)
    }
}
