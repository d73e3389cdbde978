import Addresses
import Administration
import HTTPTypes
import Hummingbird
import NIOCore

/// What is known of one HTTP request beside the request itself.
struct ConsoleContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Where the connection comes from; never what a header says (X-Forwarded-For can be written by anybody).
    var client: IPAddress
    /// The port that the connection comes from.
    let sourcePort: UInt16?
    /// Whether the client has come by TLS.
    var isSecure = false
    /// Who asks; nil until `Authentication` has looked, and for pages that need nobody.
    var visitor: Visitor?

    /// The largest body of a request, in bytes: settings and forms are small.
    var maxUploadSize: Int { 256 << 10 }

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        client = source.channel.remoteAddress?.ipAddress.flatMap(IPAddress.init)?.unmapped ?? .loopbackV4
        sourcePort = source.channel.remoteAddress?.port.flatMap { UInt16(exactly: $0) }
    }
}

/// Somebody who may use the console, and how their requests are told from forged ones.
struct Visitor: Sendable {
    /// Who it is.
    var person: Operator
    /// The token that each of their forms must carry; nil when they can't be made to send a request by another site,
    /// as browsers send no bearer token by themselves.
    var formToken: String?
    /// Whether they have a session that they can end.
    var hasSession = false
    /// Whether nobody had to log in, as no password is set.
    var isOpen = false
}

extension Request {
    /// The body, if it is not too large; one that says so itself is not waited for.
    func wholeBody(_ context: ConsoleContext) async throws -> ByteBuffer {
        if let length = headers[.contentLength], Int(length).map({ $0 > context.maxUploadSize }) != false {
            throw ConsoleError(.contentTooLarge, .tooLarge)
        }
        return try await body.collect(upTo: context.maxUploadSize)
    }
}

extension IPAddress {
    static let loopbackV4 = IPAddress(v4: 0x7F00_0001)
}
