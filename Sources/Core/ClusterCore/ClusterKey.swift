internal import STUNAuthentication

/// The key by which the servers of a fleet trust each other, with the keys of each purpose made ready.
public struct ClusterKey: Sendable {
    let handOver: SealingKey
    let heartbeat: SealingKey
    private let secret: SealingKey

    /// Takes the setting `cluster-key`.
    public init(secret: [UInt8]) {
        let secret = SealingKey(secret: secret)
        self.secret = secret
        handOver = secret.key(for: "stund hand-over")
        heartbeat = secret.key(for: "stund heartbeat")
    }

    /// The 32 bytes that follow from the key for another purpose, such as "stund nonce".
    public func bytes(for label: String) -> [32 of UInt8] { secret.bytes(for: label) }
}
