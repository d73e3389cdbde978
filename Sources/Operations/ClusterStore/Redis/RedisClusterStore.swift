import Foundation
package import ServerSettings

/// The store of a fleet in a Redis or a Valkey: one server of it, no cluster.
///
/// All keys begin with `stund:`. Values are read by length, so that whatever somebody wrote there costs no more than what
/// may stand there; where several keys change together, a script or a transaction does it.
package final class RedisClusterStore: ClusterStore {
    /// How many commands go in one round trip.
    private static let batch = 1000
    /// How many bytes are asked for in one round trip, half of what is read at most.
    private static let batchBytes = StoreLimits.replyBytes / 2

    let redis: RedisClient

    /// Names a Redis; it is connected to with the first call.
    ///
    /// - `resolve`: looks up its host name with each new connection; not asked for IP addresses and sockets.
    package init(
        _ address: RedisAddress,
        login: RedisLogin? = nil,
        resolve: @escaping HostResolver = { _ throws(UnresolvedHost) in
            throw UnresolvedHost(reason: "nobody looks it up")
        }
    ) {
        redis = RedisClient(address, login, resolve)
    }

    package var place: String { redis.place }

    /// Runs commands of somebody else, for tests of what others keep in the same Redis.
    package func fill(_ commands: [[String]]) async throws(ClusterStoreError) {
        for reply in try await redis.run(commands.map { $0.map { RedisArgument(stringLiteral: $0) } }) {
            try reply.check(place)
        }
    }

    static let members: RedisArgument = "stund:members"

    // MARK: Members

    package func publish(_ member: FleetMember, expiresIn lifetime: Duration) async throws(ClusterStoreError) {
        try StoreLimits.check(name: member.name)
        let record = try StoreRecord.write(member, "the record of a server")
        if try await add(member.name, record, lifetime) { return }
        // Full of servers that are gone, perhaps: looking at them forgets those.
        _ = try await members()
        guard try await add(member.name, record, lifetime) else {
            throw .tooMany("servers", limit: StoreLimits.members)
        }
    }

    private func add(_ name: String, _ record: [UInt8], _ lifetime: Duration) async throws(ClusterStoreError) -> Bool {
        let script = """
            if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 0 and redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[4]) then
                return 0
            end
            redis.call('SADD', KEYS[1], ARGV[1])
            redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
            return 1
            """
        let reply = try await redis.run([
            "EVAL", "\(script)", "2", Self.members, "stund:member:\(name)", "\(name)", RedisArgument(record),
            "\(StoreLimits.milliseconds(lifetime))", "\(StoreLimits.members)",
        ])
        return try reply.integer(place) == 1
    }

    package func members() async throws(ClusterStoreError) -> [FleetMember] {
        let names = try await names()
        let records = try await values("stund:member:", names, atMost: StoreLimits.recordBytes)
        try await forget(names.filter { records[$0] == nil })
        return names.compactMap { name in
            let member = records[name].flatMap { StoreRecord.read($0, as: FleetMember.self) }
            return member?.name == name ? member : nil
        }
    }

    /// The servers that are there or were not long ago, by name.
    private func names() async throws(ClusterStoreError) -> [String] {
        try await set(Self.members, "servers", atMost: StoreLimits.members).filter(StoreLimits.isName).sorted()
    }

    /// Forgets names whose record has expired; one that is published again meanwhile stays.
    func forget(_ names: [String]) async throws(ClusterStoreError) {
        let script = """
            for _, name in ipairs(ARGV) do
                if redis.call('EXISTS', KEYS[2] .. name) == 0 then redis.call('SREM', KEYS[1], name) end
            end
            return 1
            """
        for part in names.parts(of: Self.batch) {
            let head: RedisCommand = ["EVAL", "\(script)", "2", Self.members, "stund:member:"]
            _ = try await redis.run(head + part.map { "\($0)" })
        }
    }

    package func removeMember(named name: String) async throws(ClusterStoreError) {
        try StoreLimits.check(name: name)
        let replies = try await redis.run([
            ["MULTI"], ["SREM", Self.members, "\(name)"],
            ["DEL", "stund:member:\(name)", "stund:counts:\(name)", "stund:totals:\(name)"], ["EXEC"],
        ])
        for reply in replies { try reply.check(place) }
    }

    // MARK: Quotas and statistics

    package func publish(
        _ counts: [AllocationCount],
        of member: String,
        expiresIn lifetime: Duration
    ) async throws(ClusterStoreError) {
        try StoreLimits.check(name: member)
        try StoreLimits.check(counts)
        try await set("stund:counts:\(member)", CountRecord.write(counts), lifetime)
    }

    package func counts(elsewhereThan member: String) async throws(ClusterStoreError) -> [AllocationCount] {
        let names = try await names().filter { $0 != member }
        let live = try await values("stund:member:", names, atMost: StoreLimits.recordBytes)
        let most = CountRecord.size * StoreLimits.accounts
        return try await .sum(
            values("stund:counts:", names.filter { live[$0] != nil }, atMost: most).values.map(CountRecord.read)
        )
    }

    package func publish(
        _ totals: FleetTotals,
        of member: String,
        expiresIn lifetime: Duration
    ) async throws(ClusterStoreError) {
        try StoreLimits.check(name: member)
        try await set("stund:totals:\(member)", StoreRecord.write(totals, "what a server has counted"), lifetime)
    }

    package func totals() async throws(ClusterStoreError) -> [String: FleetTotals] {
        let names = try await names()
        let live = try await values("stund:member:", names, atMost: StoreLimits.recordBytes)
        let records = try await values(
            "stund:totals:",
            names.filter { live[$0] != nil },
            atMost: StoreLimits.recordBytes
        )
        return records.compactMapValues { StoreRecord.read($0, as: FleetTotals.self) }
    }

    private func set(_ key: RedisArgument, _ value: [UInt8], _ lifetime: Duration) async throws(ClusterStoreError) {
        _ = try await redis.run(["SET", key, RedisArgument(value), "PX", "\(StoreLimits.milliseconds(lifetime))"])
    }

    // MARK: The key of nonces, and drain

    package func nonceKey(orElse candidate: [UInt8]) async throws(ClusterStoreError) -> [UInt8] {
        try StoreLimits.check(nonceKey: candidate)
        let key: RedisArgument = "stund:nonce-key"
        let text = Data(candidate).base64EncodedString()
        let replies = try await redis.run([["SET", key, "\(text)", "NX"], ["GETRANGE", key, "0", "255"]])
        for reply in replies { try reply.check(place) }
        let found = try replies.last?.bytes(place) ?? []
        guard let bytes = Data(base64Encoded: Data(found)), (1...StoreLimits.nonceKeyBytes).contains(bytes.count) else {
            throw .unexpected(place: place)
        }
        return Array(bytes)
    }

    private static let drainKey: RedisArgument = "stund:drains"
    /// What stands for all servers: no server can be called so.
    private static let everybody = "*"

    package func setDrain(_ target: DrainTarget) async throws(ClusterStoreError) {
        let script = """
            if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 0 and redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then
                return 0
            end
            redis.call('SADD', KEYS[1], ARGV[1])
            return 1
            """
        let name = try Self.name(of: target)
        // One more than there may be by name: all of them together.
        let most = StoreLimits.drains + (target == .all ? 1 : 0)
        let reply = try await redis.run(["EVAL", "\(script)", "1", Self.drainKey, "\(name)", "\(most)"])
        guard try reply.integer(place) == 1 else {
            throw .tooMany("servers that are asked to drain", limit: StoreLimits.drains)
        }
    }

    package func clearDrain(_ target: DrainTarget) async throws(ClusterStoreError) {
        _ = try await redis.run(["SREM", Self.drainKey, "\(Self.name(of: target))"])
    }

    package func drains() async throws(ClusterStoreError) -> DrainSignals {
        let most = StoreLimits.drains + 1
        var names = Set(try await set(Self.drainKey, "servers that are asked to drain", atMost: most))
        let all = names.remove(Self.everybody) != nil
        return DrainSignals(all: all, members: names)
    }

    private static func name(of target: DrainTarget) throws(ClusterStoreError) -> String {
        guard case .member(let name) = target else { return everybody }
        try StoreLimits.check(name: name)
        return name
    }

    // MARK: Reading within bounds

    /// The members of a set, when they are not too many.
    func set(_ key: RedisArgument, _ what: String, atMost limit: Int) async throws(ClusterStoreError) -> [String] {
        guard try await redis.run(["SCARD", key]).integer(place) <= Int64(limit) else {
            throw .tooMany(what, limit: limit)
        }
        return try await redis.run(["SMEMBERS", key]).texts(place)
    }

    /// The values of keys that are there and not too long, by name.
    private func values(
        _ prefix: String,
        _ names: [String],
        atMost limit: Int
    ) async throws(ClusterStoreError) -> [String: [UInt8]] {
        var lengths: [(name: String, length: Int)] = []
        var total = 0
        for part in names.parts(of: Self.batch) {
            let replies = try await redis.run(part.map { ["STRLEN", "\(prefix)\($0)"] })
            for (name, reply) in zip(part, replies) {
                let length = Int(clamping: try reply.integer(place))
                guard length > 0, length <= limit else { continue }
                lengths.append((name, length))
                total += length
            }
        }
        guard total <= StoreLimits.countBytes else {
            throw .tooLarge("what the servers have published", limit: StoreLimits.countBytes)
        }
        var found: [String: [UInt8]] = [:]
        var next = lengths[...]
        while !next.isEmpty {
            var bytes = 0
            let part = next.prefix(Self.batch).prefix { entry in
                bytes += entry.length
                return bytes <= max(Self.batchBytes, limit)
            }
            next = next.dropFirst(part.count)
            // By range: it may have grown meanwhile.
            let replies = try await redis.run(part.map { ["GETRANGE", "\(prefix)\($0.name)", "0", "\(limit - 1)"] })
            for (entry, reply) in zip(part, replies) {
                let value = try reply.bytes(place)
                if !value.isEmpty { found[entry.name] = value }
            }
        }
        return found
    }
}

extension Array {
    /// The elements in order, so many at a time.
    func parts(of count: Int) -> [[Element]] {
        stride(from: 0, to: self.count, by: count).map { Array(self[$0..<Swift.min($0 + count, self.count)]) }
    }
}
