import Addresses
import STUNAuthentication
import STUNCodec
import ServerCore

extension RelayRun {
    /// Sends a request with a credential.
    ///
    /// Its operands:
    ///
    /// - flow; method in three bits, and bit 3 for REQUESTED-TRANSPORT, which every good Allocate has
    /// - user in three bits, algorithm in two, FINGERPRINT, USERHASH, attributes behind the integrity
    /// - what is wrong with it; the last byte of its transaction id; how many attributes, and each of them
    mutating func request() throws(Violation) {
        let flow = byte()
        let method = byte()
        let shape = byte()
        let defect = byte()
        let id = [UInt8](repeating: 9, count: 11) + [byte()]
        let methods: [UInt16] = [3, 4, 8, 9, 3, 4, 10, 1]
        var attributes: [(type: UInt16, value: [UInt8])] = []
        if method & 8 == 0, method & 3 == 0 { attributes.append((0x0019, [17, 0, 0, 0])) }
        for _ in 0..<(byte() & 7) { attributes.append(attribute(id)) }
        let bytes = signed(methods[Int(method & 7)], attributes, shape, defect, id, Cast.flow(flow).source)
        lastRequest = (bytes, flow)
        try deliver(bytes, from: flow)
    }

    /// One attribute: a byte that says which, and one that says its value.
    private mutating func attribute(_ id: [UInt8]) -> (type: UInt16, value: [UInt8]) {
        let kind = byte()
        let value = byte()
        switch kind & 15 {
        case 0: return (0x0019, [value < 240 ? 17 : 6, 0, 0, 0])
        case 1:
            let times: [UInt64] = [0, 0, 1, 10, 59, 600, 1800, 3600, 100_000, 0xFFFF_FFFF]
            return (0x000D, NaiveMessage.bigEndian(times[Int(value) % times.count], 4))
        case 2, 3: return (0x0012, NaiveMessage.veiled(Cast.peers[Int(value) % Cast.peers.count], id: id))
        case 4, 5:
            return (
                0x000C, NaiveMessage.bigEndian(UInt64(Self.channels[Int(value) % Self.channels.count]), 2) + [0, 0]
            )
        case 6: return (0x0018, [value & 1 == 0 ? 0 : 0x80])
        case 7:
            let tokens = ports.tokens
            let token = tokens.isEmpty || value == 255 ? 0xBAD : tokens[tokens.count - 1 - Int(value) % tokens.count]
            return (0x0022, NaiveMessage.bigEndian(token, 8))
        case 8: return (0x0017, [value % 4, 0, 0, 0])
        case 9: return (value & 0x20 == 0 ? 0x8000 : 0x8032, [value < 200 ? 2 : value % 4, 0, 0, 0])
        case 10: return (0x001A, [])
        case 11: return (UInt16(0x7700) | UInt16(value), [1, 2, 3])
        case 12: return (UInt16(0x9900) | UInt16(value), [1, 2, 3])
        case 13: return (0x0013, [UInt8](repeating: value, count: Int(value)))
        default: return (UInt16(value & 0x80) << 8 | UInt16(value & 0x3F), take(Int(byte() & 31)))
        }
    }

    static let channels: [UInt16] = [0x4000, 0x4001, 0x4002, 0x4FFF, 0x5000, 0x7FFE, 0x7FFF, 0x3FFF]

    /// Puts a request together and signs it.
    private mutating func signed(
        _ method: UInt16,
        _ attributes: [(type: UInt16, value: [UInt8])],
        _ shape: UInt8,
        _ defect: UInt8,
        _ id: [UInt8],
        _ client: SocketAddress
    ) -> [UInt8] {
        let (name, realm, password) = user(shape & 7)
        let algorithm = PasswordAlgorithm(rawValue: UInt16(shape >> 3 & 3)) ?? .md5
        let isNamed = shape >> 3 & 3 != 0
        var list: [(type: UInt16, value: [UInt8])] = attributes
        if shape & 0x40 == 0 {
            list.append((0x0006, Array(name.utf8)))
        } else {
            list.append((0x001E, UserHash(username: name, realm: realm).bytes))
        }
        list.append((0x0014, Array((defect == 1 ? "third" : realm).utf8)))
        list.append((0x0015, nonce(for: client, defect)))
        if isNamed {
            if defect != 2 { list.append((0x8002, [0, 2, 0, 0, 0, 1, 0, 0])) }
            list.append((0x001D, NaiveMessage.bigEndian(UInt64(algorithm.rawValue), 2) + [0, 0]))
        }
        let key = LongTermKey(
            username: name,
            realm: realm,
            password: defect == 3 ? "wrong" : password,
            algorithm: algorithm
        )
        var behind: [(type: UInt16, value: [UInt8])] = []
        if shape & 0x80 != 0 {
            behind.append((0x000D, [0, 0, 0, 0]))
            behind.append((0x0012, NaiveMessage.veiled(Cast.peers[2], id: id)))
        }
        let header = NaiveMessage.bigEndian(UInt64(method), 2) + [0, 0, 0x21, 0x12, 0xA4, 0x42] + id
        return withPacket(header, capacity: 4096) { packet in
            var writer = MessageWriter(
                MessageType(rawValue: method),
                in: .cookie,
                context: AttributeContext(transactionID: TransactionID(high: 0, low: 0), addressLayout: .standard),
                limit: 4096,
                over: &packet
            )
            for (type, value) in list { _ = writer.append(AttributeType(rawValue: type), value.raw, to: &packet) }
            if defect != 4 {
                let integrity: IntegrityAlgorithm = isNamed ? .hmacSHA256 : .hmacSHA1
                _ = writer.appendIntegrity(integrity, key: key, to: &packet)
            }
            for (type, value) in behind { _ = writer.append(AttributeType(rawValue: type), value.raw, to: &packet) }
            if shape & 0x20 == 0 || !writer.finishWithFingerprint(&packet) { writer.finish(&packet) }
        }.datagram
    }

