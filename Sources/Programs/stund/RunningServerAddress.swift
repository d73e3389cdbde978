import Administration
import Foundation
import ServerSettings

/// Where the server is asked that uses a settings file.
struct RunningServerAddress {
    private let own: String
    /// The socket of the service, asked when nobody answers at the file's own.
    private let service: String
    /// The settings file that the service must have; nil when none was named.
    private let file: String?

    init(_ option: FileOption) throws(Failure) {
        own = try option.paths().controlSocket
        file = option.config == SettingsSources.defaultFile ? nil : option.config
        do {
            service = try StatePaths(settingsFile: "", environment: FileOption.environment, asService: true)
                .controlSocket
        } catch {
            throw Failure(error)
        }
    }

    init(own: String, service: String, file: String?) {
        self.own = own
        self.service = service
        self.file = file
    }

    /// Asks the server of the file, or the service that runs with it.
    func send(_ request: ControlRequest) throws(Failure) -> ControlAnswer {
        do throws(ControlClientError) {
            return try ControlClient.send(request, to: own)
        } catch {
            guard case .notRunning = error, isService() else { throw Failure(error) }
        }
        do throws(ControlClientError) {
            return try ControlClient.send(request, to: service)
        } catch {
            throw Failure(error)
        }
    }

    /// What telling a server of its changed settings file came to.
    enum Reload: Hashable {
        /// It has read the file again.
        case done
        /// No server answers.
        case nobody
        /// The server that answers, this process, uses another file.
        case otherFile(pid: Int32, file: String)
        /// A server answers at this socket, but this user may not ask it which file it uses.
        case notPermitted(socket: String)
    }

    /// Has the server reread its settings file if that is `file`, and say in its log what was changed; leaves any other server
    /// alone.
    func reload(ifItUses file: String, noting notes: [ChangeNote] = []) throws(Failure) -> Reload {
        var result = Reload.nobody
        for socket in own == service ? [own] : [own, service] {
            do throws(ControlClientError) {
                guard case .status(let status) = try ControlClient.send(.status, to: socket) else {
                    throw .unreadableAnswer(socket)
                }
                if SettingsPath.isSame(file, status.settingsFile) {
                    _ = try ControlClient.send(.reload, to: socket)
                    // A server of an earlier version does not know of notes.
                    for note in notes { _ = try? ControlClient.send(.note(note), to: socket) }
                    return .done
                }
                result = .otherFile(pid: status.pid, file: status.settingsFile)
            } catch .notRunning {
                continue
            } catch .notPermitted {
                return .notPermitted(socket: socket)
            } catch .refused(let reason) {
                // What is read again is the settings, and the files that they name.
                throw Failure(.configuration, ControlClientError.refused(reason).description)
            } catch {
                throw Failure(error)
            }
        }
        return result
    }

    /// Has the server that runs with a settings file say in its log what was changed; nothing when none does.
    func note(_ note: ChangeNote, ifItUses file: String) {
        guard let found = found(file) else { return }
        _ = try? ControlClient.send(.note(note), to: found.socket)
    }

    /// The state of the server that runs with a settings file; nil when none does, or it may not be asked.
    func status(ifItUses file: String) -> ServerStatus? { found(file)?.status }

    private func found(_ file: String) -> (socket: String, status: ServerStatus)? {
        for socket in own == service ? [own] : [own, service] {
            guard case .status(let status) = try? ControlClient.send(.status, to: socket) else { continue }
            if SettingsPath.isSame(file, status.settingsFile) { return (socket, status) }
        }
        return nil
    }

    /// The settings file that is meant: that of the running service when none was named and none lies in this folder.
    func fileMeant(by option: FileOption) throws(Failure) -> FileOption {
        // Whoever names a state folder means that one.
        guard file == nil, FileOption.environment["STATE_DIRECTORY"] == nil,
            !FileManager.default.fileExists(atPath: option.config), status(ifItUses: option.config) == nil
        else { return option }
        do throws(ControlClientError) {
            guard case .status(let status) = try ControlClient.send(.status, to: service) else {
                throw .unreadableAnswer(service)
            }
            var meant = option
            meant.config = status.settingsFile
            return meant
        } catch .notRunning {
            return option
        } catch {
            throw Failure(error)
        }
    }

    private func isService() -> Bool {
        guard service != own else { return false }
        do throws(ControlClientError) {
            guard case .status(let status) = try ControlClient.send(.status, to: service) else { return false }
            return file.map { SettingsPath.isSame($0, status.settingsFile) } ?? true
        } catch {
            // A service that exists but may not be asked is what the user wants to hear of.
            if case .notPermitted = error { return file == nil }
            return false
        }
    }
}

/// The path of a settings file.
enum SettingsPath {
    /// Whether both paths lead to one file, by whatever links.
    static func isSame(_ one: String, _ other: String) -> Bool {
        URL(fileURLWithPath: one).resolvingSymlinksInPath().path
            == URL(fileURLWithPath: other).resolvingSymlinksInPath().path
    }
}
