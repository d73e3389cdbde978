import Administration
import Hummingbird

/// Answers those who come by TLS, of whom the door knows who they are; nobody else.
struct ForwardedResponder: HTTPResponder {
    let door: ConsoleDoor
    let responder: RouterResponder<ConsoleContext>

    func respond(to request: Request, context: ConsoleContext) async throws -> Response {
        // The port of another loopback address may be anybody's on this host.
        guard context.client == .loopbackV4, let port = context.sourcePort, let client = door.client(from: port) else {
            return Response(status: .forbidden)
        }
        var context = context
        context.client = client
        context.isSecure = true
        return try await responder.respond(to: request, context: context)
    }
}
