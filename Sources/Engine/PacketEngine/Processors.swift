import CLinux

/// The processors of this machine.
public enum Processors {
    /// How many this process may run on, at least 1: the default number of workers.
    public static var count: Int { Int(clinux_processor_count()) }

    /// Keeps the calling thread on one of these processors, with others after it on the next ones; returns its number.
    ///
    /// - `index`: which one, from 0 on; beyond their number it begins anew.
    public static func pin(_ index: Int) throws(SocketError) -> Int {
        let processor = clinux_pin_thread(Int32(truncatingIfNeeded: max(0, index)))
        guard processor >= 0 else { throw SocketError("sched_setaffinity", "thread \(index)", code: -processor) }
        return Int(processor)
    }
}
