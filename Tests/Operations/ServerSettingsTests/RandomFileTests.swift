import Foundation
import ServerSettings
import Testing

@Suite("Any bytes at all")
struct RandomFileTests {
    @Test("Loading never traps, and refuses in printable text or gives settings", arguments: 0..<3)
    func randomBytes(_ kind: Int) throws {
        let seed =
            ProcessInfo.processInfo.environment["SETTINGS_SEED"].flatMap(UInt64.init) ?? .random(in: 1...UInt64.max)
        print("SETTINGS_SEED=\(seed)")
        var generator = SplitMix(state: seed &+ UInt64(kind))
        let folder = try TemporaryFolder()
        let path = try folder.file()
        for round in 0..<1000 {
            let bytes = Self.input(kind, &generator)
            try bytes.write(to: URL(fileURLWithPath: path))
            let outcome = load(path: path)
            if let error = outcome.error {
                #expect(!error.problems.isEmpty, "seed \(seed), round \(round)")
                #expect(outcome.complaint.hasPrefix("stund.yaml"), "seed \(seed), round \(round)")
                let lines = outcome.complaint.unicodeScalars.filter { $0 != "\n" }
                #expect(!lines.contains { $0.properties.generalCategory == .control }, "seed \(seed), round \(round)")
            } else {
                #expect(outcome.settings != nil)
            }
            // Changing such a file either works, and then the value is there, or leaves it as it was.
            do throws(SettingsError) {
                try SettingsFile.setScalar(key: "http-user", value: "it's #1", in: path)
                #expect(load(path: path).settings?.httpUser == "it's #1" || outcome.error != nil)
            } catch {
                #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes, "seed \(seed), round \(round)")
            }
        }
    }

    private static let valid = """
        # settings
        stun-port-1: 3480
        address: [192.0.2.1, "2001:db8::1"]
        other-stun-servers:
          - stun.example.org
        http-user: 'it''s'
        log-file: "a\\tb"
        workers: auto # all

        """

    private static func input(_ kind: Int, _ generator: inout SplitMix) -> Data {
        switch kind {
        case 0:
            return Data(
                (0..<Int.random(in: 0...200, using: &generator)).map { _ in .random(in: 0...255, using: &generator) }
            )
        case 1:
            let words = [
                "a", ":", " ", "\n", "-", "?", "[", "]", "{", "}", ",", "#", "&a", "*a", "!", "|", ">", "'", "\"",
                "\\", "%", "@", "`", "\t", "\r", "---", "...", "\u{85}", "\u{2028}", "\u{FEFF}", "http-user",
                "log-level: 5",
                "<<", "\\x", "\\uD800", "é",
            ]
            let count = Int.random(in: 0...60, using: &generator)
            return Data((0..<count).map { _ in words.randomElement(using: &generator) ?? "" }.joined().utf8)
        default:
            var bytes = Array(valid.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0...2, using: &generator) {
                case 0: bytes[place] = .random(in: 0...255, using: &generator)
                case 1:
                    bytes.insert(Array(":#'\"[]{},&*!|>\n\r\t -".utf8).randomElement(using: &generator) ?? 0, at: place)
                default:
                    bytes.removeSubrange(place..<min(bytes.count - 1, place + Int.random(in: 0...9, using: &generator)))
                }
            }
            return Data(bytes)
        }
    }
}

/// A random sequence that a seed repeats.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
