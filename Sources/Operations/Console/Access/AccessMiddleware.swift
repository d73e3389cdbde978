import Addresses
import Administration
import HTTPTypes
import Hummingbird

/// Lets requests through to pages and API that are meant and permitted, with who sent them in the context.
struct AccessMiddleware: RouterMiddleware {
    let gatekeeper: Gatekeeper

    func handle(
        _ request: Request,
        context: ConsoleContext,
        next: (Request, ConsoleContext) async throws -> Response
    ) async throws -> Response {
        if let refusal = forgery(in: request) { throw refusal }
        var context = context
        do throws(Gatekeeper.Refusal) {
            context.visitor = try await gatekeeper.visitor(of: request, from: context.client)
        } catch {
            throw ConsoleError(error, asksForBasic: true)
        }
        return try await next(request, context)
    }

    /// Why a request was made by another site than the console, if it was.
    private func forgery(in request: Request) -> ConsoleError? {
        let host = request.head.authority ?? ""
        // Without a login the name is the only thing that tells our page from one whose name was made to point here
        // (DNS rebinding).
        if !gatekeeper.administrator.asksForLogin, !Self.isThisHost(host) {
            return ConsoleError(.misdirectedRequest, .foreignHost)
        }
        guard request.method != .get, request.method != .head else { return nil }
        if let site = request.headers[.secFetchSite], site != "same-origin", site != "none" {
            return ConsoleError(.forbidden, .foreignOrigin)
        }
        if let origin = request.headers[.origin], origin != "http://\(host)", origin != "https://\(host)" {
            return ConsoleError(.forbidden, .foreignOrigin)
        }
        return nil
    }

    /// Whether `Host` names the machine itself, as it does through an SSH tunnel too.
    static func isThisHost(_ host: String) -> Bool {
        if let address = SocketAddress(host)?.address ?? IPAddress(host) { return address.isLoopback }
        if host.hasPrefix("["), host.hasSuffix("]") {
            return IPAddress(String(host.dropFirst().dropLast()))?.isLoopback == true
        }
        let name = host.split(separator: ":", omittingEmptySubsequences: false).first.map { $0.lowercased() }
        return name == "localhost" || name?.hasSuffix(".localhost") == true
    }
}

extension HTTPField.Name {
    /// Fetch metadata: which site made the browser send a request.
    static var secFetchSite: HTTPField.Name { known("Sec-Fetch-Site") }

    /// A name that is valid as it stands in the code.
    static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is no name of a header") }
        return name
    }
}