    /// A user's name, realm and password; the timed ones change their names as time goes on.
    private func user(_ number: UInt8) -> (name: String, realm: String, password: String) {
        let unix = unixSeconds
        var expiry: UInt64
        switch number {
        case 0...2:
            let (user, realm) = Cast.users[Int(number)]
            return (user, realm, Cast.password(user, realm))
        case 3: return ("mallory", "first", "guess")
        case 4: expiry = (unix / 4096 + 2) * 4096
        case 5: expiry = (unix / 64 + 1) * 64
        case 6: expiry = unix - 10
        default: expiry = (unix / 1024 + 1) * 1024
        }
        guard let secret = Cast.secret else { return ("", "", "") }
        let credential = TimedCredential(expiry: expiry, user: number == 7 ? nil : "carol", secret: secret)
        return (credential.username, number == 7 ? "second" : "first", credential.password)
    }

    /// A nonce as the server would have given it, or a wrong one.
    private mutating func nonce(for client: SocketAddress, _ defect: UInt8) -> [UInt8] {
        let unix = unixSeconds
        switch defect {
        case 5: return issue(to: client, at: unix - Cast.nonceLifetime - 1)
        case 6: return issue(to: client, at: unix - Cast.nonceLifetime)
        case 7: return issue(to: Cast.clients[2], at: unix)
        case 8: return Array("0123456789abcdef0123456789abcdef".utf8)
        case 9: return issue(to: client, at: unix + 6)
        case 10: return []
        default: return issue(to: client, at: unix)
        }
    }

    private mutating func issue(to client: SocketAddress, at unixSeconds: UInt64) -> [UInt8] {
        var issuer = Cast.issuer
        issuer.features = .passwordAlgorithms
        let nonce = issuer.issue(for: client, at: unixSeconds)
        let context = AttributeContext(transactionID: TransactionID(high: 0, low: 0), addressLayout: .standard)
        let bytes = withPacket([UInt8](repeating: 0, count: 32), capacity: 32) {
            nonce.write(to: &$0, at: 0, in: context)
        }.datagram
        credentials.note(nonce: bytes, to: client.address, at: unixSeconds)
        return bytes
    }

    /// The last request with some of its bytes changed: how many, and where and what for each.
    mutating func mutated() -> [UInt8] {
        var bytes = lastRequest.bytes
        for _ in 0...(byte() & 3) {
            let (place, change) = (Int(byte()), byte())
            if !bytes.isEmpty { bytes[place % bytes.count] ^= change }
        }
        return bytes
    }

    /// A Send indication: the peer, the length of its data, and a byte for FINGERPRINT, DONT-FRAGMENT and more.
    mutating func sendIndication() -> [UInt8] {
        let id = [UInt8](repeating: 8, count: 12)
        var attributes: [(type: UInt16, value: [UInt8])] = []
        attributes.append((0x0012, NaiveMessage.veiled(Cast.peers[Int(byte()) % Cast.peers.count], id: id)))
        attributes.append((0x0013, payload(byte())))
        let extras = byte()
        if extras & 2 != 0 { attributes.append((0x001A, [])) }
        if extras & 4 != 0 { attributes.append(attribute(id)) }
        if extras & 8 != 0 { attributes.reverse() }
        var bytes: [UInt8] = []
        for (type, value) in attributes {
            bytes += NaiveMessage.bigEndian(UInt64(type), 2) + NaiveMessage.bigEndian(UInt64(value.count), 2) + value
            bytes += [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
        }
        let length = bytes.count + (extras & 1 == 0 ? 0 : 8)
        bytes = [0, 0x16] + NaiveMessage.bigEndian(UInt64(length), 2) + [0x21, 0x12, 0xA4, 0x42] + id + bytes
        guard extras & 1 != 0 else { return bytes }
        let value = Fingerprint(of: bytes.raw).value
        return bytes + [0x80, 0x28, 0, 4] + NaiveMessage.bigEndian(UInt64(value), 4)
    }

    /// ChannelData: the channel, the length of its data, and what its length field says more or less than that.
    mutating func channelData() -> [UInt8] {
        let number = Self.channels[Int(byte()) % Self.channels.count]
        let data = payload(byte())
        let difference = byte()
        let claimed = data.count + (difference < 0xF0 ? 0 : Int(difference & 7) - 3)
        return NaiveMessage.bigEndian(UInt64(number), 2) + NaiveMessage.bigEndian(UInt64(max(0, claimed)), 2) + data
    }

    /// Data of some length; the largest ones are too large for any datagram.
    func payload(_ size: UInt8) -> [UInt8] {
        let count = size < 0xF0 ? Int(size) : [1400, 1472, 8000, 65_000][Int(size & 3)]
        return [UInt8](repeating: size, count: count)
    }
}
