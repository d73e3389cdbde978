package import AccountStore

/// What the servers of a fleet share, for fleets that outgrow a list of peers.
///
/// One protocol for memory, an SQLite file and Redis; one suite of tests holds all three to it. Every call may take a
/// second and may fail, and nothing that clients wait for may wait for it. Sizes are bounded: see `StoreLimits`.
package protocol ClusterStore: Sendable {
    /// Where the store is, as messages name it; no password is in it.
    var place: String { get }

    // MARK: Members

    /// Says that a server is there, for so long; replaces what it said before.
    func publish(_ member: FleetMember, expiresIn lifetime: Duration) async throws(ClusterStoreError)
    /// The servers that are there, by name; records that cannot be read are left out.
    func members() async throws(ClusterStoreError) -> [FleetMember]
    /// Takes a server and all that it has published away at once.
    func removeMember(named name: String) async throws(ClusterStoreError)

    // MARK: Users and secrets

    /// A number that is another one after each change of users or secrets; 0 while there never was one.
    func accountsVersion() async throws(ClusterStoreError) -> Int64
    /// All users and secrets.
    func accounts() async throws(ClusterStoreError) -> FleetAccounts
    /// Adds a user, or replaces the one of the same name and realm.
    func put(_ user: StoredUser) async throws(ClusterStoreError)
    /// Removes a user; tells whether there was one.
    func removeUser(name: String, realm: String) async throws(ClusterStoreError) -> Bool
    /// Adds a secret, or replaces the one of the same id.
    func put(_ secret: StoredSecret) async throws(ClusterStoreError)
    /// Removes a secret; tells whether there was one.
    func removeSecret(id: String) async throws(ClusterStoreError) -> Bool

    // MARK: Quotas

    /// Says how many allocations accounts have on a server, for so long; replaces what it said before.
    func publish(
        _ counts: [AllocationCount],
        of member: String,
        expiresIn lifetime: Duration
    ) async throws(ClusterStoreError)
    /// How many allocations each account has on the servers that are there, other than this one: each account
    /// once, in no order.
    func counts(elsewhereThan member: String) async throws(ClusterStoreError) -> [AllocationCount]

    // MARK: The key of nonces

    /// The one key that the whole fleet makes nonces with; `candidate` becomes it when there is none yet.
    func nonceKey(orElse candidate: [UInt8]) async throws(ClusterStoreError) -> [UInt8]

    // MARK: Statistics

    /// Says what a server has counted, for so long; replaces what it said before.
    func publish(_ totals: FleetTotals, of member: String, expiresIn lifetime: Duration) async throws(ClusterStoreError)
    /// What the servers that are there have counted, by name.
    func totals() async throws(ClusterStoreError) -> [String: FleetTotals]

    // MARK: Drain

    /// Asks servers to take no new allocations, until it is cleared.
    func setDrain(_ target: DrainTarget) async throws(ClusterStoreError)
    /// Takes a request to drain back; clearing `.all` leaves those of single servers.
    func clearDrain(_ target: DrainTarget) async throws(ClusterStoreError)
    /// Who is asked to drain.
    func drains() async throws(ClusterStoreError) -> DrainSignals
}
