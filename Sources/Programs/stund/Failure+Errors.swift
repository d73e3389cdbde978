import AccountStore
import Administration
import ClusterStore
import ServerRuntime
import ServerSettings

extension Failure {
    /// Finds the exit code for an error of another part.
    init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as SettingsError: self.init(.configuration, error.description)
        case let error as StartError: self.init(Self.status(of: error), error.description)
        case let error as PidFileError: self.init(.cantCreate, error.description)
        case let error as ControlSocketError: self.init(.cantCreate, error.description)
        case let error as ControlClientError: self.init(Self.status(of: error), error.description)
        case let error as PasswordHashError: self.init(Self.status(of: error), error.description)
        case let error as AccountStoreError: self.init(Self.status(of: error), error.description)
        case let error as ClusterStoreError: self.init(.unavailable, error.description)
        case let error as OpaqueStringError: self.init(.dataError, "a name, realm or password \(error)")
        case let error as AdministrationError: self.init(.dataError, error.description)
        case let error as SettingsRefusal: self.init(.configuration, error.description)
        default: self.init(.software, "\(error)")
        }
    }

    private static func status(of error: AccountStoreError) -> ExitStatus {
        switch error {
        case .notPermitted: .noPermission
        case .busy: .unavailable
        case .newerVersion, .damaged, .userExists, .noUser, .secretExists, .tooManySecrets, .noSecret, .alreadyRetired,
            .noOperator, .tooManyOperators, .tokenExists, .tooManyTokens, .noToken:
            .dataError
        case .system: .cantCreate
        }
    }

    private static func status(of error: StartError) -> ExitStatus {
        switch error {
        case .secondAddressWithoutFirst, .rateBelowWorkers, .noRelayAddress, .relayAddress, .engine, .sandbox,
            .certificate, .accounts:
            .configuration
        case .logNotOpened: .cantCreate
        case .portNotOpened, .system, .sandboxNotEntered: .osError
        }
    }

    private static func status(of error: ControlClientError) -> ExitStatus {
        switch error {
        case .notRunning, .timedOut, .closed: .unavailable
        case .notPermitted: .noPermission
        case .refused, .tooLong, .unreadableAnswer: .software
        case .system: .osError
        }
    }

    private static func status(of error: PasswordHashError) -> ExitStatus {
        switch error {
        case .noRandomness, .noMemory: .osError
        default: .dataError
        }
    }
}
