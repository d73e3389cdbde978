import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Serves HTTP at a socket that is open already (systemd has passed it); Hummingbird's `Application` only serves at one that it
/// opens itself.
struct PassedListener<Responder: HTTPResponder>: Service where Responder.Context == ConsoleContext {
    private typealias Child = HTTP1Channel.Value

    let responder: Responder
    /// Closed at the end.
    let descriptor: Int32
    let http: HTTP1Channel.Configuration
    /// Connections at once; one more is closed.
    let mostConnections: Int
    let group: MultiThreadedEventLoopGroup
    let logger: Logger
    /// Is told the port when it is served.
    let opened: @Sendable (Int) -> Void

    /// RFC 9110 section 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`.
    private let date = Date.VerbatimFormatStyle(
        format: """
            \(weekday: .abbreviated), \(day: .twoDigits) \(month: .abbreviated) \(year: .padded(4)) \
            \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\(second: .twoDigits) GMT
            """,
        locale: Locale(identifier: "en_US_POSIX"),
        timeZone: .gmt,
        calendar: Calendar(identifier: .gregorian)
    )

    func run() async throws {
        let channel = HTTP1Channel(responder: respond, configuration: http)
        let server = try await ServerBootstrap(group: group)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
            .bind(descriptor) { [logger] in channel.setup(channel: $0, logger: logger) }
        opened(server.channel.localAddress?.port ?? 0)
        let open = OpenConnections()
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { tasks in
                try? await server.executeThenClose { connections in
                    for try await connection in connections {
                        guard open.add(connection.channel, most: mostConnections) else {
                            connection.channel.close(promise: nil)
                            // A channel wants to be used, be it closed.
                            tasks.addTask { [logger] in await channel.handle(value: connection, logger: logger) }
                            continue
                        }
                        tasks.addTask { [logger] in
                            await channel.handle(value: connection, logger: logger)
                            open.remove(connection.channel)
                        }
                    }
                }
            }
        } onGracefulShutdown: {
            server.channel.close(promise: nil)
            open.endIdle()
        }
    }

    private func respond(_ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
        let context = ConsoleContext(source: .init(channel: channel, logger: logger))
        var response: Response
        do {
            response = try await responder.respond(to: request, context: context)
        } catch {
            response = Response(status: .internalServerError)
        }
        response.headers[.date] = Date.now.formatted(date)
        let body = try await writer.writeHead(response.head)
        try await response.body.write(body)
    }
}

/// The connections of a listener: no more than may be, and each is told when the listener closes.
private final class OpenConnections: Sendable {
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    func add(_ channel: any Channel, most: Int) -> Bool {
        channels.withLock { channels in
            guard channels.count < most else { return false }
            channels[ObjectIdentifier(channel)] = channel
            return true
        }
    }

    func remove(_ channel: any Channel) {
        channels.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    /// Ends those that wait for a request at once, and others after their answer.
    func endIdle() {
        for channel in channels.withLock({ Array($0.values) }) {
            channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
    }
}
