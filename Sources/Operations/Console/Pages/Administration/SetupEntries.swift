import Administration
import Foundation

/// What somebody typed into the setup form, and what is wrong with it.
struct SetupEntries: Sendable {
    /// The setting whose value is the hash of a password.
    static let passwordKey = "http-password-hash"
    /// The fields of the form for it.
    static let passwordNames = ["password", "password-2"]
    /// As in `stund password` and for other people of the console.
    static let shortestPassword = 8

    /// Texts of settings that are no secrets, by name, also of those that do not change.
    var typed: [String: String] = [:]
    /// Secrets that are to be removed.
    var removed: Set<String> = []
    /// New secrets, by name; they never go back to a browser.
    var secrets: [String: String] = [:]
    /// What is wrong with a setting, by name; what belongs to none has the empty name.
    var faults: [String: [String]] = [:]
    /// The texts that change, by name; nil gives a setting its default.
    var values: [String: String?] = [:]

    /// The name of a setting's field.
    static func field(_ key: String) -> String { "s-" + key }
    /// The name of the box that removes a secret.
    static func removal(_ key: String) -> String { "remove-" + key }

    /// Nothing typed yet.
    init() {}

    /// Takes a change as if somebody had typed it.
    init(_ change: SettingsChange) {
        for (key, text) in change.values {
            values.updateValue(text, forKey: key)
            typed[key] = text ?? ""
        }
    }

    /// Reads a form.
    ///
    /// - `kept`: secrets of the same form that were typed before.
    /// - `isWhole`: whether it has all fields, of which those count that differ from what is in force; else it has
    ///   those alone that are to be changed.
    init(_ form: Fields, _ report: SettingsReport, kept: [String: String], isWhole: Bool) {
        secrets = kept
        for field in report.fields {
            if form[Self.removal(field.name)] == "on" {
                secrets[field.name] = nil
                removed.insert(field.name)
                if field.isSet || !isWhole { values.updateValue(nil, forKey: field.name) }
            } else if field.isSecret {
                let text = form[Self.field(field.name)]
                if !text.isEmpty, field.name != Self.passwordKey { secrets[field.name] = text }
            } else if let text = form.optional(Self.field(field.name))?.trimmingCharacters(in: .whitespacesAndNewlines)
            {
                typed[field.name] = text
                // A browser does not send what a flag fixes; whoever does is told.
                if text != field.value || !isWhole { values.updateValue(text.isEmpty ? nil : text, forKey: field.name) }
            }
        }
        for (key, text) in secrets { values.updateValue(text, forKey: key) }
        readPassword(form)
    }

    /// The new password, when one was typed twice.
    private(set) var password: String?

    private mutating func readPassword(_ form: Fields) {
        let (one, other) = (form[Self.passwordNames[0]], form[Self.passwordNames[1]])
        guard !one.isEmpty || !other.isEmpty else { return }
        // What was kept is older than what was typed now.
        secrets[Self.passwordKey] = nil
        values[Self.passwordKey] = nil
        if one != other {
            faults[Self.passwordKey] = ["differ"]
        } else if one.count < Self.shortestPassword {
            faults[Self.passwordKey] = ["short"]
        } else {
            password = one
        }
    }

    /// Takes the hash of the new password.
    mutating func set(passwordHash: String) {
        secrets[Self.passwordKey] = passwordHash
        removed.remove(Self.passwordKey)
        values.updateValue(passwordHash, forKey: Self.passwordKey)
    }

    /// Takes why a change is refused.
    mutating func take(_ error: any Error) {
        guard let refusal = error as? SettingsRefusal else {
            faults["", default: []].append("\(error)")
            return
        }
        for problem in refusal.problems {
            faults[problem.key ?? "", default: []].append(problem.message)
            // A secret that is wrong is typed anew.
            if let key = problem.key { secrets[key] = nil }
        }
    }
}
