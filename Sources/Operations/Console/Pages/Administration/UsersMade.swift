import Administration
import Foundation

extension UsersModel {
    /// Something that is told once: a password, secret or token that was made, or a credential.
    struct Made: Sendable {
        struct Part: Sendable {
            /// What the Copy button names it by.
            let anchor: String
            let caption: String
            let content: String
        }

        let heading: String
        let note: String
        let parts: [Part]

        /// A password or secret.
        init(_ made: NewSecret, title: String, _ request: PageRequest) {
            heading = request.texts(title, TerminalText.visible(made.name))
            note = request.texts("users_told_once")
            parts = [Part(anchor: "made", caption: request.texts("users_value"), content: made.secret)]
        }

        /// A token, with how to use it.
        init(_ made: NewSecret, token: Bool, consoleURL: String, _ request: PageRequest) {
            heading = request.texts("users_made_token", TerminalText.visible(made.name))
            note = request.texts("users_told_once")
            parts = [
                Part(anchor: "made", caption: request.texts("users_value"), content: made.secret),
                Part(
                    anchor: "curl",
                    caption: request.texts("users_with_curl"),
                    content: "curl -H 'Authorization: Bearer \(made.secret)' \(consoleURL)api/v1/status"
                ),
            ]
        }

        /// A credential in the forms in which it is used.
        init(_ report: CredentialReport, _ request: PageRequest) {
            let texts = request.texts
            heading = texts("users_made_credential", ShownLogEntry.time(report.expires))
            note = texts("users_made_of", TerminalText.visible(report.secret))
            var parts: [Part] = []
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            if let data = try? encoder.encode(["iceServers": report.iceServers]) {
                parts.append(
                    Part(
                        anchor: "ice",
                        caption: texts("users_for_browser"),
                        content: String(decoding: data, as: UTF8.self)
                    )
                )
            }
            if !report.otherURIs.isEmpty {
                let lines = report.otherURIs.joined(separator: "\n")
                parts.append(Part(anchor: "other", caption: texts("users_for_others"), content: lines))
            }
            if let line = Self.uclient(report) {
                parts.append(Part(anchor: "uclient", caption: texts("users_for_uclient"), content: line))
            }
            self.parts = parts
        }

        /// How coturn's client logs in with the credential: two of its sessions send to each other over the relay.
        private static func uclient(_ report: CredentialReport) -> String? {
            for server in report.iceServers {
                guard let name = server.username, let password = server.credential,
                    let url = server.urls.first(where: { $0.hasPrefix("turn:") })
                else { continue }
                let place = url.dropFirst("turn:".count).prefix { $0 != "?" }
                var host = String(place)
                var port = "3478"
                if let colon = place.lastIndex(of: ":"), !place.hasSuffix("]") {
                    host = String(place[..<colon])
                    port = String(place[place.index(after: colon)...])
                }
                let address = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
                return
                    "turnutils_uclient -s -y -c -p \(port) -u \(quoted(name)) -w \(quoted(password)) \(quoted(address))"
            }
            return nil
        }

        /// `text` as one word of a shell.
        static func quoted(_ text: String) -> String {
            let isPlain = text.utf8.allSatisfy { byte in
                byte >= 0x30 && byte <= 0x39 || byte >= 0x41 && byte <= 0x5A || byte >= 0x61 && byte <= 0x7A
                    || "-._:/+=@".utf8.contains(byte)
            }
            return isPlain && !text.isEmpty ? text : "'" + text.replacing("'", with: "'\\''") + "'"
        }
    }
}
