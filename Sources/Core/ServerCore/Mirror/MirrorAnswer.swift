import Addresses
import STUNCodec

/// Writes answers to requests of draft-rosenberg-midcom-turn-00 over the request.
struct MirrorAnswer {
    let context: AttributeContext

    /// Takes what the answer needs of the request.
    init(_ transactionID: TransactionID, _ layout: AddressLayout) {
        context = AttributeContext(transactionID: transactionID, addressLayout: layout)
    }

    private func writer(_ method: Method, over packet: inout Packet) -> MessageWriter {
        MessageWriter(
            MessageType(method, .success),
            in: .rosenberg,
            context: context,
            // Not the limit of answers to strangers: of 8 bytes it would leave nothing, and no stranger is answered.
            limit: packet.capacity,
            over: &packet
        )
    }

    /// An address, and the seconds that the mirror lasts without a packet.
    ///
    /// - `method`: 0x002 for Allocate, whose answer names the mirror's port; to what was sent to that port the answer names
    ///   the client's own.
    func write(_ address: SocketAddress, _ lifetime: UInt32, method: Method, over packet: inout Packet) -> Bool {
        var writer = writer(method, over: &packet)
        guard writer.append(MappedAddress(address), to: &packet),
            writer.append(DraftLifetime(seconds: lifetime), to: &packet)
        else { return false }
        writer.finish(&packet)
        return true
    }

    /// The answer of a server that has nothing left: without MAPPED-ADDRESS, with another server's address if there is one.
    func writeFull(_ alternate: SocketAddress?, over packet: inout Packet) -> Bool {
        var writer = writer(.sharedSecret, over: &packet)
        if let alternate, !writer.append(DraftAlternateServer(alternate), to: &packet) { return false }
        writer.finish(&packet)
        return true
    }
}
