/// What the workers of a server have in common to believe what other servers send them.
public struct ClusterTrust: Sendable {
    /// The key of the fleet.
    public var key: ClusterKey
    /// What was taken already; one for all workers, and the same one for as long as the process runs.
    public var filter: ReplayFilter

    /// Joins the two.
    public init(key: ClusterKey, filter: ReplayFilter) {
        self.key = key
        self.filter = filter
    }
}
