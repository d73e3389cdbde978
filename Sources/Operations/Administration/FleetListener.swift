import Addresses
import Dispatch
import Foundation
import Glibc
import Observability
import ServerSettings
import Synchronization

/// Answers the other servers of the fleet on TCP at the first STUN port, while there is a cluster key.
///
/// Where clients connect to that port as well (`tcp`), the workers have it and pass on what begins like the fleet's.
///
/// Who is none of them is not listened to; who has not the key is not answered. Each connection has a thread, and there
/// are few of them at a time.
public final class FleetListener: Sendable {
    private let administrator: Administrator
    private let limits: FleetChannel.Limits
    private let handling = Duration.seconds(10)
    private let state = Mutex(State())

    private struct State {
        var open: [SocketAddress: Opened] = [:]
        var failed: Set<SocketAddress> = []
        var connections: [ObjectIdentifier: Descriptor] = [:]
        var following: Task<Void, Never>?
        var isStopped = false
    }

    private struct Opened {
        var socket: Descriptor
        var stop: StopSignal
    }

    /// Answers for the administrator's server from now on, as its settings say, until `stop`.
    public convenience init(_ administrator: Administrator) { self.init(administrator, limits: FleetChannel.Limits()) }

    init(_ administrator: Administrator, limits: FleetChannel.Limits) {
        self.administrator = administrator
        self.limits = limits
        administrator.server.takeFleetConnections { [weak self] number, source in
            let client = Descriptor(number)
            guard fcntl(number, F_SETFL, O_NONBLOCK) == 0 else { return }
            self?.begin(client, from: source)
        }
        adopt()
        let changes = administrator.server.settingsChanges()
        let task = Task { [weak self] in
            for await _ in changes { self?.adopt() }
        }
        state.withLock { $0.following = task }
    }

    /// Closes everything.
    public func stop() {
        let (open, connections) = state.withLock { state in
            state.isStopped = true
            state.following?.cancel()
            defer {
                state.open = [:]
                state.connections = [:]
            }
            return (Array(state.open.values), Array(state.connections.values))
        }
        administrator.server.takeFleetConnections(by: nil)
        for opened in open { opened.stop.send() }
        for connection in connections { TCPSocket.shutDown(connection) }
    }

    /// Where it listens, for a port that the system chose.
    var listening: [SocketAddress] {
        state.withLock { $0.open.values.compactMap { TCPSocket.local(of: $0.socket) } }
    }

    /// Listens where it shall, and no more where it shall not.
    private func adopt() {
        let places = administrator.server.fleetPlaces
        let wanted = places.key == nil ? [] : places.listening
        let problems = state.withLock { state -> [String] in
            guard !state.isStopped else { return [] }
            for (address, opened) in state.open where !wanted.contains(address) {
                opened.stop.send()
                state.open[address] = nil
            }
            state.failed.formIntersection(wanted)
            var problems: [String] = []
            for address in wanted where state.open[address] == nil {
                do throws(SystemError) {
                    let opened = Opened(socket: try TCPSocket.listening(at: address), stop: try StopSignal())
                    state.open[address] = opened
                    state.failed.remove(address)
                    Thread { self.accept(opened) }.start()
                } catch  where error.code == EAFNOSUPPORT || error.code == EADDRNOTAVAIL {
                    // A host without IPv6; the UDP socket's fate tells of other cases.
                } catch {
                    guard state.failed.insert(address).inserted else { continue }
                    problems.append(
                        "TCP port \(address) cannot be opened, so the other servers cannot ask this one for statistics and "
                            + "sessions: \(error)"
                    )
                }
            }
            return problems
        }
        for problem in problems { administrator.server.tell(.startWarning, problem) }
    }

    private func accept(_ opened: Opened) {
        while true {
            let isReadable = UnixSocket.waitToRead([opened.stop.readEnd, opened.socket])
            if isReadable[0] { return }
            guard isReadable[1] else { continue }
            do throws(SystemError) {
                let (client, source) = try TCPSocket.accepted(from: opened.socket)
                begin(client, from: source)
            } catch {
                // The client is gone, or no descriptor is left: it stays in the queue, so wait a little.
                if error.code != EAGAIN { _ = UnixSocket.waitToRead([opened.stop.readEnd], milliseconds: 100) }
            }
        }
    }

