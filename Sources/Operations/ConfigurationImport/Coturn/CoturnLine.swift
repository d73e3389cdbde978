/// A line of turnserver.conf as coturn reads it: a name, then spaces or equals signs, then the value, perhaps in quotes.
struct CoturnLine {
    let number: Int
    let name: String
    let value: String
    /// Why it cannot be read; nil when it can.
    let fault: String?

    init(_ line: ForeignText.Line) {
        number = line.number
        let isBetween: (Character) -> Bool = { $0 == " " || $0 == "=" || $0 == "\t" }
        name = String(line.text.prefix { !isBetween($0) })
        var value = line.text.dropFirst(name.count).drop(while: isBetween)
        if value.first == "\"" {
            value = value.dropFirst()
            if value.last == "\"" { value = value.dropLast() }
        }
        self.value = String(value)
        fault = line.fault
    }

    /// Whether an option that is on or off is on, as it is without a value; nil when the value is neither.
    var isOn: Bool? {
        guard let first = value.lowercased().first else { return true }
        if "0nf".contains(first) { return false }
        if "yt123456789".contains(first) { return true }
        switch value.lowercased() {
        case "off": return false
        case "on": return true
        default: return nil
        }
    }

    /// The number that the value begins with, which is all that coturn looks at; nil when it is none, or letters follow.
    var integer: Int? {
        let digits = value.prefix { $0.isASCII && $0.isNumber }
        guard let next = value.dropFirst(digits.count).first else { return Int(digits) }
        return " \t;#".contains(next) ? Int(digits) : nil
    }
}
