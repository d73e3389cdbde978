import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// One open port.
final class ConsoleListener: Sendable {
    private let task: Task<Void, any Error>
    private let services: ServiceGroup
    /// The port that is open.
    let port: UInt16

    /// Connections at once; others wait in the kernel's queue.
    private static let mostConnections = 512
    /// A connection ends that sends nothing, or no whole request, for so long.
    private static let idle = TimeAmount.seconds(30)
    /// How long answers that are on their way may take when the port is closed.
    private static let grace = Duration.seconds(5)

    private static let http = HTTP1Channel.Configuration(
        additionalChannelHandlers: [RequestDeadline(idle)],
        idleTimeout: idle,
        httpDecoderConfiguration: .init(
            maxHeaderFieldSize: 16 << 10,
            maxHeaderListSize: 32 << 10,
            maxHeaderFieldCount: 100
        )
    )

    private static let logger = Logger(label: "console", factory: { _ in SwiftLogNoOpLogHandler() })

    /// Listens, at port 0 at any that is free; throws when the port cannot be opened.
    convenience init(
        _ responder: some HTTPResponder<ConsoleContext>,
        host: String,
        port: UInt16,
        group: MultiThreadedEventLoopGroup,
        executor: ConsoleExecutor
    ) async throws {
        try await self.init(port: port, executor: executor) { opened in
            Application(
                responder: responder,
                server: .http1(configuration: Self.http),
                configuration: .init(
                    address: .hostname(host, port: Int(port)),
                    availableConnectionsDelegate: MaximumAvailableConnections(Self.mostConnections)
                ),
                onServerRunning: { opened($0.localAddress?.port ?? 0) },
                eventLoopGroupProvider: .shared(group),
                logger: Self.logger
            )
        }
    }

    /// Serves at a socket that is open already, and closes it at the end.
    convenience init(
        _ responder: some HTTPResponder<ConsoleContext>,
        descriptor: Int32,
        port: UInt16,
        group: MultiThreadedEventLoopGroup,
        executor: ConsoleExecutor
    ) async throws {
        try await self.init(port: port, executor: executor) { opened in
            PassedListener(
                responder: responder,
                descriptor: descriptor,
                http: Self.http,
                mostConnections: Self.mostConnections,
                group: group,
                logger: Self.logger,
                opened: opened
            )
        }
    }

    private init(
        port: UInt16,
        executor: ConsoleExecutor,
        _ makeService: (_ opened: @escaping @Sendable (Int) -> Void) -> any Service
    ) async throws {
        let (opened, continuation) = AsyncStream.makeStream(of: Int.self)
        let services = ServiceGroup(services: [makeService { continuation.yield($0) }], logger: Self.logger)
        let task = Task(executorPreference: executor) {
            // An error before the port is open is thrown by the wait below.
            defer { continuation.finish() }
            try await services.run()
        }
        self.services = services
        self.task = task
        let bound = await opened.first { _ in true }
        self.port = bound.flatMap { UInt16(exactly: $0) } ?? port
        guard bound != nil else {
            // Whoever opened it is cancelled, or it failed: one that runs would never end by itself.
            await stop()
            try await task.value
            throw ConsoleError(.internalServerError, .inside, "the listener ended")
        }
    }

    /// Closes the port and all its connections, each after the answer that is on its way: whoever moves the console by
    /// its own page is told where it is now.
    func stop() async {
        await services.triggerGracefulShutdown()
        let end = Task { [task] in
            try await Task.sleep(for: Self.grace)
            task.cancel()
        }
        _ = await task.result
        end.cancel()
    }
}
