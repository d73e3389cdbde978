import Addresses
import Administration
import Foundation
import HTTPTypes
import Hummingbird
import Observability

/// Finds out who asks: by session cookie, HTTP Basic or bearer token; or anybody on this host while no password is set.
final class Gatekeeper: Sendable {
    let administrator: Administrator
    let sessions = Sessions()
    private let brake = LoginBrake()
    private let basicCache = BasicCache()
    /// What forms carry that are sent without a session.
    private let commonFormToken = RandomToken.make()

    init(_ administrator: Administrator) { self.administrator = administrator }

    /// Why somebody is not let in.
    enum Refusal: Error {
        /// They gave no proof of who they are, or a wrong one.
        case unknown
        /// They have guessed too often and wait for so long.
        case wait(Duration)
    }

    /// Who sends `request`; nil when it carries no proof of that.
    ///
    /// - Throws: When the proof is wrong, or the client may not try now.
    func visitor(of request: Request, from client: IPAddress) async throws(Refusal) -> Visitor? {
        if let header = request.headers[.authorization] {
            return try await visitor(header, from: client)
        }
        if let id = request.cookies[Sessions.cookie]?.value, let session = sessions.find(id) {
            guard await administrator.storedHash(of: session.person.name) == session.credential else {
                sessions.end(id)
                return nil
            }
            return Visitor(person: session.person, formToken: session.formToken, hasSession: true)
        }
        // Only this host reaches the console then (`ConsoleAddress`), but for connections of the moment before.
        guard !administrator.asksForLogin, client.isLoopback else { return nil }
        let person = Operator(name: "anybody on this host", role: .admin, way: .console)
        return Visitor(person: person, formToken: commonFormToken, isOpen: true)
    }

    private func visitor(_ header: String, from client: IPAddress) async throws(Refusal) -> Visitor {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { throw .unknown }
        switch parts[0].lowercased() {
        case "bearer":
            // Without the brake, as nobody guesses 256 bits: a script with a token that has ended must not lock out the people
            // and scripts beside it.
            guard let person = await administrator.authenticate(token: String(parts[1])) else {
                administrator.server.tell(.consoleLoginRefused, "Console login refused from \(client): an API token")
                throw .unknown
            }
            return Visitor(person: person)
        case "basic":
            guard let (name, password) = Self.basic(parts[1]) else { throw .unknown }
            let credential = await administrator.storedHash(of: name) ?? ""
            if !credential.isEmpty, let person = basicCache.find(header, credential: credential) {
                return Visitor(person: person, formToken: commonFormToken)
            }
            let person = try await check(name: name, password: password, from: client)
            basicCache.keep(header, credential: credential, person)
            return Visitor(person: person, formToken: commonFormToken)
        default:
            throw .unknown
        }
    }

    /// Begins a session for whoever has this name and password; gives the value of its cookie.
    func logIn(name: String, password: String, from client: IPAddress) async throws(Refusal) -> String {
        let credential = await administrator.storedHash(of: name) ?? ""
        let person = try await check(name: name, password: password, from: client)
        return sessions.begin(person, credential: credential)
    }

    private func check(name: String, password: String, from client: IPAddress) async throws(Refusal) -> Operator {
        try checkBrake(client)
        guard let person = await administrator.authenticate(name: name, password: password) else {
            throw fail("\"\(name.prefix(64))\"", client)
        }
        brake.succeeded(client)
        return person
    }

    private func checkBrake(_ client: IPAddress) throws(Refusal) {
        if let wait = brake.wait(for: client) { throw .wait(wait) }
    }

    /// Counts and logs a wrong proof.
    private func fail(_ who: String, _ client: IPAddress) -> Refusal {
        let isLocked = brake.failed(client)
        let pause = isLocked ? "; no more tries from there for \(LoginBrake.pause.components.seconds) s" : ""
        administrator.server.tell(.consoleLoginRefused, "Console login refused from \(client): \(who)\(pause)")
        return .unknown
    }

    /// Name and password of RFC 7617: the name ends at the first colon.
    private static func basic(_ text: Substring) -> (name: String, password: String)? {
        guard let data = Data(base64Encoded: String(text)), let both = String(data: data, encoding: .utf8),
            let colon = both.firstIndex(of: ":")
        else { return nil }
        return (String(both[..<colon]), String(both[both.index(after: colon)...]))
    }
}
