// Unsafe: socketpair(2) fills in two numbers by a pointer, which stays inside the call.

import Glibc

@testable import Administration

/// Gives bytes to a connection between two servers of a fleet; throws when a promise is broken.
///
/// The first byte says what the others are: 0 all that a stranger sends to a server, 1 frames after a handshake, without the
/// key, 2 a request in a right frame, 3 an answer in a right frame. A test replays `FuzzTesting/Corpus/fleet`, and the
/// fuzzer `fuzz-fleet` is made of this very file.
func fleetFrames(_ bytes: [UInt8]) throws {
    let rest = Array(bytes.dropFirst())
    switch (bytes.first ?? 0) & 3 {
    case 0: try FleetFrames.stranger(rest)
    case 1: for side in [FleetChannel.Side.server, .client] { try FleetFrames.unsealed(rest, to: side) }
    case 2: try FleetFrames.request(rest)
    default: try FleetFrames.answer(rest)
    }
}

/// A promise that an input broke.
private struct BrokenPromise: Error, CustomStringConvertible {
    let description: String

    static func unless(_ isKept: Bool, _ promise: @autoclosure () -> String) throws {
        guard isKept else { throw BrokenPromise(description: promise()) }
    }
}

enum FleetFrames {
    static let key: [UInt8] = Array(0..<32)

    static func pair() throws -> (Descriptor, Descriptor) {
        var numbers: [Int32] = [0, 0]
        guard unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &numbers) == 0 else { throw SystemError() }
        return (Descriptor(numbers[0]), Descriptor(numbers[1]))
    }

    static var soon: ContinuousClock.Instant { .now + .seconds(5) }

    /// An end that bytes wait at, after which nothing comes; and the other end.
    static func waiting(_ bytes: [UInt8]) throws -> (near: Descriptor, far: Descriptor) {
        let (near, far) = try pair()
        // No more than a socket takes without a reader.
        try UnixSocket.write(Array(bytes.prefix(100_000)), to: far, until: soon)
        shutdown(far.number, Int32(SHUT_WR))
        return (near, far)
    }

    static func rest(of socket: Descriptor) -> [UInt8] {
        var bytes: [UInt8] = []
        while let byte = try? TCPSocket.read(1, from: socket, until: soon) { bytes += byte }
        return bytes
    }

    /// Who has not the key is told random bytes at most, and only when it begins as a server of the fleet.
    static func stranger(_ bytes: [UInt8]) throws {
        let (near, far) = try waiting(bytes)
        let channel = try? FleetChannel(over: near, as: .server, of: 7, key: key, until: soon)
        try BrokenPromise.unless(channel == nil, "a stranger is believed")
        TCPSocket.shutDown(near)
        let told = rest(of: far)
        let hasBegun = bytes.count >= 37 && bytes.starts(with: FleetChannel.magic)
        try BrokenPromise.unless(
            hasBegun ? told.count == 37 && told.starts(with: FleetChannel.magic) : told.isEmpty,
            "told: \(told)"
        )
    }

    /// No frame without the key is taken.
    static func unsealed(_ bytes: [UInt8], to side: FleetChannel.Side) throws {
        let (near, _) = try waiting(bytes)
        let text = try? channel(near, side).receive(begins: soon, ends: soon)
        try BrokenPromise.unless(text == nil, "a frame without the key: \(bytes)")
    }

    static func channel(_ socket: Descriptor, _ side: FleetChannel.Side) -> FleetChannel {
        let (ask, answer) = (FleetCipher(key: key), FleetCipher(key: key.reversed()))
        return FleetChannel(
            over: socket,
            as: side,
            sending: side == .client ? ask : answer,
            receiving: side == .client ? answer : ask,
            limits: FleetChannel.Limits()
        )
    }

    /// What comes out of a frame is what went in; with a byte changed nothing comes out.
    static func carried(_ text: [UInt8], by side: FleetChannel.Side) throws -> [UInt8] {
        let (near, far) = try pair()
        let other = side == .client ? FleetChannel.Side.server : .client
        let text = Array(text.prefix(60_000))
        try channel(near, side).send(text, until: soon)
        shutdown(near.number, Int32(SHUT_WR))
        var frame = rest(of: far)
        let received = try channel(try waiting(frame).near, other).receive(begins: soon)
        try BrokenPromise.unless(received == text, "another text came out")
        frame[(text.reduce(0) { $0 &* 31 &+ Int($1) } & .max) % frame.count] ^= 1 << UInt8(text.count & 7)
        try unsealed(frame, to: other)
        return received
    }

    /// A request is understood in one way only, or not at all.
    static func request(_ bytes: [UInt8]) throws {
        let text = try carried(bytes, by: .client)
        guard let request = try? ControlProtocol.decode(FleetRequest.self, from: text) else { return }
        let again = try ControlProtocol.decode(FleetRequest.self, from: try ControlProtocol.encode(request))
        try BrokenPromise.unless(again == request, "\(request) became \(again)")
        guard case .ask(let asked) = request else { return }
        if case .statistics(let query) = asked {
            try BrokenPromise.unless(query.offset >= 0 && query.limit ?? 0 >= 0, "rows below zero: \(query)")
        }
        if case .sessions(let query) = asked {
            try BrokenPromise.unless(query.offset >= 0 && query.limit ?? 0 >= 0, "rows below zero: \(query)")
        }
    }

    /// An answer is understood in one way only, and shown, whatever numbers it holds.
    static func answer(_ bytes: [UInt8]) throws {
        let text = try carried(bytes, by: .server)
        guard let answer = try? ControlProtocol.decode(ControlAnswer.self, from: text) else { return }
        let again = try ControlProtocol.decode(ControlAnswer.self, from: try ControlProtocol.encode(answer))
        try BrokenPromise.unless(again == answer, "\(answer) became \(again)")
        switch answer {
        case .statistics(let report):
            _ = StatisticsTable(report).text
            for sort in StatisticsQuery.Column.allCases {
                var query = StatisticsQuery()
                query.sort = sort
                _ = report.rows.sorted { query.isBefore($0, $1) }
            }
        case .sessions(let report):
            _ = SessionsTable(report, width: 80).text
            for sort in SessionsQuery.Column.allCases {
                var query = SessionsQuery()
                query.sort = sort
                _ = report.rows.sorted { query.isBefore($0, $1) }
            }
        case .fleet(let report): _ = FleetTable(report).text
        default: break
        }
    }
}
