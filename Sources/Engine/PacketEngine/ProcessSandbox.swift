// Unsafe: paths are handed to C.

import CLinux
import Glibc

/// Why the kernel has not taken something from the process.
public struct SandboxError: Error, CustomStringConvertible {
    /// What the system said.
    let reason: SocketError
    /// Whether some threads are held and others are not, for good.
    public let isHalf: Bool

    /// Whether it may do when it is asked anew: a thread was in the way, or there was no room.
    public var mayPass: Bool { isHalf || [EBUSY, ETIMEDOUT, EAGAIN].contains(reason.code) || reason.isOutOfFiles }
    /// What happened.
    public var description: String { isHalf ? "it holds some threads and not all: \(reason)" : "\(reason)" }

    init(_ reason: SocketError, isHalf: Bool = false) { (self.reason, self.isHalf) = (reason, isHalf) }
}

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
    public static func holdFiles(reading: [String], writing: [String]) throws(SandboxError) {
        let rules = clinux_landlock_begin()
        guard rules >= 0 else { throw SandboxError(SocketError("landlock_create_ruleset", "Landlock", code: errno)) }
        defer { close(rules) }
        for (paths, writes) in [(reading, Int32(0)), (writing, Int32(1))] {
            for path in paths where unsafe clinux_landlock_allow(rules, path, writes) != 0 {
                // A pipe has no place among the files (EBADFD), and none is needed.
                guard [ENOENT, EACCES, ENOTDIR, EBADFD].contains(errno) else {
                    throw SandboxError(SocketError("landlock_add_rule", path, code: errno))
                }
            }
        }
        let result = clinux_landlock_enforce(rules)
        guard result == 0 else {
            throw SandboxError(SocketError("landlock_restrict_self", "Landlock", code: errno), isHalf: result < -1)
        }
    }

    /// Has the kernel refuse dangerous system calls of all threads.
    public static func refuseCalls() throws(SandboxError) {
        guard clinux_seccomp_enforce() == 0 else { throw SandboxError(SocketError("seccomp", "seccomp", code: errno)) }
    }
}
