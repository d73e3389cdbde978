import Administration
import ArgumentParser
import Foundation

/// `stund drain`: has the running server take no new allocations, and end when none is left.
struct DrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Have the running server take no new allocations, and end when none is left.",
        discussion: """
            Clients that want a new allocation are sent to another server of other-stun-servers, or refused. Allocations \
            that live go on; STUN is answered until the end. A service manager that starts the server anew when it ends \
            does so then too.

            Servers that share a Redis can be asked by it: one by its name in `stund fleet`, or all. They stay, and take \
            new allocations again when it is taken back.
            """
    )

    @OptionGroup var file: FileOption

    @Option(
        help: ArgumentHelp(
            "End at this time, whatever is left: 22:30 or 2026-11-29T22:30Z, in GMT unless another offset is given.",
            valueName: "time"
        )
    )
    var until: String?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("End after so long, whatever is left: 90, 90s, 10m, 2h or 1d.", valueName: "duration")
    )
    var duration: String?

    @Flag(help: "Stay when none is left, and go on refusing new ones.")
    var stay = false

    @Flag(help: "Take new allocations again.")
    var cancel = false

    @Option(
        help: ArgumentHelp("Ask this server by the Redis of the fleet (redis), not the one here.", valueName: "name")
    )
    var server: String?

    @Flag(help: "Ask all servers by the Redis of the fleet (redis), those too that start later.")
    var allServers = false

    func validate() throws {
        if server != nil, allServers { throw ValidationError("--server and --all-servers exclude each other.") }
        if server != nil || allServers, until != nil || duration != nil || stay {
            throw ValidationError(
                "Servers that are asked by Redis stay: --until, --for and --stay go with this server alone."
            )
        }
        if cancel, until != nil || duration != nil || stay {
            throw ValidationError("--cancel takes a drain back: no other option goes with it.")
        }
        if until != nil, duration != nil { throw ValidationError("--until and --for exclude each other.") }
        _ = try seconds(at: Date())
    }

    func run() async throws {
        if server != nil || allServers {
            let fleet = try FleetDrain(file)
            return print(try await cancel ? fleet.cancel(server: server) : fleet.begin(server: server))
        }
        let order = DrainOrder(seconds: try seconds(at: Date()), stays: stay)
        let answer = try RunningServerAddress(file).send(cancel ? .undrain : .drain(order))
        guard case .drain(let report) = answer else { throw Self.mismatch }
        print(TerminalText.visible(report.sentence))
    }

    private func seconds(at now: Date) throws -> Int? {
        if let duration {
            guard let seconds = DrainEnd.seconds(of: duration) else {
                throw ValidationError("--for takes a time such as 90, 90s, 10m, 2h or 1d, at most 30 days.")
            }
            return seconds
        }
        guard let until else { return nil }
        guard let seconds = DrainEnd.seconds(until: until, from: now) else {
            throw ValidationError(
                "--until takes a time to come within 30 days, such as 22:30 or 2026-11-29T22:30Z, in GMT unless an offset "
                    + "such as +01:00 is given."
            )
        }
        return seconds
    }
}

/// When a drain is to end, as people write it.
enum DrainEnd {
    private static let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86400]

    /// The seconds of `90`, `90s`, `10m`, `2h` or `1d`; nil for anything else and for more than a drain may last.
    static func seconds(of text: String) -> Int? {
        let unit = text.last.flatMap { units[$0] }
        let digits = unit == nil ? text[...] : text.dropLast()
        guard let number = number(digits), number <= DrainOrder.longest / (unit ?? 1) else { return nil }
        return number * (unit ?? 1)
    }

    /// The seconds from `now` to a time of day in GMT, or to a date with time of ISO 8601; nil when it is neither, has
    /// passed, or is too far away.
    static func seconds(until text: String, from now: Date) -> Int? {
        let left: Double
        if let time = timeOfDay(text) {
            let passed = Int(now.timeIntervalSince1970) % 86400
            left = Double((time - passed + 86400) % 86400)
        } else {
            guard let date = date(text) else { return nil }
            left = date.timeIntervalSince(now).rounded(.up)
        }
        guard left >= 0, left <= Double(DrainOrder.longest) else { return nil }
        return Int(left)
    }

    /// The second of the day of `22:30` or `22:30:15`.
    private static func timeOfDay(_ text: String) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3, parts.allSatisfy({ $0.utf8.count == 2 }) else { return nil }
        let numbers = parts.compactMap(number)
        guard numbers.count == parts.count, numbers[0] < 24, numbers[1] < 60, numbers.count < 3 || numbers[2] < 60
        else { return nil }
        return numbers[0] * 3600 + numbers[1] * 60 + (numbers.count == 3 ? numbers[2] : 0)
    }

    private static func date(_ text: String) -> Date? {
        guard let match = text.wholeMatch(of: /(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d)?(Z|[+-]\d\d:\d\d)/) else {
            return nil
        }
        let whole = "\(match.1)\(match.2 ?? ":00")\(match.3)"
        let style = Date.ISO8601FormatStyle(timeZoneSeparator: .colon)
        return try? style.parse(whole)
    }

    private static func number(_ digits: some StringProtocol) -> Int? {
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(digits)
    }
}
