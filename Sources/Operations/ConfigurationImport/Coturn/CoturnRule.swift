/// What becomes of one of coturn's options.
enum CoturnRule: Sendable {
    /// What becomes of it, and the settings that say it here.
    struct Meaning: Sendable {
        var outcome: ImportedLine.Outcome
        var text: String
        var settings: [String: String] = [:]
    }

    /// The number is that of a setting, within its limits; `zero` is what 0 means here.
    case number(String, ClosedRange<Int>, zero: String?)
    /// A number that means what it says here too when it is this one; else the text says why not.
    case fixedNumber(Int, String)
    /// On or off; off is as without the line.
    case flag(Meaning)
    /// On or off, where off means something too.
    case onOff(on: Meaning, off: Meaning)
    /// The same, whatever its value.
    case any(Meaning)
    /// It depends on its value or on other lines.
    case special

    /// On, it is how this server is by itself.
    static func always(_ text: String) -> CoturnRule { .flag(Meaning(outcome: .honoured, text: text)) }
    /// On, it makes settings.
    static func sets(_ settings: [String: String], _ text: String = "") -> CoturnRule {
        .flag(Meaning(outcome: .honoured, text: text, settings: settings))
    }
    /// On, it asks for what is not here.
    static func lacks(_ text: String) -> CoturnRule { .flag(Meaning(outcome: .missing, text: text)) }
    /// On, something like it is here.
    static func likely(_ text: String, _ settings: [String: String] = [:]) -> CoturnRule {
        .flag(Meaning(outcome: .differs, text: text, settings: settings))
    }
    /// With any value, nothing of it is here.
    static func absent(_ text: String) -> CoturnRule { .any(Meaning(outcome: .missing, text: text)) }
    /// With any value, it is taken care of by itself.
    static func needless(_ text: String) -> CoturnRule { .any(Meaning(outcome: .honoured, text: text)) }
}
