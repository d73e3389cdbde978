// Unsafe: getrlimit and setrlimit take a pointer.

import Glibc

/// How many files, sockets among them, this process may have open: an allocation takes one.
public enum FileLimit {
    /// Raises the limit as far as the system lets this process, and returns it.
    ///
    /// Programs start with the low limit that `select` needs; whoever uses epoll may take all (systemd's own advice).
    @discardableResult
    public static func raise() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        let granted = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        let isRaised = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        return Int(clamping: isRaised ? limit.rlim_cur : granted)
    }

    /// The limit as it is now; 0 when the system does not tell.
    public static var current: Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return Int(clamping: limit.rlim_cur)
    }
}
