import CLinux

/// The processors of this machine.
public enum Processors {
    /// How many this process may run on, at least 1: the default number of workers.
    public static var count: Int { Int(clinux_processor_count()) }
}
