import Administration
import ServerSettings

/// One field of the setup form, as the template `setup_field` shows it.
struct SetupField: Sendable {
    struct Option: Sendable {
        let word: String
        let isSelected: Bool
    }

    let key: String
    /// The name and id of the input.
    let id: String
    let label: String
    let help: String
    let allowed: String?
    let defaultText: String?
    let origin: String?
    let tags: [String]
    /// By what it is fixed.
    let fixedBy: String?
    let isEditable: Bool
    let isChoice: Bool
    let isText: Bool
    let options: [Option]
    /// The text in the field.
    let input: String
    /// The value for those who may not change it.
    let value: String
    let inputType: String?
    let inputMode: String?
    let autocomplete: String?
    /// Of a secret whether it is set.
    let secretState: String?
    /// The box that removes a secret.
    let removal: String?
    let isRemoved: Bool
    let faults: [String]
    let isFaulty: Bool

    /// The fields of a setting: two for the password, else one.
    static func fields(
        _ field: SettingsReport.Field,
        _ entries: SetupEntries,
        _ request: PageRequest
    ) -> [SetupField] {
        guard field.name == SetupEntries.passwordKey, request.isAdmin else {
            return [SetupField(field, entries, request, id: SetupEntries.field(field.name))]
        }
        return SetupEntries.passwordNames.map { SetupField(field, entries, request, id: $0) }
    }

    private init(
        _ field: SettingsReport.Field,
        _ entries: SetupEntries,
        _ request: PageRequest,
        id: String
    ) {
        let texts = request.texts
        let isConfirmation = id == SetupEntries.passwordNames[1]
        let isPassword = SetupEntries.passwordNames.contains(id)
        let text = entries.typed[field.name] ?? field.value
        key = field.name
        self.id = id
        label = texts[isConfirmation ? "label_password-2" : "label_\(field.name)"] ?? field.name
        help =
            isConfirmation
            ? texts("setup_password_again")
            : isPassword ? texts("setup_password_help") : texts["about_\(field.name)"] ?? field.help
        allowed = isPassword ? nil : Self.allowed(field, texts)
        defaultText = isPassword || field.defaultValue.isEmpty ? nil : field.defaultValue
        origin = isConfirmation || field.origin == "default" ? nil : Self.origin(field)
        tags = isConfirmation ? [] : Self.tags(field, texts)
        fixedBy = field.isFixed && !isConfirmation ? texts("setup_fixed", field.origin) : nil
        isEditable = request.isAdmin
        isChoice = !field.choices.isEmpty
        isText = field.choices.isEmpty
        // What was typed is kept even when it is none of the words.
        let words = field.choices + (field.choices.contains(text) ? [] : [text])
        options = isChoice ? words.map { Option(word: $0, isSelected: $0 == text) } : []
        input = field.isSecret ? "" : text
        value = field.isSecret || field.value.isEmpty ? "" : field.value
        inputType = field.isSecret ? "password" : nil
        inputMode = Self.isNumber(field) ? "numeric" : nil
        autocomplete = isPassword ? "new-password" : nil
        let isKept = entries.secrets[field.name] != nil
        secretState =
            !field.isSecret || isConfirmation
            ? nil : texts(isKept ? "setup_secret_kept" : field.isSet ? "setup_secret_set" : "setup_secret_not_set")
        removal =
            field.isSecret && field.isSet && !isConfirmation && !field.isFixed
            ? SetupEntries.removal(field.name) : nil
        isRemoved = entries.removed.contains(field.name)
        faults =
            isConfirmation ? [] : (entries.faults[field.name] ?? []).map { Self.message($0, of: field.name, texts) }
        isFaulty = entries.faults[field.name] != nil
    }

    /// The sentence of a fault; that of a setting need not begin with its name, which stands before it.
    static func message(_ fault: String, of name: String, _ texts: Texts) -> String {
        switch fault {
        case "differ": texts("setup_passwords_differ")
        case "short": texts("setup_password_short", String(SetupEntries.shortestPassword))
        default: fault.hasPrefix("\(name): ") ? String(fault.dropFirst(name.count + 2)) : fault
        }
    }

    private static func tags(_ field: SettingsReport.Field, _ texts: Texts) -> [String] {
        (field.needsRestart ? [texts("setup_needs_restart")] : []) + (field.isPending ? [texts("setup_pending")] : [])
    }

    /// `stund.yaml:3`; the folder stands above all settings.
    private static func origin(_ field: SettingsReport.Field) -> String {
        field.origin.split(separator: "/").last.map(String.init) ?? field.origin
    }

    private static func isNumber(_ field: SettingsReport.Field) -> Bool {
        if case .integer = Settings.key(named: field.name)?.kind { true } else { false }
    }

    /// What may be written, in the language of the page where it is known.
    private static func allowed(_ field: SettingsReport.Field, _ texts: Texts) -> String? {
        guard field.choices.isEmpty else { return nil }
        switch Settings.key(named: field.name)?.kind {
        case .integer(let range):
            return texts("allowed_integer", String(range.lowerBound), String(range.upperBound))
        case .autoOrInteger(let range):
            return texts("allowed_auto", String(range.lowerBound), String(range.upperBound))
        default: return texts["allowed_\(field.name)"] ?? field.allowed
        }
    }
}
