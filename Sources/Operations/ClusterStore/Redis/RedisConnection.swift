// Unsafe: hiredis takes and gives C pointers. The context lives as long as this object, whose owner is one thread; every
// other pointer stays inside its call. No other file of this target is unsafe.
import CHiredis
import Glibc
import ServerSettings

/// A connection to a Redis, that a single thread uses; every call blocks, for a second or so at most.
///
/// After an error that is thrown the connection is of no use any more.
@safe
final class RedisConnection {
    /// How long connecting, each step of a transfer, and a whole round trip may take.
    private static let patience = timeval(tv_sec: 1, tv_usec: 0)

    private let place: String
    private let context: UnsafeMutablePointer<redisContext>
    /// How the replies of this connection are made.
    private let table = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)

    /// Connects, logs in and chooses the database.
    ///
    /// - `target`: a socket, or a port of an IP address: of a host name hiredis would ask the system's own resolver.
    init(
        _ target: RedisAddress.Place,
        database: Int,
        _ login: RedisLogin?,
        named place: String
    ) throws(ClusterStoreError) {
        self.place = place
        let connected =
            switch target {
            case .unix(let path): unsafe redisConnectUnixWithTimeout(path, Self.patience)
            case .tcp(let host, let port): unsafe redisConnectWithTimeout(host, Int32(port), Self.patience)
            }
        guard let connected = unsafe connected else {
            unsafe table.deallocate()
            throw .unreachable(place: place, reason: "no memory")
        }
        unsafe context = connected
        // From here on deinit frees both.
        guard unsafe context.pointee.err == 0 else {
            let reason = unsafe String(cString: stund_redis_error(context))
            throw .unreachable(place: place, reason: reason)
        }
        unsafe stund_redis_bound_arrays(context, table)
        unsafe redisSetTimeout(context, Self.patience)
        try begin(login, database: database)
    }

    deinit {
        unsafe redisFree(context)
        unsafe table.deallocate()
    }

    private func begin(_ login: RedisLogin?, database: Int) throws(ClusterStoreError) {
        if let login {
            let user = login.user.map { [RedisArgument(stringLiteral: $0)] } ?? []
            let password = RedisArgument(stringLiteral: login.password)
            try expect([["AUTH"] + user + [password]], or: "AUTH")
        }
        if database != 0 { try expect([["SELECT", "\(database)"]], or: "SELECT") }
        try expect([["PING"]], or: "ERR")
    }

    /// Runs a command; an answer that says no more than that it failed becomes `code`.
    private func expect(_ commands: [RedisCommand], or code: String) throws(ClusterStoreError) {
        for case .error(let word) in try run(commands) {
            throw .refused(place: place, code: word == "ERR" || word == "WRONGPASS" ? code : word)
        }
    }

    /// Sends all commands at once and reads an answer to each.
    func run(_ commands: [RedisCommand]) throws(ClusterStoreError) -> [RedisReply] {
        for command in commands { try append(command) }
        let end = ContinuousClock.now + .seconds(1)
        var done: Int32 = 0
        while done == 0 {
            guard unsafe redisBufferWrite(context, &done) == REDIS_OK else { throw failure(errno) }
            guard done != 0 || .now < end else { throw .timedOut(place: place) }
        }
        var replies: [RedisReply] = []
        replies.reserveCapacity(commands.count)
        var read = 0
        for _ in commands { replies.append(try next(&read, until: end)) }
        return replies
    }

    private func append(_ command: RedisCommand) throws(ClusterStoreError) {
        var lengths = command.map(\.bytes.count)
        // One byte more: of no bytes there would be no address.
        let bytes = command.flatMap(\.bytes) + [0]
        let result = unsafe bytes.withUnsafeBytes { bytes -> Int32 in
            var words: [UnsafePointer<CChar>?] = unsafe []
            var offset = 0
            for length in lengths {
                unsafe words.append(bytes.baseAddress?.advanced(by: offset).assumingMemoryBound(to: CChar.self))
                offset += length
            }
            return unsafe redisAppendCommandArgv(context, Int32(clamping: command.count), &words, &lengths)
        }
        guard result == REDIS_OK else { throw failure(ENOMEM) }
    }

    /// The next answer; `read` counts what has come in this round trip.
    private func next(
        _ read: inout Int,
        until end: ContinuousClock.Instant
    ) throws(ClusterStoreError) -> RedisReply {
        while true {
            var reply: UnsafeMutableRawPointer?
            guard unsafe redisGetReplyFromReader(context, &reply) == REDIS_OK else { throw failure(errno) }
            if let reply = unsafe reply {
                defer { unsafe freeReplyObject(reply) }
                return unsafe Self.copy(reply.assumingMemoryBound(to: redisReply.self).pointee)
            }
            guard .now < end else { throw .timedOut(place: place) }
            let before = unsafe context.pointee.reader.pointee.len
            guard unsafe redisBufferRead(context) == REDIS_OK else { throw failure(errno) }
            read += unsafe Int(clamping: context.pointee.reader.pointee.len) - Int(clamping: before)
            guard read <= StoreLimits.replyBytes else {
                throw .tooLarge("an answer of \(place)", limit: StoreLimits.replyBytes)
            }
        }
    }

    /// hiredis itself refuses replies that are nested more than seven deep.
    private static func copy(_ reply: redisReply) -> RedisReply {
        switch unsafe reply.type {
        case REDIS_REPLY_INTEGER: return unsafe .integer(reply.integer)
        case REDIS_REPLY_NIL: return .nothing
        case REDIS_REPLY_ARRAY:
            return unsafe .list(
                (0..<reply.elements).map { index in
                    unsafe reply.element[index].map { unsafe copy($0.pointee) } ?? .nothing
                }
            )
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS: return unsafe .bytes(text(reply))
        case REDIS_REPLY_ERROR: return unsafe .error(text(reply))
        default: return .nothing
        }
    }

    private static func text(_ reply: redisReply) -> [UInt8] {
        guard let start = unsafe reply.str else { return [] }
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: Int(clamping: reply.len)))
    }

    /// Why hiredis gave up; its own text may repeat what the other end sent.
    private func failure(_ code: Int32) -> ClusterStoreError {
        switch unsafe context.pointee.err {
        case REDIS_ERR_EOF: .unreachable(place: place, reason: "it closed the connection")
        case REDIS_ERR_IO where code == EAGAIN || code == EWOULDBLOCK || code == ETIMEDOUT: .timedOut(place: place)
        case REDIS_ERR_IO: .unreachable(place: place, reason: unsafe String(cString: strerror(code)))
        case REDIS_ERR_OOM: .tooLarge("an answer of \(place)", limit: StoreLimits.replyBytes)
        default: .unexpected(place: place)
        }
    }

    /// Keeps a write to a connection that is gone from ending the process; holds for the thread that calls it.
    static func ignoreBrokenPipes() {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGPIPE)
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    }
}
