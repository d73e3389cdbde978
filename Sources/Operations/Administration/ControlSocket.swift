import Dispatch
import Foundation
import Glibc
import Synchronization

/// The unix socket on which a running server is asked for its state: one line of JSON in, one out, then it closes.
///
/// Clients are served by threads of their own, few at a time and each within time limits, so neither a slow client nor
/// a wrong one can disturb the server. Only root and the server's own user are answered.
public final class ControlSocket: Sendable {
    /// Whom the log names who asked here.
    private static let person = "`stund drain`"

    /// How much a client may use of the server.
    struct Limits: Sendable {
        /// Clients served at once; others wait in the kernel's queue.
        var clients = 16
        /// For the whole request to arrive.
        var read = Duration.seconds(5)
        /// For the server to answer.
        var handling = Duration.seconds(10)
        /// For the client to take the whole answer.
        var write = Duration.seconds(10)
    }

    /// The path of the socket.
    public let path: String
    private let server: any RunningServer
    private let limits: Limits
    private let isPermitted: @Sendable (UnixSocket.Peer) -> Bool
    private let listener: Descriptor
    private let file: SocketFile
    /// Readable once `stop` was called: the accept thread polls it beside the listener.
    private let stopSignal: StopSignal
    private let freePlaces: DispatchSemaphore

    /// Listens at `path` and answers for `server`, until `stop` is called.
    ///
    /// Makes the folder with mode 0700 when it isn't there. The file of a server that is gone is replaced.
    public static func open(
        at path: String,
        for server: any RunningServer
    ) throws(ControlSocketError) -> ControlSocket {
        try ControlSocket(
            path: path,
            server: server,
            limits: Limits(),
            isPermitted: { $0.user == 0 || $0.user == geteuid() }
        )
    }

    init(
        path: String,
        server: any RunningServer,
        limits: Limits,
        isPermitted: @escaping @Sendable (UnixSocket.Peer) -> Bool
    ) throws(ControlSocketError) {
        guard path.utf8.count <= UnixSocket.longestPath else { throw .pathTooLong(path) }
        try SocketFile.prepareFolder(of: path)
        try SocketFile.removeStale(path)
        do {
            listener = try UnixSocket.listening(at: path)
            file = try SocketFile(at: path)
            stopSignal = try StopSignal()
        } catch {
            throw .system(path: path, reason: error.description)
        }
        self.path = path
        self.server = server
        self.limits = limits
        self.isPermitted = isPermitted
        freePlaces = DispatchSemaphore(value: limits.clients)
        // Strong on purpose: an open socket serves until it is stopped.
        Thread { self.acceptClients() }.start()
    }

    /// Stops listening and removes the socket's file; clients that are being served still get their answer.
    public func stop() {
        file.remove()
        stopSignal.send()
    }

    private func acceptClients() {
        while true {
            let isReadable = UnixSocket.waitToRead([stopSignal.readEnd, listener])
            if isReadable[0] { return }
            guard isReadable[1] else { continue }
            freePlaces.wait()
            do {
                let client = try UnixSocket.accepted(from: listener)
                Thread {
                    self.serve(client)
                    self.freePlaces.signal()
                }.start()
            } catch {
                freePlaces.signal()
                // Out of descriptors, most likely: the client stays in the queue, so wait a little.
                _ = UnixSocket.waitToRead([stopSignal.readEnd], milliseconds: 100)
            }
        }
    }

    private func serve(_ client: Descriptor) {
        guard let answer = answer(to: client) else { return }
        let bytes: [UInt8]
        do {
            bytes = try ControlProtocol.encode(answer)
        } catch {
            return
        }
        // A client that doesn't take its answer has only itself to tell.
        try? UnixSocket.write(bytes, to: client, until: .now + limits.write)
    }

    /// The answer; nil when the client is gone.
    private func answer(to client: Descriptor) -> ControlAnswer? {
        guard let peer = try? UnixSocket.peer(of: client) else { return nil }
        guard isPermitted(peer) else {
            return .refused("user \(peer.user) may not control this server: only root and user \(geteuid()) may")
        }
        let line: [UInt8]
        do {
            line = try UnixSocket.readLine(
                from: client,
                atMost: ControlProtocol.longestRequest,
                until: .now + limits.read
            )
        } catch .timedOut {
            return .refused("no whole request line arrived within \(limits.read)")
        } catch .tooLong {
            return .refused("the request line is longer than \(ControlProtocol.longestRequest) bytes")
        } catch {
            return nil
        }
        guard let request = try? ControlProtocol.decode(ControlRequest.self, from: line) else {
            return .refused(
                """
                the request is not one this server knows: send one line of JSON such as {"request":"status"}; there are \
                status, overview, readiness, metrics, fleet, log, statistics, clear-log, clear-statistics, reload, sessions, \
                drain, undrain, and with a "subject" disconnect and explain
                """
            )
        }
        return answer(to: request)
    }

    /// Waits, on the client's own thread, for the server to answer.
    private func answer(to request: ControlRequest) -> ControlAnswer {
        let result = AnswerBox()
        let isAnswered = DispatchSemaphore(value: 0)
        let task = Task {
            result.answer = await self.server.answer(to: request, for: Self.person)
            isAnswered.signal()
        }
        let milliseconds = Int(limits.handling / .milliseconds(1))
        guard isAnswered.wait(timeout: .now() + .milliseconds(milliseconds)) == .success, let answer = result.answer
        else {
            task.cancel()
            return .refused("the server is busy: it didn't answer within \(limits.handling)")
        }
        return answer
    }
}

/// Why the control socket can't be opened.
public enum ControlSocketError: Error, Hashable {
    /// The path doesn't fit into a socket address.
    case pathTooLong(String)
    /// Everybody may write to the folder, so anybody could put a socket of their own there.
    case openFolder(String)
    /// A server answers there already.
    case inUse(path: String, pid: Int32?)
    /// Something that is no socket has the name.
    case notASocket(String)
    /// The system refused, with the reason.
    case system(path: String, reason: String)
}

extension ControlSocketError: CustomStringConvertible {
    /// The sentence for a person.
    public var description: String {
        switch self {
        case .pathTooLong(let path):
            """
            the path of the control socket has \(path.utf8.count) bytes, the system allows \(UnixSocket.longestPath): \
            put the settings file into a folder with a shorter path (\(path))
            """
        case .openFolder(let folder):
            "everybody may write to \(folder), so the control socket wouldn't be safe there: run chmod o-w \(folder)"
        case .inUse(let path, let pid):
            """
            another server answers at \(path) already\(pid.map { " (process \($0))" } ?? ""): stop it, or give this one \
            another settings file with --config
            """
        case .notASocket(let path):
            "\(path) is not a socket: move it away, the server needs this name for its control socket"
        case .system(let path, let reason):
            "the control socket \(path) can't be opened: \(reason)"
        }
    }
}

/// Carries the answer from the task to the thread that waits for it.
final class AnswerBox: Sendable {
    private let content = Mutex<ControlAnswer?>(nil)

    var answer: ControlAnswer? {
        get { content.withLock { $0 } }
        set { content.withLock { $0 = newValue } }
    }
}
