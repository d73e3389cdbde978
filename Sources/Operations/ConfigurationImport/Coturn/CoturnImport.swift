import Addresses
import ServerSettings

/// Reads turnserver.conf.
struct CoturnImport {
    let folder: String
    let isReadable: (String) -> Bool

    var result = SettingsImport(form: .coturn)
    /// The settings so far, and the line that each comes from.
    private(set) var values: [String: (text: String, line: Int)] = [:]
    private(set) var lines: [CoturnLine] = []

    init(folder: String, isReadable: @escaping (String) -> Bool) {
        self.folder = folder
        self.isReadable = isReadable
    }

    mutating func read(_ text: ForeignText) -> SettingsImport {
        lines = text.lines.map(CoturnLine.init)
        var last: [String: Int] = [:]
        for line in lines { last[line.name] = line.number }
        for line in lines {
            if let fault = line.fault {
                tell(line, .wrong, fault)
            } else if let rule = CoturnOptions.rules[line.name] {
                if let later = last[line.name], later != line.number, !CoturnOptions.repeated.contains(line.name) {
                    tell(line, .honoured, "line \(later) says it anew, and the last one counts")
                } else if case .special = rule {
                    takeSpecial(line)
                } else {
                    take(line, by: rule)
                }
            } else {
                tellUnknown(line)
            }
        }
        takePorts()
        takeAddresses()
        takePeers()
        takeCredentials()
        takeCertificate()
        takeBandwidth()
        addNotes()
        result.lines.sort { $0.number < $1.number }
        result.rows = Settings.keys.compactMap { key in
            values[key.name].map { .init(key: key.name, value: $0.text, comment: comment(of: $0.line)) }
        }
        return result
    }

    private func comment(of line: Int) -> String {
        lines.first { $0.number == line }.map { "line \(line): \($0.name)" } ?? ""
    }

    // MARK: What the parts use

    /// The line that counts of an option that is given once; nil without one.
    func line(_ name: String) -> CoturnLine? { lines.last { $0.name == name && $0.fault == nil } }

    /// All lines of an option.
    func all(_ name: String) -> [CoturnLine] { lines.filter { $0.name == name && $0.fault == nil } }

    /// Whether an option that is on or off is on.
    func isOn(_ name: String) -> Bool { line(name)?.isOn == true }

    mutating func tell(_ line: CoturnLine, _ outcome: ImportedLine.Outcome, _ text: String) {
        result.lines.append(ImportedLine(number: line.number, name: line.name, outcome: outcome, text: text))
    }

    mutating func set(_ key: String, _ text: String, from line: CoturnLine) { values[key] = (text, line.number) }

    mutating func forget(_ key: String) { values[key] = nil }

    /// Tells that a line became a setting, or that the setting would refuse it.
    mutating func become(_ key: String, _ text: String, from line: CoturnLine, differing why: String? = nil) {
        if let complaint = Settings.complaint(about: text, for: key) {
            tell(line, .wrong, "\(key): \(complaint)")
            return
        }
        set(key, text, from: line)
        let isSecret = Settings.key(named: key)?.isSecret == true
        let text = "\(key): \(isSecret ? "(set)" : text)"
        tell(line, why == nil ? .honoured : .differs, why.map { "\(text); \($0)" } ?? text)
    }

    // MARK: The table's rules

    private mutating func take(_ line: CoturnLine, by rule: CoturnRule) {
        switch rule {
        case .number(let key, let range, let zero):
            guard let number = integer(of: line) else { return }
            if number == 0, let zero { return become(key, zero, from: line) }
            let nearest = min(max(number, range.lowerBound), range.upperBound)
            // A port that is out of range is no other port.
            guard nearest == number || !key.hasSuffix("port") else {
                return tell(line, .wrong, "\(quoted(line.value)) is no port")
            }
            become(key, "\(nearest)", from: line, differing: nearest == number ? nil : "\(number) is not allowed here")
        case .fixedNumber(let number, let text):
            guard let value = integer(of: line) else { return }
            tell(line, value == number ? .honoured : .missing, text)
        case .flag(let meaning): takeFlag(line, on: meaning, off: nil)
        case .onOff(let on, let off): takeFlag(line, on: on, off: off)
        case .any(let meaning): take(line, as: meaning)
        case .special: break
        }
    }

    private mutating func takeFlag(_ line: CoturnLine, on: CoturnRule.Meaning, off: CoturnRule.Meaning?) {
        guard let isOn = line.isOn else { return tell(line, .wrong, "\(quoted(line.value)) is neither on nor off") }
        if isOn {
            take(line, as: on)
        } else if let off {
            take(line, as: off)
        } else {
            tell(line, .honoured, "it is off, which is as without the line")
        }
    }

    private mutating func take(_ line: CoturnLine, as meaning: CoturnRule.Meaning) {
        var words = meaning.text.isEmpty ? [] : [meaning.text]
        for (key, value) in meaning.settings.sorted(by: { $0.key < $1.key }) {
            set(key, value, from: line)
            words.insert("\(key): \(value)", at: 0)
        }
        tell(line, meaning.outcome, words.joined(separator: "; "))
    }

    private mutating func tellUnknown(_ line: CoturnLine) {
        let nearest = Settings.nearest(to: line.name, in: Array(CoturnOptions.rules.keys.sorted()))
        let question = nearest.map { " (did you mean \($0)?)" } ?? ""
        tell(line, .unknown, "coturn has no such option and passes over the line\(question)")
    }

    /// The number of a line, or nil after telling that there is none.
    mutating func integer(of line: CoturnLine) -> Int? {
        guard let number = line.integer else {
            tell(line, .wrong, "\(quoted(line.value)) is no whole number")
            return nil
        }
        return number
    }
}
