/// Date and time of day in UTC, by the Gregorian calendar.
///
/// Own arithmetic: dates of a fixed form need neither a formatter with locales nor a call with pointers.
struct CivilTime: Equatable {
    let year: Int
    let month: Int
    let day: Int
    /// 0 is Sunday.
    let weekday: Int
    let hour: Int
    let minute: Int
    let second: Int
    let millisecond: Int

    private static let nanosecondsPerDay: Int64 = 86_400_000_000_000
    private static let daysPer400Years = 146_097

    /// Reads a time in nanoseconds since 1970; every value is valid (the years 1677 to 2262).
    init(nanosecondsSince1970 time: Int64) {
        let (days, ofDay) = Self.floorDivided(Int(time), by: Int(Self.nanosecondsPerDay))
        let seconds = ofDay / 1_000_000_000
        hour = seconds / 3600
        minute = seconds / 60 % 60
        second = seconds % 60
        millisecond = ofDay / 1_000_000 % 1000
        weekday = Self.floorDivided(days + 4, by: 7).remainder  // 1970 began on a Thursday.

        // Years counted from 1 March end in the leap day, so a month's first day needs no table. 719_468 days lie
        // between 1 March of the year 0 and 1970.
        let (era, dayOfEra) = Self.floorDivided(days + 719_468, by: Self.daysPer400Years)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    }

    /// As C's `asctime` writes it, without the newline: `Tue Aug 13 15:30:48 2002`.
    var asctime: String {
        "\(Self.weekdays[weekday]) \(monthAndDay) \(timeOfDay) \(year)"
    }

    /// RFC 3339 with milliseconds: `2002-08-13T15:30:48.000Z`.
    var rfc3339: String {
        let date = "\(year)-\(Self.padded(month, "0", 2))-\(Self.padded(day, "0", 2))"
        return "\(date)T\(timeOfDay).\(Self.padded(millisecond, "0", 3))Z"
    }

    /// RFC 3164 section 4.1.2: `Aug 13 15:30:48`.
    var syslogTimestamp: String { "\(monthAndDay) \(timeOfDay)" }

    private var monthAndDay: String { "\(Self.months[month - 1]) \(Self.padded(day, " ", 2))" }

    private var timeOfDay: String {
        "\(Self.padded(hour, "0", 2)):\(Self.padded(minute, "0", 2)):\(Self.padded(second, "0", 2))"
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func padded(_ number: Int, _ fill: Character, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: fill, count: max(0, width - digits.count)) + digits
    }

    /// Division that rounds down, so that times before 1970 work too.
    private static func floorDivided(_ number: Int, by divisor: Int) -> (quotient: Int, remainder: Int) {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
