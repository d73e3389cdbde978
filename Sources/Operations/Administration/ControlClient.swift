import Glibc

/// Asks a running server on its control socket.
public enum ControlClient {
    /// Sends a request to the server that listens at `path` and gives its answer, which is never `.refused`.
    public static func send(
        _ request: ControlRequest,
        to path: String
    ) throws(ControlClientError) -> ControlAnswer {
        try send(request, to: path, waitsAtMost: .seconds(30))
    }

    static func send(
        _ request: ControlRequest,
        to path: String,
        waitsAtMost limit: Duration
    ) throws(ControlClientError) -> ControlAnswer {
        let deadline = ContinuousClock.now + limit
        let socket = try connect(to: path)
        let bytes: [UInt8]
        do throws(TransferError) {
            let request = (try? ControlProtocol.encode(request)) ?? []
            do throws(TransferError) {
                try UnixSocket.write(request, to: socket, until: deadline)
            } catch .closed {
                // A server that refuses this user doesn't wait for the request: its answer is there to read.
            }
            bytes = try UnixSocket.readLine(from: socket, atMost: ControlProtocol.longestAnswer, until: deadline)
        } catch {
            throw ControlClientError(error, path: path)
        }
        guard let answer = try? ControlProtocol.decode(ControlAnswer.self, from: bytes) else {
            throw .unreadableAnswer(path)
        }
        if case .refused(let reason) = answer { throw .refused(reason) }
        return answer
    }

    private static func connect(to path: String) throws(ControlClientError) -> Descriptor {
        do throws(SystemError) {
            return try UnixSocket.connected(to: path, waitsAtMost: 5)
        } catch {
            throw ControlClientError(error, path: path)
        }
    }
}

/// Why a running server couldn't be asked.
public enum ControlClientError: Error, Hashable {
    /// No server listens there.
    case notRunning(String)
    /// The user may not talk to this server.
    case notPermitted(String)
    /// The server didn't answer in time.
    case timedOut(String)
    /// The connection ended before the answer did.
    case closed(String)
    /// The answer is longer than this program takes.
    case tooLong(String)
    /// The answer isn't one that this version understands.
    case unreadableAnswer(String)
    /// The server refused, with its reason.
    case refused(String)
    /// The system refused, with the reason.
    case system(path: String, reason: String)

    init(_ error: SystemError, path: String) {
        switch error.code {
        case ENOENT, ENOTDIR, ECONNREFUSED: self = .notRunning(path)
        case EPERM, EACCES: self = .notPermitted(path)
        case EAGAIN: self = .timedOut(path)
        default: self = .system(path: path, reason: error.description)
        }
    }

    init(_ error: TransferError, path: String) {
        switch error {
        case .timedOut: self = .timedOut(path)
        case .tooLong: self = .tooLong(path)
        case .closed: self = .closed(path)
        case .system(let error): self.init(error, path: path)
        }
    }
}

extension ControlClientError: CustomStringConvertible {
    /// The sentence for a person.
    public var description: String {
        switch self {
        case .notRunning(let path):
            """
            no server answers at \(path): start one with `stund --no-daemon`, or name the settings file of the one that \
            runs with --config
            """
        case .notPermitted(let path):
            "you may not use \(path): ask as root or as the user that the server runs as"
        case .timedOut(let path): "the server at \(path) didn't answer in time"
        case .closed(let path): "the server at \(path) closed the connection without an answer"
        case .tooLong(let path): "the answer of the server at \(path) is longer than 64 MiB: ask for less with --limit"
        case .unreadableAnswer(let path):
            "the answer of the server at \(path) can't be understood: is it of another version?"
        case .refused(let reason): reason
        case .system(let path, let reason): "the server at \(path) can't be reached: \(reason)"
        }
    }
}
