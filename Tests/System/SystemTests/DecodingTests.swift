import Foundation
import Testing

@Suite("tshark, an independent decoder, reads every answer")
struct DecodingTests {
    @Test(
        "No answer of any kind is malformed",
        .enabled(if: Partners.isRoot, "needs root to capture on loopback"),
        .enabled(if: Partners.has("tshark"), "needs tshark"),
        .timeLimit(.minutes(2)),
        arguments: ["127.0.0.1", "::1"]
    )
    func noAnswerIsMalformed(address: String) async throws {
        guard !address.contains(":") || Partners.hasIPv6 else { try Test.cancel("this host has no IPv6 loopback") }
        let ports = try Ports.free()
        let second = address == "127.0.0.1" ? "127.0.0.2" : nil
        try await Server.ours.running(on: address, and: second, ports: ports) {
            try await Program.running(Self.tshark(ports)) { tshark in
                let isCapturing = await tshark.wait { $0.output.contains("Capture started") }
                try #require(isCapturing, "\(tshark.state.output)")
                let client = try UDPClient(address)
                var answers: [[UInt8]] = []
                for question in Self.questions(client.local.port) {
                    let answer = try client.ask(.init(address, ports.first), question.message.bytes, within: 1000)
                    let isExpected = question.isAnswered(second != nil)
                    #expect((answer != nil) == isExpected, "\(question.name)")
                    if let answer { answers.append(answer.bytes) }
                }
                // One byte is no message and gets no answer: it only marks the end of what was captured.
                try client.send([0], to: .init(address, ports.first))
                let mark = "\(client.local.port);9;"
                let isComplete = await tshark.wait { $0.lines.contains { $0.hasPrefix(mark) } }
                try #require(isComplete, "\(tshark.state.output)")
                let lines = tshark.state.lines.filter {
                    $0.hasPrefix("\(ports.first);") || $0.hasPrefix("\(ports.second);")
                }
                #expect(lines.count == answers.count)
                for (line, answer) in zip(lines, answers) { expectDecoded(line, answer) }
            }
        }
    }

    private struct Question {
        let name: String
        let message: WireMessage
        /// Whether it is answered; the parameter tells whether the server has a second address.
        var isAnswered: (Bool) -> Bool = { _ in true }
    }

    /// Requests of the dialects that tshark knows; it has no decoder for the 8-byte header of the first drafts.
    private static func questions(_ port: UInt16) -> [Question] {
        let bothChanged = WireMessage.change(address: true, port: true)
        let addressChanged = WireMessage.change(address: true, port: false)
        let portChanged = WireMessage.change(address: false, port: true)
        let software = WireMessage.attribute(0x8022, Array("odd".utf8))
        let unknown = WireMessage.attribute(0x7FF0, [1, 2, 3])
        let otherUnknown = WireMessage.attribute(0x7FF1, [])
        let responsePort = WireMessage.attribute(0x0027, WireMessage.bigEndian(port))
        let padding = WireMessage.attribute(0x0026, [UInt8](repeating: 0, count: 300))
        return [
            Question(name: "RFC 8489, empty", message: .modern()),
            Question(name: "RFC 8489, FINGERPRINT", message: .modern(fingerprint: true)),
            Question(name: "RFC 8489, SOFTWARE of odd length", message: .modern(software, fingerprint: true)),
            Question(name: "RFC 8489, unknown attribute", message: .modern(unknown, fingerprint: true)),
            Question(name: "RFC 8489, two unknown attributes", message: .modern(unknown, otherUnknown)),
            Question(
                name: "RFC 8489, unknown optional attribute",
                message: .modern(WireMessage.attribute(0xFFF0, [9]))
            ),
            Question(name: "RFC 5780, both changed", message: .modern(bothChanged)),
            Question(name: "RFC 5780, address changed", message: .modern(addressChanged)),
            Question(name: "RFC 5780, port changed", message: .modern(portChanged, fingerprint: true)),
            Question(name: "RFC 5780, RESPONSE-PORT", message: .modern(responsePort)),
            Question(name: "RFC 5780, PADDING", message: .modern(padding)),
            Question(name: "RFC 3489, empty", message: .classic()),
            Question(name: "RFC 3489, both changed", message: .classic(bothChanged), isAnswered: { $0 }),
            Question(name: "RFC 3489, address changed", message: .classic(addressChanged), isAnswered: { $0 }),
            Question(name: "RFC 3489, port changed", message: .classic(portChanged)),
            Question(name: "RFC 3489, unknown attribute", message: .classic(unknown)),
            Question(name: "RFC 3489, two unknown attributes", message: .classic(unknown, otherUnknown)),
            Question(name: "RFC 3489, shared secret", message: .classic(type: WireMessage.sharedSecret)),
        ]
    }

    /// One line a datagram: source port; length; protocols; what tshark found wrong.
    private static func tshark(_ ports: Ports) -> [String] {
        let both = [ports.first, ports.second]
        let fields = ["udp.srcport", "udp.length", "frame.protocols", "_ws.malformed", "_ws.expert.message"]
        return ["tshark", "-l", "-n", "-i", "lo", "-f", "udp and (port \(both[0]) or port \(both[1]))"]
            + both.flatMap { ["-d", "udp.port==\($0),stun"] } + ["-T", "fields", "-E", "separator=;"]
            + fields.flatMap { ["-e", $0] }
    }

    private func expectDecoded(_ line: Substring, _ answer: [UInt8]) {
        let columns = line.split(separator: ";", omittingEmptySubsequences: false)
        let hex = answer.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        guard columns.count == 5 else {
            Issue.record("tshark wrote \(line)")
            return
        }
        let isDecoded = columns[2].hasSuffix(":stun") || columns[2].hasSuffix(":classicstun")
        // A message whose lengths do not fit is not even taken for STUN. Nor is, by a mistake of tshark's, the error
        // answer to a shared secret request: it looks for type 0x1112, where RFC 3489 section 11.1 has 0x0112.
        #expect(isDecoded || answer.starts(with: [0x01, 0x12]), "\(hex)")
        #expect(columns[3].isEmpty && columns[4].isEmpty, "\(line): \(hex)")
    }
}
