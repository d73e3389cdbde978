import Glibc
import Synchronization

/// Whether somebody pressed Ctrl-C, or asked the program to end: the load then ends early, releases what it allocated, and
/// tells what it has found so far.
public enum LoadInterruption {
    private static let flag = Atomic<Bool>(false)

    /// Whether the load is to end.
    static var isAskedFor: Bool { flag.load(ordering: .relaxed) }

    /// Listens to SIGINT and SIGTERM; the second one ends the program at once.
    public static func listen() {
        // The atomic is made now, since that is nothing to do in a handler.
        flag.store(false, ordering: .relaxed)
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                LoadInterruption.flag.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
    }
}
