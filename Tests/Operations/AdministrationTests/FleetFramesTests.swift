import Foundation
import Testing

@testable import Administration

@Suite("What another server of the fleet can send over its connection, and who pretends to be one")
struct FleetFramesTests {
    /// The files that the fuzzer `fuzz-fleet` begins with, and those that once broke a promise.
    private static func files() throws -> [[UInt8]] {
        let root = URL(filePath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try ["Corpus", "FailCases"].flatMap { folder in
            let path = root.appending(path: "FuzzTesting/\(folder)/fleet")
            return try FileManager.default.contentsOfDirectory(at: path, includingPropertiesForKeys: nil)
                .filter { $0.pathExtension != "md" && !$0.lastPathComponent.hasPrefix(".") }
                .sorted { $0.path < $1.path }
                .map { try [UInt8](Data(contentsOf: $0)) }
        }
    }

    @Test("no promise is broken by any file that fuzzing ever kept")
    func replay() throws {
        let files = try Self.files()
        #expect(files.count > 20, "the corpus is missing")
        for file in files { try fleetFrames(file) }
    }

    @Test("the corpus has requests and answers that are understood")
    func isUnderstood() throws {
        let files = try Self.files()
        let requests = files.filter { $0.first == 2 }.map { Array($0.dropFirst()) }
        let answers = files.filter { $0.first == 3 }.map { Array($0.dropFirst()) }
        #expect(requests.count { (try? ControlProtocol.decode(FleetRequest.self, from: $0)) != nil } >= 5)
        #expect(answers.count { (try? ControlProtocol.decode(ControlAnswer.self, from: $0)) != nil } >= 5)
    }

    @Test("thousands of changed ones break none either")
    func changed() throws {
        let files = try Self.files()
        for _ in 0..<3_000 {
            var bytes = files.randomElement() ?? []
            for _ in 0..<Int.random(in: 1...4) where bytes.count > 1 {
                let place = Int.random(in: 1..<bytes.count)
                switch UInt8.random(in: 0...3) {
                case 0: bytes[place] ^= 1 << UInt8.random(in: 0...7)
                case 1: bytes.remove(at: place)
                case 2:
                    bytes.insert(
                        contentsOf: Array("-1e99999999999999999999".utf8).prefix(Int.random(in: 1...23)),
                        at: place
                    )
                default: bytes.insert(contentsOf: bytes[Int.random(in: 1...place)...], at: place)
                }
            }
            do { try fleetFrames(Array(bytes.prefix(20_000))) } catch { Issue.record("\(error) by \(bytes)") }
        }
    }
}
