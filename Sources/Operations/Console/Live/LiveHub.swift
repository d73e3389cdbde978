import Dispatch
import HTTPTypes
import Hummingbird
import NIOCore

/// Follows pages for everybody who has them open, by server-sent events (HTML section 9.2).
///
/// What many watch is asked of the server and rendered once, and sent only when it has changed: a hundred open pages
/// cost hardly more than one.
actor LiveHub {
    /// How often a page is looked at.
    static let interval = Duration.seconds(2)
    /// Something is sent at least so often, so that a lost connection is noticed.
    private static let heartbeat = 8
    /// A stream ends after this time; the browser comes again by itself, and is asked who it is.
    private static let longest = Duration.seconds(600)
    /// How many may watch at once.
    static let most = 250

    private struct Channel {
        var watchers: [Int: AsyncStream<ByteBuffer>.Continuation] = [:]
        var newest: ByteBuffer?
        var task: Task<Void, Never>?
    }

    private let executor: ConsoleExecutor
    private var channels: [String: Channel] = [:]
    private var watcherCount = 0
    private var nextWatcher = 0

    /// Renders on `executor`.
    init(on executor: ConsoleExecutor) { self.executor = executor }

    /// How many watch now.
    var count: Int { watcherCount }

    /// A stream of events for one browser.
    ///
    /// - `key`: the same for all who see the same.
    /// - `render`: makes the HTML; an error ends the stream.
    /// - Throws: `busy` when too many watch already.
    func watch(_ key: String, render: @escaping @Sendable () async throws -> String) throws -> Response {
        guard watcherCount < Self.most else {
            var error = ConsoleError(.serviceUnavailable, .busy)
            error.retryAfter = 30
            throw error
        }
        // Joined when the answer is being written: one that is never written (HEAD, a lost connection) leaves nothing.
        let body = ResponseBody { writer in
            let (watcher, stream) = await self.join(key, render: render)
            do {
                try await writer.write(ByteBuffer(string: "retry: 3000\n\n"))
                for await event in stream { try await writer.write(event) }
                try await writer.finish(nil)
            } catch {
                // The browser is gone.
            }
            await self.leave(key, watcher)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store"],
            body: body
        )
    }

    private func join(
        _ key: String,
        render: @escaping @Sendable () async throws -> String
    ) -> (watcher: Int, stream: AsyncStream<ByteBuffer>) {
        let (stream, continuation) = AsyncStream.makeStream(of: ByteBuffer.self, bufferingPolicy: .bufferingNewest(1))
        nextWatcher += 1
        watcherCount += 1
        channels[key, default: Channel()].watchers[nextWatcher] = continuation
        if let newest = channels[key]?.newest { continuation.yield(newest) }
        if channels[key]?.task == nil {
            channels[key]?.task = Task(executorPreference: executor) { await self.follow(key, render: render) }
        }
        return (nextWatcher, stream)
    }

    /// Ends all streams: who may see what has changed.
    func endAll() {
        for channel in channels.values { for watcher in channel.watchers.values { watcher.finish() } }
    }

    private func leave(_ key: String, _ watcher: Int) {
        watcherCount -= 1
        channels[key]?.watchers[watcher]?.finish()
        channels[key]?.watchers[watcher] = nil
        if channels[key]?.watchers.isEmpty == true {
            channels[key]?.task?.cancel()
            channels[key] = nil
        }
    }

    private func follow(_ key: String, render: @Sendable () async throws -> String) async {
        let began = ContinuousClock.now
        var last: String?
        var quiet = 0
        while !Task.isCancelled, ContinuousClock.now - began < Self.longest {
            do {
                let html = try await render()
                if html != last {
                    send(Self.event(html), to: key, keep: true)
                    last = html
                    quiet = 0
                } else {
                    quiet += 1
                    if quiet % Self.heartbeat == 0 { send(ByteBuffer(string: ":\n\n"), to: key, keep: false) }
                }
                try await Task.sleep(for: Self.interval)
            } catch {
                break
            }
        }
        guard !Task.isCancelled else { return }
        for watcher in (channels[key]?.watchers ?? [:]).values { watcher.finish() }
        channels[key]?.task = nil
        channels[key]?.newest = nil
    }

    private func send(_ event: ByteBuffer, to key: String, keep: Bool) {
        if keep { channels[key]?.newest = event }
        for watcher in (channels[key]?.watchers ?? [:]).values { watcher.yield(event) }
    }

    /// An event whose data is `html`, a line of data for each of its lines.
    static func event(_ html: String) -> ByteBuffer {
        var text = ""
        text.reserveCapacity(html.utf8.count + 256)
        for line in html.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            text += "data: " + line + "\n"
        }
        return ByteBuffer(string: text + "\n")
    }
}
