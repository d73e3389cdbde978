import Foundation
import STUNCodec
import Testing
import WireFixtures

@Suite("Every constant has IANA's number (STUN Parameters registry)")
struct IANATests {
    @Test("the table is read whole")
    func table() throws {
        let table = try Fixtures.registrations()
        #expect(table.count(where: { $0.registry == "method" }) == 12)
        #expect(table.count(where: { $0.registry == "attribute" }) > 50)
        #expect(table.count(where: { $0.registry == "error" }) == 26)
    }

    /// The declarations in a source file, each with the RFC that the line above it names.
    struct Declaration: Sendable, CustomTestStringConvertible {
        let registry: String
        let name: String
        let number: Int
        let rfc: String
        var testDescription: String { "\(registry) \(name)" }
    }

    @Test(
        "name, number and RFC of every declared constant stand in the table",
        arguments: try ConstantSource.all.flatMap { try $0.declarations() }
    )
    func constant(_ declared: Declaration) throws {
        let registered = try Fixtures.registrations().filter {
            $0.registry == declared.registry && $0.number == declared.number
        }
        #expect(registered.map { plain($0.name) } == [plain(declared.name)])
        #expect(registered.first?.rfcs.contains(declared.rfc) == true)
    }

    @Test("no declared constant was overlooked", arguments: ConstantSource.all)
    func overlooked(_ source: ConstantSource) throws {
        let written = try source.text().split(separator: "\n").count(where: { $0.contains(source.marker) })
        #expect(written > 0)
        #expect(try source.declarations().count == written)
    }

    @Test("each attribute is written under its own number")
    func attributeTypes() throws {
        let table = try Fixtures.registrations().filter { $0.registry == "attribute" }
        let types: [(any Attribute.Type, String)] = [
            (MappedAddress.self, "MAPPED-ADDRESS"), (ChangeRequest.self, "CHANGE-REQUEST"),
            (SourceAddress.self, "SOURCE-ADDRESS"), (ChangedAddress.self, "CHANGED-ADDRESS"),
            (ErrorCode.self, "ERROR-CODE"), (UnknownAttributes.self, "UNKNOWN-ATTRIBUTES"),
            (XorMappedAddress.self, "XOR-MAPPED-ADDRESS"), (Padding.self, "PADDING"),
            (ResponsePort.self, "RESPONSE-PORT"), (Fingerprint.self, "FINGERPRINT"),
            (ResponseOrigin.self, "RESPONSE-ORIGIN"), (OtherAddress.self, "OTHER-ADDRESS"),
            (ChannelNumber.self, "CHANNEL-NUMBER"), (Lifetime.self, "LIFETIME"),
            (XorPeerAddress.self, "XOR-PEER-ADDRESS"), (XorRelayedAddress.self, "XOR-RELAYED-ADDRESS"),
            (RequestedAddressFamily.self, "REQUESTED-ADDRESS-FAMILY"), (EvenPort.self, "EVEN-PORT"),
            (RequestedTransport.self, "REQUESTED-TRANSPORT"), (DontFragment.self, "DONT-FRAGMENT"),
            (ReservationToken.self, "RESERVATION-TOKEN"),
            (AdditionalAddressFamily.self, "ADDITIONAL-ADDRESS-FAMILY"),
            (AddressErrorCode.self, "ADDRESS-ERROR-CODE"), (ICMP.self, "ICMP"),
            (AlternateServer.self, "ALTERNATE-SERVER"), (ConnectionID.self, "CONNECTION-ID"),
        ]
        for (type, name) in types {
            #expect(table.filter { $0.name == name }.map(\.number) == [Int(type.type.rawValue)], "\(name)")
        }
    }

    @Test("numbers below 0x8000 must be understood, those above need not be (RFC 8489 section 14)")
    func comprehension() {
        #expect(AttributeType(rawValue: 0x7FFF).isComprehensionRequired)
        #expect(!AttributeType(rawValue: 0x8000).isComprehensionRequired)
        #expect(AttributeType(rawValue: 0).isComprehensionRequired)
        #expect(!AttributeType(rawValue: 0xFFFF).isComprehensionRequired)
    }

    @Test("cookie and fingerprint mask are the RFC's (sections 5 and 14.7)")
    func cookies() {
        #expect(magicCookie == 0x2112_A442)
        let empty: [UInt8] = []
        #expect(Fingerprint(of: empty.raw).value == 0x5354_554E)
    }
}

/// A source file with protocol constants, read as text, so that a constant added later is checked too.
struct ConstantSource: Sendable, CustomTestStringConvertible {
    let registry: String
    let path: String
    /// What every declaration of a constant contains.
    let marker: String
    /// How a declaration is written: its name, its number.
    let pattern: String
    let radix: Int
    var testDescription: String { path }

    static let all = [
        ConstantSource(
            registry: "attribute",
            path: "AttributeType.swift",
            marker: "rawValue: 0x",
            pattern: #"static var (\w+): Self \{ Self\(rawValue: 0x(\w+)\)"#,
            radix: 16
        ),
        ConstantSource(
            registry: "method",
            path: "MessageType.swift",
            marker: "rawValue: 0x",
            pattern: #"static var (\w+): Method \{ Method\(rawValue: 0x(\w+)\)"#,
            radix: 16
        ),
        ConstantSource(
            registry: "error",
            path: "Attributes/ErrorCode.swift",
            marker: "= ErrorCode(unchecked:",
            pattern: #"static let (\w+) = ErrorCode\(unchecked: (\d+)\)"#,
            radix: 10
        ),
    ]

    func text() throws -> String {
        let folder = Fixtures.package.appending(path: "Sources/Wire/STUNCodec")
        return try String(contentsOf: folder.appending(path: path), encoding: .utf8)
    }

    /// The constants, each with the RFC that the line above it names.
    func declarations() throws -> [IANATests.Declaration] {
        let declaration = try Regex(pattern, as: (Substring, Substring, Substring).self)
        var found: [IANATests.Declaration] = []
        var comment: Substring = ""
        for line in try text().split(separator: "\n") {
            if let match = line.firstMatch(of: declaration), let number = Int(match.output.2, radix: radix) {
                let rfc = comment.firstMatch(of: /RFC (\d+)/).map { String($0.output.1) } ?? "none"
                found.append(.init(registry: registry, name: String(match.output.1), number: number, rfc: rfc))
            }
            comment = line
        }
        return found
    }
}

/// A name without what IANA's spelling and Swift's differ in; "Unsupported Transport Protocol" is shortened.
private func plain(_ name: String) -> String {
    name.replacing("Transport Protocol", with: "Transport").filter { $0 != "-" && $0 != " " }.uppercased()
}
