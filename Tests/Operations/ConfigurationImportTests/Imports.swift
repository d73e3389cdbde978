import ConfigurationImport
import ServerSettings

/// A configuration of coturn in /etc/coturn; files in /not are not there.
func coturn(_ text: String) throws -> SettingsImport {
    try SettingsImport.read(Array(text.utf8), form: .coturn, folder: "/etc/coturn/") { !$0.hasPrefix("/not/") }
}

/// A configuration whose names tell what it is.
func read(_ text: String) throws -> SettingsImport { try SettingsImport.read(Array(text.utf8)) }

func values(_ result: SettingsImport) -> [String: String] {
    Dictionary(result.rows.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
}

/// The outcomes in the order of the lines.
func outcomes(_ result: SettingsImport) -> String { result.lines.map(\.outcome.rawValue).joined(separator: " ") }

/// The settings that the file would mean.
@discardableResult
func load(_ result: SettingsImport) throws -> LoadedSettings {
    try SettingsDraft(result.rows, heading: ["Made by a test."], path: "stund.yaml").load(from: SettingsSources())
}
