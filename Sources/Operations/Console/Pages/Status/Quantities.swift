/// Numbers and quantities as people of a language write them.
struct Quantities: Sendable {
    private let point: String

    /// The way of `language`.
    init(_ language: Language) {
        point = language == .german ? "," : "."
    }

    /// Joins a number and its unit, so that no line ends between them.
    private static let joint = "\u{A0}"
    /// Between groups of three digits, as ISO 80000-1 has it for all languages.
    private static let group = "\u{202F}"
    private static let prefixes = ["", "k", "M", "G", "T", "P", "E"]

    /// A whole number, its digits in groups of three: `1 234`.
    func number(_ value: some BinaryInteger) -> String {
        let digits = String(value)
        guard digits.utf8.count > 4 else { return digits }
        var result = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.utf8.count - index).isMultiple(of: 3), result != "-" { result += Self.group }
            result.append(digit)
        }
        return result
    }

    /// A number with about three digits that count: `0.05`, `1.25`, `12.5`, `1 250`.
    func decimal(_ value: Double) -> String {
        guard value.isFinite, value > 0 else { return "0" }
        guard value < 99.95 else { return number(UInt64(exactly: value.rounded()) ?? .max) }
        let scale: UInt64 = value < 9.995 ? 100 : 10
        let scaled = UInt64((value * Double(scale)).rounded())
        var fraction = String(scaled % scale + scale).dropFirst()
        while fraction.last == "0" { fraction.removeLast() }
        return number(scaled / scale) + (fraction.isEmpty ? "" : point + fraction)
    }

    /// A quantity in the largest decimal unit that it fills: `1.25 Mbit/s`.
    func scaled(_ value: Double, _ unit: String) -> String {
        var value = value.isFinite ? max(0, value) : 0
        var prefix = 0
        while value >= 999.5, prefix < Self.prefixes.count - 1 {
            value /= 1000
            prefix += 1
        }
        return decimal(value) + Self.joint + Self.prefixes[prefix] + unit
    }

    /// A number that an axis has room for: `500`, `20 M`.
    func brief(_ value: Double) -> String {
        let text = scaled(value, "")
        return text.hasSuffix(Self.joint) ? String(text.dropLast()) : text
    }

    /// How often a second.
    func rate(_ value: Double) -> String { decimal(value) + "/s" }

    /// Bits a second.
    func bits(_ value: Double) -> String { scaled(value, "bit/s") }

    /// Bytes.
    func bytes(_ count: UInt64) -> String { scaled(Double(count), "B") }

    /// A part of a whole in percent; empty without a whole.
    func share(_ part: UInt64, of whole: UInt64) -> String {
        guard whole > 0 else { return "" }
        let percent = Double(part) / Double(whole) * 100
        return (percent > 0 && percent < 1 ? "<" + Self.joint + "1" : number(Int(percent.rounded()))) + Self.joint + "%"
    }
}
