// Unsafe: strerror_r wants a buffer of C characters.

import Glibc

/// The system's error numbers as text.
public enum SystemError {
    /// The system's own sentence for an error number, such as "Address already in use".
    public static func text(_ code: Int32) -> String {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            guard let base = buffer.baseAddress, unsafe strerror_r(code, base, buffer.count) == 0 else {
                return "error \(code)"
            }
            return unsafe String(cString: base)
        }
    }
}
