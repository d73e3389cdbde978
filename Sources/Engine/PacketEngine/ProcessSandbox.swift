// Unsafe: paths are handed to C.

import CLinux
import Glibc

/// What the kernel can take from a process for good: the files that it need not open, and the system calls that it need not make.
public enum ProcessSandbox {
    /// The version of Landlock that this kernel has; nil when it has none, or keeps it switched off.
    public static var landlockVersion: Int? {
        let version = clinux_landlock_version()
        return version > 0 ? Int(version) : nil
    }

    /// Whether this kernel can refuse system calls by seccomp.
    public static var hasSeccomp: Bool { clinux_seccomp_is_known() != 0 }

    /// Holds all threads to files in these folders, which may be files too; what is not there is left out.
    public static func holdFiles(reading: [String], writing: [String]) throws(SocketError) {
        let rules = clinux_landlock_begin()
        guard rules >= 0 else { throw SocketError("landlock_create_ruleset", "Landlock", code: errno) }
        defer { close(rules) }
        for (paths, writes) in [(reading, Int32(0)), (writing, Int32(1))] {
            for path in paths where unsafe clinux_landlock_allow(rules, path, writes) != 0 {
                // A pipe has no place among the files (EBADFD), and none is needed.
                guard [ENOENT, EACCES, ENOTDIR, EBADFD].contains(errno) else {
                    throw SocketError("landlock_add_rule", path, code: errno)
                }
            }
        }
        guard clinux_landlock_enforce(rules) == 0 else {
            throw SocketError("landlock_restrict_self", "Landlock", code: errno)
        }
    }

    /// Has the kernel refuse dangerous system calls of all threads.
    public static func refuseCalls() throws(SocketError) {
        guard clinux_seccomp_enforce() == 0 else { throw SocketError("seccomp", "seccomp", code: errno) }
    }
}
