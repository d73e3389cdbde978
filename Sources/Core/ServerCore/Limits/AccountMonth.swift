/// A calendar month of UTC, for quotas that begin anew each month.
public struct AccountMonth: Sendable, Hashable {
    /// Months since January 1970; at most 4095, which is in the year 2311.
    public let number: UInt64

    /// The month in which a moment of Unix time lies.
    public init(unixSeconds: UInt64) {
        // Days since 1 March of the year 0, from which on leap days come last in their year (proleptic Gregorian).
        let days = min(unixSeconds / 86_400, 1 << 32) + 719_468
        let (era, dayOfEra) = days.quotientAndRemainder(dividingBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        // Months of 31 and 30 days alternate so that 153 days are five of them.
        let monthsSinceMarch = (5 * dayOfYear + 2) / 153
        let months = (era * 400 + yearOfEra) * 12 + monthsSinceMarch + 2
        number = min(months - 1970 * 12, Self.last)
    }

    /// The last month that `Account` has room for.
    private static let last: UInt64 = 1 << 12 - 1
}
