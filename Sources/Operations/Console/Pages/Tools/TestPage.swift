import Administration
import Foundation
import HTTPTypes
import ServerSettings

/// A test of this server by the WebRTC of the browser that shows the page, with what the server saw of it beside.
struct TestPage: ConsolePage {
    let name = "test"
    let administrator: Administrator

    private struct Model: Sendable {
        let host: String
        let port1: Int
        let port2: Int
        let hasRelay: Bool
        /// The names of the test's parts, in their order.
        let steps: String
        /// The words of the script, as JSON.
        let texts: String
        let users: String
    }

    /// What the names of those begin with.
    private static let scriptTexts = "test_js_"

    /// Each way to the relay that the settings serve is tried by itself.
    private static func steps(_ settings: Settings) -> String {
        let ways = ["udp"] + (settings.tcp ? ["tcp"] : []) + (settings.tlsCertificate == nil ? [] : ["tls"])
        return (["credential", "stun"] + ways + ["relay", "connect", "echo", "rate"]).joined(separator: " ")
    }

    func show(_ request: PageRequest) async throws -> PageBody {
        let settings = administrator.server.settings.settings
        let relay = try await administrator.server.status().relay
        // What a credential without a host would name; making one here would be a change.
        let place = IceServers.place(nil, settings, found: relay?.mainAddress)
        var texts: [String: String] = [:]
        for (key, text) in request.texts.all where key.hasPrefix(Self.scriptTexts) {
            texts[String(key.dropFirst(Self.scriptTexts.count))] = text
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let model = Model(
            host: "\(place)",
            port1: Int(settings.stunPort1),
            port2: Int(settings.stunPort2),
            hasRelay: relay != nil,
            steps: Self.steps(settings),
            texts: String(decoding: try encoder.encode(texts), as: UTF8.self),
            users: request.path("users")
        )
        return PageBody(template: "test", model: model, script: request.isAdmin ? "test.js" : nil)
    }
}
