import Administration
import Foundation
import ServerSettings
import Synchronization
import Testing

@testable import Console

/// A console on a free port of this host, with a canned server and a real Administrator on files of its own.
final class ConsoleFixture: Sendable {
    /// What came back.
    struct Answer: Sendable {
        let status: Int
        let headers: [String: String]
        let text: String

        /// Reads what curl prints: the head of the answer, an empty line, the body.
        init(_ data: Data) throws {
            let end = try #require(data.range(of: Data("\r\n\r\n".utf8)))
            let lines = String(decoding: data[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
            status = try #require(lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
            headers = Dictionary(
                lines.dropFirst().compactMap { line in
                    line.firstRange(of: ": ").map {
                        (line[..<$0.lowerBound].lowercased(), String(line[$0.upperBound...]))
                    }
                }
            ) { $1 }
            text = String(decoding: data[end.upperBound...], as: UTF8.self)
        }

        /// The JSON in it.
        func json<Value: Decodable>(_ type: Value.Type) throws -> Value {
            try JSONDecoder().decode(type, from: Data(text.utf8))
        }

        /// The token that the forms of a page carry.
        var formToken: String {
            guard let start = text.range(of: "name=\"token\" value=\"")?.upperBound else { return "" }
            return String(text[start...].prefix { $0 != "\"" })
        }
    }

    /// The password of `admin` where one is set.
    static let password = "correct horse battery"
    /// Its hash, made with little cost.
    private static let hash = Mutex<String?>(nil)

    let folder: URL
    let server: CannedServer
    let administrator: Administrator
    let console: ConsoleServer

    /// Starts a console; `settings` are lines of its settings file.
    init(hasPassword: Bool = false, settings: String = "", flags: [String: String] = [:]) async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "stund-console-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var text = "http-port: \(UInt16.random(in: 20000...29999))\n" + settings
        if hasPassword { text += "http-password-hash: '\(try Self.passwordHash())'\n" }
        let file = folder.appending(path: "stund.yaml")
        try text.write(to: file, atomically: true, encoding: .utf8)
        let sources = SettingsSources(file: file.path(), flags: flags)
        server = try CannedServer(settingsFrom: sources)
        administrator = try Administrator(
            server,
            settingsFrom: sources,
            database: folder.appending(path: "stund.sqlite").path()
        )
        console = try ConsoleServer(
            administrator,
            version: "0.0.0",
            urlFile: folder.appending(path: "http.url").path()
        ) { _ in }
        await console.start()
    }

    /// Ends it and removes its files.
    func stop() async {
        await console.stop()
        try? FileManager.default.removeItem(at: folder)
    }

    private static func passwordHash() throws -> String {
        try hash.withLock { hash in
            let text = try hash ?? PasswordHash(password: password).description
            hash = text
            return text
        }
    }

    /// The address of a path on this host.
    func url(_ path: String) throws -> URL {
        let base = try #require(console.url.flatMap(URL.init(string:)))
        let port = base.port.map { ":\($0)" } ?? ""
        let host = base.host()?.contains(":") == true ? "[::1]" : "127.0.0.1"
        return try #require(URL(string: "http://\(host)\(port)\(path)"))
    }

    /// Sends a request with curl, which follows nothing and remembers nothing.
    ///
    /// - `door`: the port of those who come by TLS, and the port to come from; nil for the usual one.
    func send(
        _ method: String,
        _ path: String,
        headers: [String: String] = [:],
        body: Data? = nil,
        door: (port: UInt16, from: UInt16)? = nil
    ) async throws -> Answer {
        var arguments = ["--silent", "--show-error", "--include", "--max-time", "30", "--globoff", "--request", method]
        if method == "HEAD" { arguments.append("--head") }
        for (name, value) in headers { arguments += ["--header", "\(name): \(value)"] }
        if body != nil { arguments += ["--data-binary", "@-", "--header", "Expect:"] }
        let process = Process()
        let (input, output) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
        if let door {
            process.arguments = arguments + ["--local-port", "\(door.from)", "http://127.0.0.1:\(door.port)\(path)"]
        } else {
            process.arguments = arguments + [try url(path).absoluteString]
        }
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        // Left to themselves they stay open until the end of all tests, and those are many.
        defer { try? output.fileHandleForReading.close() }
        input.fileHandleForWriting.write(body ?? Data())
        try input.fileHandleForWriting.close()
        return try Answer(output.fileHandleForReading.readDataToEndOfFile())
    }

    /// Gets a page in a language.
    func get(_ path: String, language: String = "en", headers: [String: String] = [:]) async throws -> Answer {
        try await send("GET", path, headers: ["Accept-Language": language].merging(headers) { $1 })
    }

    /// Sends a form with the token of the page that it stands on, unless the fields have one.
    func post(
        _ path: String,
        _ fields: [String: String],
        headers: [String: String] = [:]
    ) async throws -> Answer {
        var fields = fields
        if fields["token"] == nil { fields["token"] = try await get(path, headers: headers).formToken }
        let text = fields.map { "\(Fields.encoded($0.key))=\(Fields.encoded($0.value))" }.joined(separator: "&")
        return try await send(
            "POST",
            path,
            headers: ["Content-Type": "application/x-www-form-urlencoded"].merging(headers) { $1 },
            body: Data(text.utf8)
        )
    }

    /// The header of HTTP Basic.
    static func basic(_ name: String = "admin", _ password: String = ConsoleFixture.password) -> [String: String] {
        ["Authorization": "Basic " + Data("\(name):\(password)".utf8).base64EncodedString()]
    }
}
