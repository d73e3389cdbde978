// Unsafe: looks up a call that Glibc's module does not show.

import CLinux
import Glibc

/// Runs work in a thread that has no descriptor left; the rest of the process keeps its own.
public func withoutDescriptors<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) throws -> Value {
    try Background {
        typealias Unshare = @convention(c) (Int32) -> Int32
        let files: Int32 = 0x400  // CLONE_FILES, <sched.h>
        guard let found = unsafe dlsym(nil, "unshare"), unsafe unsafeBitCast(found, to: Unshare.self)(files) == 0 else {
            throw TestClient.Failure(code: errno)
        }
        while dup(2) >= 0 {}
        return try work()
    }.value()
}
