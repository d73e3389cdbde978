import AccountStore
import Foundation
import ServerSettings
import Testing

@testable import Administration

@Suite("Who may use the console")
struct OperatorTests {
    private let admin = AdministeredServer.admin

    @Test("http-user of the settings comes first, then the store; a wrong password is nobody's")
    func authenticate() async throws {
        let hash = try PasswordHash(password: "of-the-settings").description
        let host = try AdministeredServer("http-user: root\nhttp-password-hash: \(hash)\n")
        let who = host.administrator
        try await who.setOperator(name: "eve", password: "of-the-store", role: .viewer, by: admin)
        #expect(
            await who.authenticate(name: "root", password: "of-the-settings")
                == Operator(name: "root", role: .admin, way: .console)
        )
        #expect(
            await who.authenticate(name: "eve", password: "of-the-store")
                == Operator(name: "eve", role: .viewer, way: .console)
        )
        for (name, password) in [
            ("root", "of-the-store"), ("eve", "of-the-settings"), ("nobody", "of-the-store"), ("", ""), ("eve", ""),
            ("Eve", "of-the-store"), ("eve\0", "of-the-store"), ("eve", "of-the-store\0"), ("' OR 1=1 --", "x"),
            ("eve", String(repeating: "x", count: 65536)),
        ] { #expect(await who.authenticate(name: name, password: password) == nil, "\(name)") }
        try await who.setOperator(name: "eve", password: "another one", role: .admin, by: admin)
        #expect(await who.authenticate(name: "eve", password: "of-the-store") == nil)
        #expect(await who.authenticate(name: "eve", password: "another one")?.role == .admin)
        let report = try await who.operators()
        #expect(report.isPasswordSet && report.people.map(\.name) == ["root", "eve"])
        #expect(report.people.map(\.origin) == ["settings", "store"] && report.people.map(\.role) == [.admin, .admin])
        try await who.removeOperator(name: "eve", by: admin)
        #expect(await who.authenticate(name: "eve", password: "another one") == nil)
        await refuses("there is no operator \"eve\"") { try await who.removeOperator(name: "eve", by: admin) }
        await refuses("there is no operator") { try await who.removeOperator(name: "eve\0", by: admin) }
        await refuses("is http-user") { try await who.removeOperator(name: "root", by: admin) }
        #expect(host.told.count == 3 && !"\(host.told)".contains("of-the-store"))
        #expect(try !host.holds("another one") && !host.holds("of-the-store"))
    }

    @Test("A name that nobody has costs as much as any other: one hash of the usual cost, which no password fits")
    func unknownNames() throws {
        #expect(PasswordHash.nobody.description.hasPrefix("$scrypt$ln=15,r=8,p=1$"))
        for password in ["", "admin", "\u{E9}"] { #expect(!PasswordHash.nobody.matches(password)) }
        #expect(try PasswordHash(parsing: PasswordHash.nobody.description) == .nobody)
    }

    @Test("Without a password in the settings, http-user is nobody, and the report says that none is set")
    func noPassword() async throws {
        let host = try AdministeredServer()
        #expect(await host.administrator.authenticate(name: "admin", password: "") == nil)
        let report = try await host.administrator.operators()
        #expect(!report.isPasswordSet && report.people.isEmpty && report.tokens.isEmpty)
    }

    @Test("Names and passwords that cannot be used are refused with a sentence")
    func refusals() async throws {
        let host = try AdministeredServer("http-user: root\n")
        let cases = [
            ("root", "long enough", "is http-user"), ("", "long enough", "is empty"), ("a:b", "long enough", "colon"),
            (String(repeating: "x", count: 65), "long enough", "longer than 64 bytes"),
            ("a\u{1B}", "long enough", "U+001B"), ("a", "seven77", "at least 8 characters"),
            ("a", "long\tenough", "control character"), ("a", String(repeating: "x", count: 1025), "longer than 1024"),
        ]
        for (name, password, words) in cases {
            await refuses(words) {
                try await host.administrator.setOperator(name: name, password: password, role: .admin, by: admin)
            }
        }
        #expect(try await host.administrator.operators().people.isEmpty && host.told.isEmpty)
    }

    @Test("There may be 100 people and 100 tokens")
    func limits() async throws {
        let host = try AdministeredServer()
        let store = try AccountStore(path: host.database)
        for number in 0..<100 {
            try store.set(StoredOperator(name: "\(number)", hash: "x", role: "viewer", created: 1))
            _ = try await host.administrator.addToken(name: "\(number)", role: .viewer, days: nil, by: admin)
        }
        // One that is there may have a new password all the same.
        try await host.administrator.setOperator(name: "0", password: "long enough", role: .admin, by: admin)
        await refuses("100 operators are the most") {
            try await host.administrator.setOperator(name: "a", password: "long enough", role: .admin, by: admin)
        }
        await refuses("100 tokens are the most") {
            _ = try await host.administrator.addToken(name: "a", role: .viewer, days: nil, by: admin)
        }
        let report = try await host.administrator.operators()
        #expect(report.people.count == 100 && report.tokens.count == 100)
    }

    @Test("A token is told once, works until it ends or is removed, and only its hash is kept")
    func tokens() async throws {
        let host = try AdministeredServer()
        let who = host.administrator
        let token = try await who.addToken(name: "grafana", role: .viewer, days: nil, by: admin)
        #expect(token.secret.wholeMatch(of: /stund_[A-Za-z0-9_-]{43}/) != nil)
        let expected = Operator(name: "grafana", role: .viewer, way: .token)
        #expect(await who.authenticate(token: token.secret) == expected)
        for wrong in [
            "", "stund_", token.secret + "x", String(token.secret.dropLast()), token.secret.uppercased(), "grafana",
        ] {
            #expect(await who.authenticate(token: wrong) == nil)
        }
        await refuses("there is a token called \"grafana\"") {
            _ = try await who.addToken(name: "grafana", role: .admin, days: 1, by: admin)
        }
        let short = try await who.addToken(name: "short", role: .admin, days: 2, by: admin)
        let operators = OperatorAccounts(Settings(), store: try AccountStore(path: host.database))
        let now = Int64(Date().timeIntervalSince1970)
        #expect(operators.authenticate(token: short.secret, at: now + 2 * 86400 - 60)?.role == .admin)
        #expect(operators.authenticate(token: short.secret, at: now + 2 * 86400 + 60) == nil)
        let tokens = try await who.operators().tokens
        #expect(tokens.map(\.name) == ["grafana", "short"])
        #expect(tokens[0].expires == nil && tokens[1].expires != nil)
        #expect(try !host.holds(token.secret) && !"\(host.told)".contains(token.secret))
        await refuses("there is no token") { try await who.removeToken(name: "grafana\0", by: admin) }
        try await who.removeToken(name: "grafana", by: admin)
        #expect(await who.authenticate(token: token.secret) == nil)
        await refuses("there is no token called \"grafana\"") { try await who.removeToken(name: "grafana", by: admin) }
        for days in [0, -1, 36_526, Int.max] {
            await refuses("days") { _ = try await who.addToken(name: "x", role: .admin, days: days, by: admin) }
        }
    }
}
