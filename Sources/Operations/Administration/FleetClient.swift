import Addresses
import Dispatch
import Glibc

/// Asks another server of the fleet one thing.
struct FleetClient: Sendable {
    /// How long one answer may take, connecting included.
    static let patience = Duration.seconds(2)

    let key: [UInt8]
    /// The addresses to ask from, one of a family at most.
    let asking: [IPAddress]
    var limits = FleetChannel.Limits()
    var patience = Self.patience

    /// The answer, which is never `.refused`; waits on a thread of its own.
    func send(_ request: FleetRequest, to other: FleetPlaces.Other) async -> Result<ControlAnswer, FleetFailure> {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: sendNow(request, to: other)) }
        }
    }

    private func sendNow(_ request: FleetRequest, to other: FleetPlaces.Other) -> Result<ControlAnswer, FleetFailure> {
        guard let address = other.addresses.first else { return .failure(FleetFailure("no address of it is known")) }
        do throws(FleetChannelError) {
            let answer = try exchange(request, with: address, of: other.instance)
            guard case .refused(let reason) = answer else { return .success(answer) }
            return .failure(FleetFailure("it refused: \(reason)"))
        } catch {
            return .failure(FleetFailure(error.description))
        }
    }

    private func exchange(
        _ request: FleetRequest,
        with address: SocketAddress,
        of server: UInt64
    ) throws(FleetChannelError) -> ControlAnswer {
        let deadline = ContinuousClock.now + patience
        let own = asking.first { $0.family == address.address.family && !$0.isUnspecified }
        let socket: Descriptor
        do throws(TransferError) {
            socket = try TCPSocket.connected(to: address, from: own, until: deadline)
        } catch {
            throw .transfer(error)
        }
        let channel = try FleetChannel(
            over: socket,
            as: .client,
            of: server,
            key: key,
            limits: limits,
            until: deadline
        )
        try channel.send((try? ControlProtocol.encode(request)) ?? [], until: deadline)
        let bytes = try channel.receive(begins: deadline, ends: deadline)
        guard let answer = try? ControlProtocol.decode(ControlAnswer.self, from: bytes) else {
            return .refused("its answer cannot be understood: is it of another version?")
        }
        return answer
    }
}

/// Why another server did not answer, in words.
struct FleetFailure: Error, Hashable {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}
