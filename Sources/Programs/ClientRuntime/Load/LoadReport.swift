/// What a load found: figures for a script, sentences for a person.
public struct LoadReport: Sendable {
    /// A figure.
    enum Value: Sendable {
        case text(String)
        case count(Int)
        case number(Double, places: Int)
        case counts([(name: String, count: Int)])
    }

    /// Whether all that was asked for was done; what was lost on the way does not matter.
    public internal(set) var isComplete = true
    /// The figures in order, under the names that natload gave them.
    private(set) var figures: [(key: String, value: Value)] = []
    /// The sentences, one a line.
    private(set) var lines: [String] = []

    /// The sentences.
    public var text: String { lines.map { $0 + "\n" }.joined() }

    /// One line of JSON.
    public var json: String {
        "{" + figures.map { "\(Self.quoted($0.key)):\(Self.json($0.value))" }.joined(separator: ",") + "}\n"
    }

    mutating func set(_ key: String, _ text: String) { figures.append((key, .text(text))) }
    mutating func set(_ key: String, _ count: some BinaryInteger) {
        figures.append((key, .count(Int(clamping: count))))
    }
    mutating func set(_ key: String, _ number: Double, places: Int) {
        figures.append((key, .number(number, places: places)))
    }
    mutating func set(_ key: String, _ counts: [(name: String, count: Int)]) { figures.append((key, .counts(counts))) }
    mutating func say(_ line: String) { lines.append(line) }

    private static func json(_ value: Value) -> String {
        switch value {
        case .text(let text): quoted(text)
        case .count(let count): "\(count)"
        case .number(let number, let places): decimal(number, places)
        case .counts(let counts):
            "{" + counts.map { "\(quoted($0.name)):\($0.count)" }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// A number with so many decimal places; 0 for what is no number.
func decimal(_ number: Double, _ places: Int) -> String {
    let factor = (0..<places).reduce(1.0) { product, _ in product * 10 }
    let scaled = (number.isFinite ? number : 0) * factor
    let whole = Int64(max(min(scaled.rounded(), 9e17), -9e17))
    guard places > 0 else { return "\(whole)" }
    let digits = "\(whole.magnitude)"
    let padded = String(repeating: "0", count: max(places + 1 - digits.count, 0)) + digits
    return (whole < 0 ? "-" : "") + padded.dropLast(places) + "." + padded.suffix(places)
}

/// What a report is of, with the word that a person gave it.
func titled(_ what: String, _ label: String) -> String { label.isEmpty ? what : "\(what) (\(label))" }

/// A part of a whole; 0 of nothing.
func ratio(_ part: Double, _ whole: Double) -> Double { whole > 0 ? part / whole : 0 }

extension LoadReport {
    /// The figures of the processors between two readings, for each of `count` operations.
    mutating func addProcessors(
        _ first: ServerMeter,
        _ last: ServerMeter,
        count: Double,
        per operation: String,
        hasServer: Bool
    ) {
        let wall = Double(last.time &- first.time) / 1e9
        let server = last.server - first.server
        let own = last.own - first.own
        let busy = last.busy - first.busy
        let user = last.user - first.user
        let userPart = ratio(user, user + last.system - first.system)
        let others = hasServer ? ratio(busy - server - own, wall) : 0
        let stolen = ratio(last.stolen - first.stolen, wall)
        set("server_cpu_us_per_op", ratio(server * 1e6, count), places: 3)
        set("server_cores", ratio(server, wall), places: 3)
        set("server_user_frac", userPart, places: 3)
        set("load_cpu_us_per_op", ratio(own * 1e6, count), places: 3)
        set("load_cores", ratio(own, wall), places: 3)
        set("other_cores", others, places: 3)
        set("steal_cores", stolen, places: 3)
        if hasServer {
            say(
                "  server's CPU: \(decimal(ratio(server * 1e6, count), 3)) us for each \(operation), "
                    + "\(decimal(ratio(server, wall), 2)) cores busy, \(decimal(100 * userPart, 0)) % of it in its own code"
            )
        }
        say(
            "  load's CPU: \(decimal(ratio(own * 1e6, count), 3)) us for each \(operation), "
                + "\(decimal(ratio(own, wall), 2)) cores; "
                + (hasServer ? "others \(decimal(others, 2)) cores, " : "") + "stolen \(decimal(stolen, 2))"
        )
    }

    /// p50 and p99 of a histogram in microseconds, under keys with something between.
    mutating func addQuantiles(_ histogram: Histogram, _ infix: String = "") {
        set("p50\(infix)_us", histogram.quantile(0.5) / 1000, places: 1)
        set("p99\(infix)_us", histogram.quantile(0.99) / 1000, places: 1)
    }

    /// Adds how often requests failed, and of which cause; says what can be done about it.
    mutating func addErrors(_ errors: LoadErrors) {
        set("errors_by_code", errors.list)
        for entry in errors.list { say("  failed: \(entry.name), \(entry.count) times\(errors.hint(entry.name))") }
    }
}

extension Histogram {
    /// Its quantiles as words.
    var text: String {
        "p50 \(decimal(quantile(0.5) / 1000, 1)) us, p99 \(decimal(quantile(0.99) / 1000, 1)) us"
    }
}
