import Synchronization
public import STUNAuthentication
// Temporary stand-in until the accounts come.
public struct AccountKey: Hashable, Sendable { public init(_ u: UserID) {} }
public final class Account: Sendable {
  public init() {}
  public func tryAddAllocation(limit: Int) -> Bool { true }
  public func removeAllocation() {}
  public var bytesThisMonth: UInt64 { 0 }
  public func take(bytes: Int, bytesPerSecond: UInt64, now: Instant) -> Bool { true }
  public func add(bytes: UInt64, month: UInt32) {}
}
public final class AccountLedger: Sendable { public let total = Account(); public init() {}; public func account(for k: AccountKey) -> Account { Account() } }
