public import Administration
import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import Observability
import ServerSettings
import ServiceLifecycle
import Synchronization

/// The web console of a running server: opens its ports, follows the settings, and answers until it is stopped.
///
/// It never keeps the server from starting: without a port it says so in the log (message 1027).
public final class ConsoleServer: Sendable {
    private struct State {
        var address: ConsoleAddress?
        var listeners: [ConsoleListener] = []
        var url: String?
        /// User and hash that people log in with.
        var login: [String] = []
        var follower: Task<Void, Never>?
    }

    private let administrator: Administrator
    private let gatekeeper: Gatekeeper
    private let responder: RouterResponder<ConsoleContext>
    private let hub: LiveHub
    private let executor: ConsoleExecutor
    private let urlFile: String
    private let urlChanged: @Sendable (String?) -> Void
    private let passed: @Sendable (_ host: String, _ port: UInt16) -> [Int32]
    private let leaving: @Sendable () -> Void
    /// One thread for all connections: the packet workers need the others.
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    /// One thread that makes what follows the server.
    private let liveGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let state = Mutex(State())

    /// Prepares the console.
    ///
    /// - `urlFile`: where the address to enter in a browser is kept while the console is open.
    /// - `passed`: gives the sockets that are open already for an address, which the console closes; for `::` those of all
    ///   addresses.
    /// - `leaving`: is told before the console asks for them anew, at none of which it is then.
    /// - `urlChanged`: is told that address whenever it changes; nil when the console has no port.
    public init(
        _ administrator: Administrator,
        version: String,
        urlFile: String,
        passed: @escaping @Sendable (_ host: String, _ port: UInt16) -> [Int32] = { _, _ in [] },
        leaving: @escaping @Sendable () -> Void = {},
        urlChanged: @escaping @Sendable (String?) -> Void
    ) throws {
        self.administrator = administrator
        self.urlFile = urlFile
        (self.passed, self.leaving) = (passed, leaving)
        self.urlChanged = urlChanged
        executor = ConsoleExecutor(group.next(), .pages)
        hub = LiveHub(on: ConsoleExecutor(liveGroup.next(), .live))
        gatekeeper = Gatekeeper(administrator)
        let renderer = try PageRenderer(version: version)
        responder = Self.router(administrator, gatekeeper, renderer, hub, version: version).buildResponder()
    }

    /// Opens the ports and follows the settings from now on.
    public func start() async {
        let settings = administrator.server.settings.settings
        state.withLock { $0.login = [settings.httpUser, settings.httpPasswordHash ?? ""] }
        await open(ConsoleAddress(settings))
        let changes = administrator.server.settingsChanges()
        let follower = Task(executorPreference: executor) { [weak self] in
            for await loaded in changes { await self?.follow(loaded.settings) }
        }
        state.withLock { $0.follower = follower }
    }

    /// Closes everything.
    public func stop() async {
        let follower = state.withLock { $0.follower }
        follower?.cancel()
        // It may be moving the console just now: what it opens is closed below.
        await follower?.value
        let listeners = state.withLock { state in
            defer { state = State() }
            return state.listeners
        }
        await hub.endAll()
        administrator.server.consoleDoor.open(at: nil)
        for listener in listeners { await listener.stop() }
        try? FileManager.default.removeItem(atPath: urlFile)
        try? await group.shutdownGracefully()
        try? await liveGroup.shutdownGracefully()
    }

    /// The address to enter in a browser; nil when no port could be opened.
    public var url: String? { state.withLock { $0.url } }

    /// Moves when the settings name another place; whoever watches logs in again when they must.
    private func follow(_ settings: Settings) async {
        let address = ConsoleAddress(settings)
        let login = [settings.httpUser, settings.httpPasswordHash ?? ""]
        let (hasMoved, isOtherLogin) = state.withLock { state in
            defer { state.login = login }
            return (state.address != address, state.login != login)
        }
        if hasMoved {
            await open(address)
        } else if isOtherLogin {
            // Whoever watches has to log in anew.
            await hub.endAll()
        }
    }

    private func open(_ address: ConsoleAddress) async {
        let old = state.withLock { state in
            defer { (state.listeners, state.url) = ([], nil) }
            return state.listeners
        }
        administrator.server.consoleDoor.open(at: nil)
        // Live parts never end by themselves.
        if !old.isEmpty { await hub.endAll() }
        // The same port may be wanted on other addresses: the old socket has to be gone first.
        for listener in old { await listener.stop() }
        var reason = ""
        for port in address.ports {
            // Whoever stops the console opens no port any more.
            guard !Task.isCancelled else { return }
            leaving()
            do {
                let listeners = try await listen(address.hosts, port: port)
                adopt(address, listeners, port: port, instead: port == address.ports.first ? nil : reason)
                return await openDoor(address)
            } catch {
                if reason.isEmpty { reason = Self.reason(error) }
            }
        }
        guard !Task.isCancelled else { return }
        state.withLock { $0.address = address }
        administrator.server.tell(
            .httpPortNotOpened,
            """
            The console has no port: neither \(address.ports.first.map(String.init) ?? "") (\(reason)) nor \
            \(ConsoleAddress.otherPorts.lowerBound)-\(ConsoleAddress.otherPorts.upperBound) can be opened. The server works \
            without it; set another http-port
            """
        )
        urlChanged(nil)
    }

