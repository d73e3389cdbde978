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

    /// Listens, at port 0 at any that is free; throws when the port cannot be opened.
    init(
        _ responder: some HTTPResponder<ConsoleContext>,
        host: String,
        port: UInt16,
        group: MultiThreadedEventLoopGroup,
        executor: ConsoleExecutor
    ) async throws {
        let (opened, continuation) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            responder: responder,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [RequestDeadline(Self.idle)],
                    idleTimeout: Self.idle,
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 16 << 10,
                        maxHeaderListSize: 32 << 10,
                        maxHeaderFieldCount: 100
                    )
                )
            ),
            configuration: .init(
                address: .hostname(host, port: Int(port)),
                availableConnectionsDelegate: MaximumAvailableConnections(Self.mostConnections)
            ),
            onServerRunning: { continuation.yield($0.localAddress?.port ?? 0) },
            eventLoopGroupProvider: .shared(group),
            logger: Logger(label: "console", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        let services = ServiceGroup(
            services: [application],
            logger: Logger(label: "console", factory: { _ in SwiftLogNoOpLogHandler() })
        )
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
