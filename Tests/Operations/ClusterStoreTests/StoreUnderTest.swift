import AccountStore
import Foundation
import ServerSettings
import TestRedis
import Testing

@testable import ClusterStore

/// The stores that keep the promises of `ClusterStore`.
enum StoreKind: String, CaseIterable, CustomTestStringConvertible {
    case memory, sqlite
    case redisBySocket, redisByPort, redisWithPassword

    /// Those that can be had on this machine.
    static let here = allCases.filter { !$0.isRedis || RedisUnderTest.isInstalled }

    var isRedis: Bool { rawValue.hasPrefix("redis") }
    var testDescription: String { rawValue }
}

/// An empty store, and what it needs to be there.
final class StoreUnderTest {
    /// Two handles on the one store, as two servers have.
    let store: any ClusterStore
    let other: any ClusterStore
    private let redis: RedisUnderTest?
    private let folder: String?

    init(_ kind: StoreKind) throws {
        switch kind {
        case .memory:
            (redis, folder) = (nil, nil)
            store = MemoryClusterStore()
            other = store
        case .sqlite:
            let folder = NSTemporaryDirectory() + "stund-fleet-" + UUID().uuidString
            (redis, self.folder) = (nil, folder)
            store = try SQLiteClusterStore(path: folder + "/fleet.sqlite")
            other = try SQLiteClusterStore(path: folder + "/fleet.sqlite")
        case .redisBySocket, .redisByPort, .redisWithPassword:
            let redis = try RedisUnderTest(password: kind == .redisWithPassword ? "open: sesame" : nil)
            (self.redis, folder) = (redis, nil)
            store = try redis.store(unix: kind != .redisByPort, database: 3)
            other = try redis.store(unix: kind == .redisBySocket, database: 3)
        }
    }

    deinit {
        if let folder { try? FileManager.default.removeItem(atPath: folder) }
    }
}

extension StoredUser {
    init(_ name: String, realm: String = "stund", password: String = "secret", comment: String = "") throws {
        self.init(
            name: try OpaqueString(name),
            realm: try OpaqueString(realm),
            password: try OpaqueString(password),
            created: 7,
            comment: comment
        )
    }
}

/// The error of a call that must fail.
func failure<Result>(_ work: () async throws -> Result) async throws -> ClusterStoreError {
    do {
        _ = try await work()
    } catch let error as ClusterStoreError {
        return error
    }
    throw NoError()
}

private struct NoError: Error {}