    /// Serves a client in a thread of its own, if it is served at all.
    private func begin(_ client: Descriptor, from source: SocketAddress) {
        guard administrator.server.fleetPlaces.key != nil, enter(client, from: source) else { return }
        Thread {
            self.serve(client)
            self.leave(client)
        }.start()
    }

    /// Whether a client is served; else it is closed at once.
    private func enter(_ client: Descriptor, from source: SocketAddress) -> Bool {
        let isKnown = administrator.server.fleetPlaces.others.contains { other in
            other.addresses.contains { $0.address == source.address }
        }
        guard isKnown else { return false }
        return state.withLock { state in
            guard !state.isStopped, state.connections.count < limits.connections else { return false }
            state.connections[ObjectIdentifier(client)] = client
            return true
        }
    }

    private func leave(_ client: Descriptor) {
        state.withLock { $0.connections[ObjectIdentifier(client)] = nil }
        // The thread's closure may keep the last reference for a while.
        TCPSocket.shutDown(client)
    }

    private func serve(_ client: Descriptor) {
        let places = administrator.server.fleetPlaces
        guard let key = places.key else { return }
        do throws(FleetChannelError) {
            let channel = try FleetChannel(
                over: client,
                as: .server,
                of: places.instance,
                key: key,
                limits: limits,
                until: .now + limits.handshake
            )
            while true {
                let text = try channel.receive(begins: .now + limits.idle)
                var bytes = encoded(answer(to: text))
                if bytes.count > limits.answer {
                    bytes = encoded(.refused("the answer is longer than \(limits.answer) bytes: ask for fewer rows"))
                }
                try channel.send(bytes, until: .now + limits.transfer)
            }
        } catch {
            // Whoever asked sees that the connection ends. What a stranger sends is not worth a line in the log.
        }
    }

    private func encoded(_ answer: ControlAnswer) -> [UInt8] { (try? ControlProtocol.encode(answer)) ?? [] }

    private func answer(to text: [UInt8]) -> ControlAnswer {
        guard let request = try? ControlProtocol.decode(FleetRequest.self, from: text) else {
            return .refused("this server does not know the request: is it of another version?")
        }
        let result = AnswerBox()
        let isAnswered = DispatchSemaphore(value: 0)
        let task = Task { [administrator] in
            result.answer = await administrator.answer(to: request)
            isAnswered.signal()
        }
        let milliseconds = Int(handling / .milliseconds(1))
        guard isAnswered.wait(timeout: .now() + .milliseconds(milliseconds)) == .success, let answer = result.answer
        else {
            task.cancel()
            return .refused("the server is busy: it didn't answer within \(handling)")
        }
        return answer
    }
}

extension Administrator {
    /// Does what another server of the fleet asks.
    func answer(to request: FleetRequest) async -> ControlAnswer {
        switch request {
        case .ask(let request):
            guard FleetRequest.isAllowed(request) else {
                return .refused("this is not told to other servers: ask on the server itself")
            }
            return await server.answer(to: request, for: "another server of the fleet")
        case .change(let change, let by):
            let own = change.values.keys.sorted().filter { Settings.key(named: $0)?.isOfOneHost ?? true }
            guard own.isEmpty else {
                return .refused("\(own.joined(separator: ", ")): not changed from other servers")
            }
            do {
                _ = try await apply(change, by: Self.person(by))
                return .done
            } catch {
                return .refused("\(error)")
            }
        case .drain(let order, let by):
            do {
                let person = Self.person(by)
                guard let order else { return .drain(try await undrain(by: person)) }
                return .drain(try await drain(order, by: person))
            } catch {
                return .refused("\(error)")
            }
        }
    }

    /// Somebody on another server, who may do everything there.
    private static func person(_ name: String) -> Operator {
        Operator(name: TerminalText.oneLine(String(name.prefix(200))), role: .admin, way: .fleet)
    }
}
