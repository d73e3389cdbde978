import Administration
import HTTPTypes
import Hummingbird
import NIOCore
import ServerSettings

/// Why a request is answered with an error, in a form that page and API can show.
struct ConsoleError: Error {
    /// Errors with a text of their own in `Texts`, by the key `error_<name>`.
    enum Kind: String {
        /// The page, or what it is about, does not exist.
        case notFound = "not_found"
        /// Nobody has logged in.
        case loginNeeded = "login_needed"
        /// Name, password or token are wrong.
        case loginWrong = "login_wrong"
        /// Too many wrong ones.
        case loginWait = "login_wait"
        /// A viewer wants to change something.
        case adminOnly = "admin_only"
        /// The request comes from the page of another site.
        case foreignOrigin = "foreign_origin"
        /// The console was asked by a name that is not this host's.
        case foreignHost = "foreign_host"
        /// The form's token is missing or old.
        case formExpired = "form_expired"
        /// A field or the body is not what it should be; the detail tells.
        case badRequest = "bad_request"
        /// The body is too large.
        case tooLarge = "too_large"
        /// The server did not do it; the detail tells why.
        case refused
        /// Too many live pages are open.
        case busy
        /// Something that should not happen.
        case inside
    }

    var status: HTTPResponse.Status
    var kind: Kind
    /// What there is to say besides.
    var detail: String?
    /// Whether the answer invites HTTP Basic.
    var asksForBasic = false
    /// Seconds after which to try again.
    var retryAfter: Int?
    /// The methods that the address knows, where the one that was used is none of them.
    var allow: String?
    /// Which settings are wrong, where some are.
    var problems: [SettingsRefusal.Problem] = []

    init(_ status: HTTPResponse.Status, _ kind: Kind, _ detail: String? = nil) {
        self.status = status
        self.kind = kind
        self.detail = detail
    }

    init(_ refusal: Gatekeeper.Refusal, asksForBasic: Bool) {
        switch refusal {
        case .unknown:
            self.init(.unauthorized, .loginWrong)
            self.asksForBasic = asksForBasic
        case .wait(let duration):
            let seconds = Int(clamping: duration.components.seconds &+ 1)
            self.init(.tooManyRequests, .loginWait, "\(seconds) s")
            retryAfter = seconds
        }
    }

    /// Makes one of any error that a handler throws.
    init(_ error: any Error) {
        switch error {
        case let error as ConsoleError: self = error
        case let error as AdministrationError:
            self.init(error.isMissing ? .notFound : .conflict, .refused, error.description)
        case let error as SettingsRefusal:
            self.init(.unprocessableContent, .refused, error.description)
            problems = error.problems
        case let error as SettingsError:
            self.init(.unprocessableContent, .refused, error.description)
            problems = error.problems.map { .init(key: $0.key, $0.description) }
        case is NIOTooManyBytesError: self.init(.contentTooLarge, .tooLarge)
        case let error as HTTPError where error.status == .notFound: self.init(.notFound, .notFound)
        case let error as HTTPError: self.init(error.status, .badRequest, error.body)
        case is DecodingError: self.init(.badRequest, .badRequest)
        default: self.init(.internalServerError, .inside, "\(error)")
        }
    }
}

extension ConsoleContext {
    /// Who asks, when they may see things.
    func viewer() throws(ConsoleError) -> Visitor {
        guard let visitor else {
            var error = ConsoleError(.unauthorized, .loginNeeded)
            error.asksForBasic = true
            throw error
        }
        return visitor
    }

    /// Who asks, when they may change things.
    func admin() throws(ConsoleError) -> Visitor {
        let visitor = try viewer()
        guard visitor.person.role == .admin else { throw ConsoleError(.forbidden, .adminOnly) }
        return visitor
    }
}
