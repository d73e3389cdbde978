// Unsafe: termios, winsize and read take C pointers; no library here reads a line without echo.
import Glibc

/// The standard input and output: a terminal or not.
struct Terminal: PasswordSource {
    /// The longest line that is taken as a password, in bytes.
    static let longestLine = 1024

    private let input: Int32

    init(input: Int32 = STDIN_FILENO) {
        self.input = input
    }

    var isInteractive: Bool { isatty(input) == 1 }

    /// How many columns the terminal has that the standard output goes to; nil when that is none.
    static var outputColumns: Int? {
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Reads a line while the terminal shows nothing; Ctrl-C ends the program with the terminal as it was.
    func askSecretly(_ prompt: String) throws(Failure) -> String? {
        var old = termios()
        guard unsafe tcgetattr(input, &old) == 0 else { throw Failure(.osError, "the terminal can't be read") }
        var silent = old
        // Without ISIG, Ctrl-C is a character; as VEOL it ends the line. So no signal can leave the terminal silent.
        silent.c_lflag &= ~tcflag_t(ECHO | ISIG)
        let interrupt = unsafe withUnsafeMutableBytes(of: &silent.c_cc) { characters in
            unsafe characters[Int(VEOL)] = characters[Int(VINTR)]
            return unsafe characters[Int(VINTR)]
        }
        StandardError.write(prompt)
        unsafe tcsetattr(input, TCSAFLUSH, &silent)
        defer {
            unsafe tcsetattr(input, TCSAFLUSH, &old)
            StandardError.write("\n")
        }
        guard let line = try line(endsAlsoWith: interrupt) else { return nil }
        return line
    }

    func readLine() throws(Failure) -> String? { try line(endsAlsoWith: nil) }

    private func line(endsAlsoWith interrupt: UInt8?) throws(Failure) -> String? {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            let count = unsafe read(input, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(.osError, "the standard input can't be read") }
            if count == 0, bytes.isEmpty { return nil }
            if count == 0 || byte == UInt8(ascii: "\n") { break }
            if byte == interrupt { throw Failure(.dataError, "interrupted: nothing is changed") }
            guard bytes.count < Self.longestLine else {
                throw Failure(.dataError, "the password is longer than \(Self.longestLine) bytes")
            }
            bytes.append(byte)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.dataError, "the password is not written in UTF-8")
        }
        return text
    }
}