    /// Why a port cannot be opened, for a person: NIO tells the name of its own function.
    private static func reason(_ error: any Error) -> String {
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE?: "another program holds it; `ss -ltnp` as root names it"
        case EACCES?: "ports below 1024 need root or CAP_NET_BIND_SERVICE"
        case EADDRNOTAVAIL?: "this host does not have the address of http-address"
        default: "\(error)"
        }
    }

    /// Opens a port for those who come by TLS, which ends before (`ConsoleDoor`).
    private func openDoor(_ address: ConsoleAddress) async {
        guard let tlsPort = address.tlsPort else { return }
        let door = administrator.server.consoleDoor
        do {
            let listener = try await ConsoleListener(
                ForwardedResponder(door: door, responder: responder),
                host: "127.0.0.1",
                port: 0,
                group: group,
                executor: executor
            )
            state.withLock { $0.listeners.append(listener) }
            door.open(at: listener.port)
            let name = ProcessInfo.processInfo.hostName
            let url = ConsoleAddress.url(host: "::", port: Int(tlsPort), name: name, scheme: "https")
            administrator.server.tell(.consoleOpened, "The console is at \(url) too")
        } catch {
            administrator.server.tell(.httpPortNotOpened, "The console is not served by HTTPS (http-tls): \(error)")
        }
    }

    /// All hosts on one port, or none.
    private func listen(_ hosts: [String], port: UInt16) async throws -> [ConsoleListener] {
        var listeners: [ConsoleListener] = []
        do {
            for host in hosts { try await listen(host, port: port, adding: &listeners) }
        } catch {
            for listener in listeners { await listener.stop() }
            throw error
        }
        return listeners
    }

    /// One host: at the sockets that are there for it, else at one of its own.
    private func listen(_ host: String, port: UInt16, adding listeners: inout [ConsoleListener]) async throws {
        let given = passed(host, port)
        for (index, descriptor) in given.enumerated() {
            do {
                listeners.append(
                    try await ConsoleListener(
                        responder,
                        descriptor: descriptor,
                        port: port,
                        group: group,
                        executor: executor
                    )
                )
            } catch {
                for left in given[(index + 1)...] { close(left) }
                throw error
            }
        }
        guard given.isEmpty else { return }
        do {
            listeners.append(
                try await ConsoleListener(responder, host: host, port: port, group: group, executor: executor)
            )
        } catch let error as IOError where host == "::" && error.errnoCode == EAFNOSUPPORT {
            // A host without IPv6.
            listeners.append(
                try await ConsoleListener(responder, host: "0.0.0.0", port: port, group: group, executor: executor)
            )
        }
    }

    private func adopt(_ address: ConsoleAddress, _ listeners: [ConsoleListener], port: UInt16, instead reason: String?)
    {
        let name = address.isLocal ? "127.0.0.1" : ProcessInfo.processInfo.hostName
        let url = ConsoleAddress.url(host: address.hosts.first ?? "", port: Int(port), name: name)
        state.withLock { state in
            state.address = address
            state.listeners = listeners
            state.url = url
        }
        if let reason, let wanted = address.ports.first {
            administrator.server.tell(
                .consoleOnOtherPort,
                "The console is at \(url), as port \(wanted) could not be opened: \(reason)"
            )
        } else {
            administrator.server.tell(.consoleOpened, "The console is at \(url)")
        }
        try? Data((url + "\n").utf8).write(to: URL(fileURLWithPath: urlFile), options: .atomic)
        urlChanged(url)
    }
}

extension ConsoleServer {
    /// Everything that is served.
    private static func router(
        _ administrator: Administrator,
        _ gatekeeper: Gatekeeper,
        _ renderer: PageRenderer,
        _ hub: LiveHub,
        version: String
    ) -> Router<ConsoleContext> {
        let router = Router(context: ConsoleContext.self, options: .autoGenerateHeadEndpoints)
        let times = RequestTimes()
        router.add(middleware: RequestTimesMiddleware(times: times))
        router.add(middleware: ErrorMiddleware(renderer: renderer, administrator: administrator))
        for name in ["/assets/:version/:file", "/favicon.ico"] {
            router.get(RouterPath(name)) { _, context in
                let file = context.parameters.get("file") ?? "icon.svg"
                guard let response = Assets.response(file) else { throw ConsoleError(.notFound, .notFound) }
                return response
            }
        }
        let guarded = router.group("").add(
            middleware: AccessMiddleware(gatekeeper: gatekeeper)
        )
        LoginRoutes(gatekeeper: gatekeeper, renderer: renderer).add(to: router, guarded: guarded)
        APIRoutes(administrator: administrator, times: times).add(to: router, guarded: guarded)
        PageRoutes(
            pages: AllPages.make(administrator, version: version),
            renderer: renderer,
            hub: hub
        ).add(to: guarded)
        return router
    }
}
